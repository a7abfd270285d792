/** What the main of every service does around its work: one ready line, signals, exit. */
import { isBusbarError, reasonOf } from "@busbar/kernel";
import type { Logger } from "./logger.ts";

export interface ServiceReady {
  readonly service: string;
  readonly http: string | null;
  readonly [field: string]: unknown;
}

/** One JSON line on standard output: whoever started the process reads it. */
export function announceReady(ready: ServiceReady): void {
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, ...ready })}\n`);
}

/** Longest time from the signal to the end, a start that is not over included, ms. */
export const STOP_BOUND_MS = 10_000;

/**
 * Runs a service until SIGTERM or SIGINT (or the end of standard input when BUSBAR_EXIT_WITH_PARENT is set, so that a
 * parent that dies takes it along). A start that fails exits with the error's own code.
 *
 * Signals are heard from the first moment: one that comes during the start lets the start finish and then stops what it
 * started, so that nothing is left half open; a start that hangs is given up after the bound. A second signal ends the
 * process at once.
 */
export async function runService(
  logger: Logger,
  start: () => Promise<{ stop(): Promise<void> }>,
  stopBoundMs = STOP_BOUND_MS,
): Promise<void> {
  process.on("unhandledRejection", (error) => {
    logger.error({ err: error }, `unhandled rejection: ${reasonOf(error)}`);
    process.exit(1);
  });
  const asked = stopAsked();
  void asked.then(() => setTimeout(() => process.exit(1), stopBoundMs));
  try {
    const running = await start();
    await asked;
    await running.stop();
    process.exit(0);
  } catch (error) {
    logger.error(
      { err: error, ...(isBusbarError(error) ? { code: error.code, next: error.next } : {}) },
      reasonOf(error),
    );
    process.exit(isBusbarError(error) ? error.row.exitCode : 1);
  }
}

/** Exit code of a process that a signal ended, by the shell's convention. */
const INTERRUPTED = 130;

function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    let isAsked = false;
    const onSignal = (): void => {
      if (isAsked) process.exit(INTERRUPTED);
      isAsked = true;
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    if (process.env["BUSBAR_EXIT_WITH_PARENT"] === undefined) return;
    process.stdin.resume();
    process.stdin.once("end", () => resolve());
    process.stdin.once("error", () => resolve());
  });
}
