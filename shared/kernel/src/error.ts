/** The one error class: a code of the table, its fields, and what to do next. Recognised by brand across copies. */
import type { Disposition, ErrorRow } from "./error-row.ts";
import { ERRORS, type ErrorCode } from "./error-table.ts";

const BRAND = Symbol.for("dev.busbar.error");
export type ErrorFields = Readonly<Record<string, string | number | boolean>>;

function fill(template: string, fields: ErrorFields): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(fields, name) ? String(fields[name]) : whole,
  );
}

export class BusbarError extends Error {
  override readonly name = "BusbarError";
  readonly code: ErrorCode;
  readonly fields: ErrorFields;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, fields: ErrorFields, cause?: unknown) {
    super(fill(ERRORS[code].message, fields), cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }

  get row(): ErrorRow {
    return ERRORS[this.code];
  }

  get disposition(): Disposition {
    return this.row.disposition;
  }

  /** What the reader types or does next. */
  get next(): string {
    return fill(this.row.next, this.fields);
  }
}

export function busbarError(code: ErrorCode, fields: ErrorFields = {}, cause?: unknown): BusbarError {
  return new BusbarError(code, fields, cause);
}

export function isBusbarError(value: unknown): value is BusbarError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** The text of anything thrown, for messages and reasons; bounded to 500 characters. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return text.length > 500 ? `${text.slice(0, 499)}…` : text;
}
