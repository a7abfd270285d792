/**
 * Counts of one level, from vitest's JSON report. A file that failed to load, and a level whose files ran no test,
 * count as one failure each: otherwise a broken import would look like success.
 */

/** The part of vitest's JSON report that is read. */
export interface Report {
  readonly testResults: readonly FileReport[];
}

/** One test file. Times in milliseconds since the epoch. */
export interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly assertionResults: readonly { readonly status: string }[];
}

/** What one level did. `seconds` is the wall time from its first file to its last. */
export interface LevelResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly note?: string;
}

/** Counts the files of a level. `whereNoneRuns`: why all of its tests may be skipped without that being a failure. */
export function resultOf(name: string, files: readonly FileReport[], whereNoneRuns?: string): LevelResult {
  const tests = files.flatMap((file) => file.assertionResults);
  const count = (status: string): number => tests.filter((test) => test.status === status).length;
  const passed = count("passed");
  const unloaded = files.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = count("failed") + unloaded;
  const seconds =
    files.length === 0
      ? 0
      : (Math.max(...files.map((file) => file.endTime)) - Math.min(...files.map((file) => file.startTime))) / 1000;
  const counted = { name, passed, skipped: tests.length - passed - count("failed"), seconds };
  if (passed + failed > 0) return { ...counted, failed };
  if (whereNoneRuns !== undefined && counted.skipped > 0) return { ...counted, failed, note: whereNoneRuns };
  return { ...counted, failed: 1, note: "no test ran" };
}

/** One line: `unit: 120 passed, 0 failed, 1 not run (3.2 s)`. */
export function summaryLine({ name, passed, failed, skipped, seconds, note }: LevelResult): string {
  const notRun = skipped === 0 ? "" : `, ${skipped} not run`;
  return `${name}: ${passed} passed, ${failed} failed${notRun} (${seconds.toFixed(1)} s)${note === undefined ? "" : `: ${note}`}`;
}
