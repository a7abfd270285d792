/** Waiting for a condition, with a bound: tests do not sleep. */

const LOOK_MS = 5;

/** Resolves when `holds` is true; rejects with `what` after `limitMs`. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`after ${limitMs} ms still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
