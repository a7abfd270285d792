import { expect, test } from "vitest";
import { type FileReport, resultOf, summaryLine } from "../summary.ts";

const file = (status: string, ...tests: readonly string[]): FileReport => ({
  name: "a.test.ts",
  status,
  startTime: 1_000,
  endTime: 3_500,
  assertionResults: tests.map((each) => ({ status: each })),
});

test("a level counts what passed, failed and was not run [toolchain:counts]", () => {
  const result = resultOf("unit", [file("passed", "passed", "passed", "skipped"), file("failed", "failed")]);
  expect(summaryLine(result)).toBe("unit: 2 passed, 1 failed, 1 not run (2.5 s)");
});

test("a file that does not load is a failure [toolchain:counts]", () => {
  expect(resultOf("unit", [file("passed", "passed"), file("failed")])).toMatchObject({ passed: 1, failed: 1 });
});

test("a level that has files and ran no test is a failure [toolchain:counts]", () => {
  expect(resultOf("unit", [])).toMatchObject({ passed: 0, failed: 1, note: "no test ran" });
  expect(resultOf("unit", [file("passed", "skipped")])).toMatchObject({ failed: 1, note: "no test ran" });
});
