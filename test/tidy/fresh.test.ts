import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ERRORS } from "@busbar/kernel";
import { expect, test } from "vitest";
import { ROOT } from "./layers.ts";
import { textOf } from "./repository.ts";

const runs = (script: string): string =>
  execFileSync(process.execPath, [join(ROOT, script), "--check"], { cwd: ROOT, encoding: "utf8" });

test("the generated types are those of the schemas [schemas:generated-fresh]", () => {
  expect(() => runs("schemas/generate.ts")).not.toThrow();
});

test("the reference of errors is that of the error table [errors:documented]", () => {
  expect(() => runs("docs/reference/generate.ts")).not.toThrow();
});

test("the reference of the command line is that of its commands and of the doctor's catalogue [cli:documented]", () => {
  expect(() => runs("services/cli/src/reference/generate.ts")).not.toThrow();
});

test("each code has its section in the reference, and each section its code [errors:documented]", () => {
  const documented = [...textOf("docs/reference/errors.md").matchAll(/^## (\w+)$/gmu)].map(([, code]) => code);
  expect(documented).toEqual(Object.keys(ERRORS).toSorted());
});
