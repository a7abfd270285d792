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

/** Longest time a clean stop may take before the process ends anyway, ms. */
const STOP_BOUND_MS = 10_000;

/**
 * Runs a service until SIGTERM or SIGINT (or the end of standard input when BUSBAR_EXIT_WITH_PARENT is set, so that a
 * parent that dies takes it along). A start that fails exits with the error's own code.
 */
export async function runService(logger: Logger, start: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
  process.on("unhandledRejection", (error) => {
    logger.error({ err: error }, `unhandled rejection: ${reasonOf(error)}`);
    process.exit(1);
  });
  try {
    const running = await start();
    await stopAsked();
    const bound = setTimeout(() => process.exit(1), STOP_BOUND_MS);
    await running.stop();
    clearTimeout(bound);
    process.exit(0);
  } catch (error) {
    logger.error(
      { err: error, ...(isBusbarError(error) ? { code: error.code, next: error.next } : {}) },
      reasonOf(error),
    );
    process.exit(isBusbarError(error) ? error.row.exitCode : 1);
  }
}

function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
    if (process.env["BUSBAR_EXIT_WITH_PARENT"] === undefined) return;
    process.stdin.resume();
    process.stdin.once("end", () => resolve());
    process.stdin.once("error", () => resolve());
  });
}
