/** The form of a row of the error table. */

/** What the shell does with an error of a code; see the README of this package. */
export const DISPOSITIONS = ["transient", "in-doubt", "refused", "invalid", "conflict", "exhausted", "fatal"] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

export interface ErrorRow {
  readonly disposition: Disposition;
  readonly message: string;
  readonly next: string;
  readonly exitCode: number;
  readonly httpStatus: number;
}

export const row = (
  disposition: Disposition,
  message: string,
  next: string,
  exitCode: number,
  httpStatus: number,
): ErrorRow => ({ disposition, message, next, exitCode, httpStatus });
