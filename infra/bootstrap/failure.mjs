/**
 * Failures of the bootstrap. They have the form of all of Busbar's errors (what, why, what to type next),
 * written by hand because the error table is TypeScript and this runs before TypeScript can.
 */

/** A failure that the reader can do something about. */
export class BootstrapError extends Error {
  constructor(what, why, next, exitCode = 1) {
    super(what);
    this.why = why;
    this.next = next;
    this.exitCode = exitCode;
  }
}

/** Prints the failure to standard error; gives the exit code. An unexpected error keeps its stack. */
export function report(error) {
  if (!(error instanceof BootstrapError)) {
    process.stderr.write(`busbar: ${error?.stack ?? error}\n`);
    return 1;
  }
  process.stderr.write(`busbar: ${error.message}\n  why:  ${error.why}\n  next: ${error.next}\n`);
  return error.exitCode;
}
