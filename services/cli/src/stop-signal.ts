/**
 * Resolves at the first SIGINT or SIGTERM. A second one ends the process at once, and so does a stop (or a start that is
 * not over yet) that takes longer than the bound, ms.
 */
export function stopSignal(boundMs: number | null = null): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (!isFirst) process.exit(130);
      isFirst = false;
      if (boundMs !== null) setTimeout(() => process.exit(1), boundMs).unref();
      resolve(signal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    if (process.env["BUSBAR_EXIT_WITH_PARENT"] === undefined) return;
    // Our parent holds the other end; when it dies, we go too.
    process.stdin.resume();
    process.stdin.once("end", () => onSignal("SIGTERM"));
    process.stdin.once("error", () => onSignal("SIGTERM"));
  });
}
