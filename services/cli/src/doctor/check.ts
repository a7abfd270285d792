/** One line of the doctor. `warn`: the bus works, and somebody may want to know. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly text: string;
  /** What to type or do about it. */
  readonly next?: string;
}

export const ok = (name: string, text: string): Check => ({ name, state: "ok", text });
export const warn = (name: string, text: string, next: string): Check => ({ name, state: "warn", text, next });
export const fail = (name: string, text: string, next: string): Check => ({ name, state: "fail", text, next });
