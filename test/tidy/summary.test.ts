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
  expect(resultOf("containers", [], "no engine")).toMatchObject({ failed: 1, note: "no test ran" });
});

test("a level whose tests may all be skipped is named as not run, with its count and why [toolchain:counts]", () => {
  const skipped = [file("passed", "skipped", "skipped")];
  expect(summaryLine(resultOf("containers", skipped, "no engine"))).toBe(
    "containers: 0 passed, 0 failed, 2 not run (2.5 s): no engine",
  );
  expect(resultOf("containers", [...skipped, file("failed")], "no engine")).toMatchObject({ failed: 1 });
});
