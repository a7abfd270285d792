/** Progress of what takes more than a second: one line a second with rate and time left. */

export interface Progress {
  /** Done so far, of the whole. */
  tick(done: number): void;
  stop(): void;
}

const EVERY_MS = 1000;

/** The line. `elapsedMs` since the start of the work. */
export function progressLine(what: string, done: number, total: number, elapsedMs: number): string {
  const rate = elapsedMs === 0 ? 0 : (done * 1000) / elapsedMs;
  const left = rate === 0 ? "" : `, about ${Math.ceil((total - done) / rate)} s left`;
  return `${done} of ${total} ${what}, ${rate.toFixed(1)} a second${left}`;
}

/** Says a line each second until `stop`. */
export function startProgress(what: string, total: number, say: (line: string) => void): Progress {
  const startedMs = performance.now();
  let done = 0;
  const timer = setInterval(() => say(progressLine(what, done, total, performance.now() - startedMs)), EVERY_MS);
  timer.unref();
  return {
    tick: (now) => {
      done = now;
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}
