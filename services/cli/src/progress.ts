/**
 * Progress of what takes more than a second, on standard error: on a terminal one line that is written over, elsewhere a
 * line each few seconds. Never under `-o json` or `jsonl`: whoever reads those reads no words. Short work says nothing.
 */

export interface Progress {
  /** Done so far; `detail` stands behind it. */
  tick(done: number, detail?: string): void;
  /** Ends it; on a terminal the line is wiped. */
  stop(): void;
}

export interface ProgressOptions {
  /** What is counted, as a plural. */
  readonly what: string;
  /** Null: not known. */
  readonly total: number | null;
  /** Takes text as it is. */
  readonly write: (text: string) => void;
  /** Columns of the terminal on standard error; null where it is none. */
  readonly terminal: number | null;
}

const FIRST_MS = 1000;
const TERMINAL_EVERY_MS = 200;
const LINES_EVERY_MS = 2000;
const WIPE = "\r\u001b[K";

/** The line. `elapsedMs` since the start of the work. */
export function progressLine(what: string, done: number, total: number | null, elapsedMs: number, detail = ""): string {
  const rate = elapsedMs === 0 ? 0 : (done * 1000) / elapsedMs;
  const left = rate === 0 || total === null ? "" : `, about ${Math.ceil(Math.max(0, total - done) / rate)} s left`;
  const whole = total === null ? "" : ` of ${total}`;
  return `${done}${whole} ${what}, ${rate.toFixed(1)} a second${left}${detail === "" ? "" : `; ${detail}`}`;
}

export function startProgress({ what, total, write, terminal }: ProgressOptions): Progress {
  const startedMs = performance.now();
  let [done, detail, isShown] = [0, "", false];
  let timer: NodeJS.Timeout;
  const show = (): void => {
    const line = progressLine(what, done, total, performance.now() - startedMs, detail);
    write(terminal === null ? `${line}\n` : `${WIPE}${line.slice(0, Math.max(1, terminal - 1))}`);
    isShown = true;
    timer = setTimeout(show, terminal === null ? LINES_EVERY_MS : TERMINAL_EVERY_MS);
    timer.unref();
  };
  timer = setTimeout(show, FIRST_MS);
  timer.unref();
  return {
    tick: (now, more = "") => {
      [done, detail] = [now, more];
    },
    stop: () => {
      clearTimeout(timer);
      if (isShown && terminal !== null) write(WIPE);
    },
  };
}

/** Where nothing may be said. */
export const SILENT: Progress = { tick: () => undefined, stop: () => undefined };
