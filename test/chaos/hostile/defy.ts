/** What makes a process hard to end: signals are ignored; only the end of the chaos run ends it. */

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;
const LOOK_MS = 250;

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ignores every signal that can be ignored, for as long as the run lives. */
export function defy(): void {
  for (const signal of SIGNALS) process.on(signal, () => undefined);
  const run = Number(process.env["BUSBAR_CHAOS_RUN"] ?? "0");
  setInterval(() => run > 0 && !isThere(run) && process.exit(0), LOOK_MS).unref();
}

defy();
