/**
 * The gate itself: each rule is seen failing on a line that breaks it, in a copy of the configuration.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "./layers.ts";
import { createSeededTree, type SeededTree } from "./seeded-tree.ts";

interface Seed {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
}

const PURE = "shared/policy/src";
const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `  out.push(${index});`).join("\n");

const SEEDS: readonly Seed[] = [
  {
    rule: "boundaries(dependencies)",
    path: `${PURE}/layer.ts`,
    text: 'import { x } from "@busbar/log";\nexport const y = x;\n',
  },
  {
    rule: "boundaries(dependencies)",
    path: "shared/log/src/up.ts",
    text: 'import { x } from "../../../services/cli/src/index.ts";\nexport const y = x;\n',
  },
  {
    rule: "boundaries(dependencies)",
    path: "services/gateway/src/kit.ts",
    text: 'import { x } from "@busbar/testkit";\nexport const y = x;\n',
  },
  {
    rule: "boundaries(dependencies)",
    path: "services/gateway/src/sibling.ts",
    text: 'export { x } from "@busbar/supervisor";\n',
  },
  {
    rule: "busbar(declared-deps)",
    path: "shared/kernel/src/undeclared.ts",
    text: 'import { x } from "xstate";\nexport const y = x;\n',
  },
  {
    rule: "busbar(package-entry)",
    path: "shared/log/src/deep.ts",
    text: 'import { x } from "../../kernel/src/ids.ts";\nexport const y = x;\n',
  },
  {
    rule: "eslint(no-restricted-imports)",
    path: "shared/runtime/src/kafka.ts",
    text: 'import { Kafka } from "kafkajs";\nexport const k = Kafka;\n',
  },
  {
    rule: "eslint(no-restricted-imports)",
    path: `${PURE}/io.ts`,
    text: 'import { readFileSync } from "node:fs";\nexport const y = readFileSync;\n',
  },
  { rule: "eslint(no-restricted-globals)", path: `${PURE}/clock.ts`, text: "export const y = Date.now();\n" },
  { rule: "eslint(no-restricted-globals)", path: "shared/kernel/src/timer.ts", text: "export const y = setTimeout;\n" },
  {
    rule: "eslint(no-restricted-globals)",
    path: "shared/events/src/world.ts",
    text: "export const y = process.env;\n",
  },
  { rule: "eslint(no-restricted-properties)", path: `${PURE}/chance.ts`, text: "export const y = Math.random();\n" },
  {
    rule: "eslint(no-restricted-globals)",
    path: "shared/runtime/src/timer.ts",
    text: "export const y = setTimeout;\n",
  },
  {
    rule: "eslint(no-restricted-properties)",
    path: "shared/agent/src/chance.ts",
    text: "export const y = Math.random();\n",
  },
  {
    rule: "typescript(no-explicit-any)",
    path: "shared/log/src/any.ts",
    text: "export const y = (z: any): unknown => z;\n",
  },
  {
    rule: "typescript(no-non-null-assertion)",
    path: "shared/log/src/bang.ts",
    text: "export const y = (z?: string): string => z!;\n",
  },
  {
    rule: "typescript(no-floating-promises)",
    path: "shared/log/src/floating.ts",
    text: "const f = async (): Promise<void> => {};\nexport const y = (): void => { f(); };\n",
  },
  {
    rule: "typescript(no-misused-promises)",
    path: "shared/log/src/misused.ts",
    text: "export const y = (f: () => Promise<boolean>): number => { if (f()) return 1; return 2; };\n",
  },
  {
    rule: "typescript(switch-exhaustiveness-check)",
    path: "shared/log/src/switch.ts",
    text: 'export const y = (z: "a" | "b"): number => { switch (z) { case "a": return 1; }\n return 2; };\n',
  },
  {
    rule: "import(no-cycle)",
    path: "shared/log/src/one.ts",
    text: 'import { two } from "./two.ts";\nexport const one = (): unknown => two;\n',
  },
  {
    rule: "eslint(max-lines-per-function)",
    path: "shared/log/src/long.ts",
    text: `export function y(out: number[]): void {\n${lines(60)}\n}\n`,
  },
  {
    rule: "eslint(max-lines)",
    path: "shared/log/src/tall.ts",
    text: Array.from({ length: 401 }, (_, index) => `export const n${index} = ${index};`).join("\n"),
  },
  {
    rule: "eslint(complexity)",
    path: "shared/log/src/branchy.ts",
    text: `export const y = (z: number): boolean => ${Array.from({ length: 13 }, (_, index) => `z === ${index}`).join(" || ")};\n`,
  },
  {
    rule: "eslint(max-depth)",
    path: "shared/log/src/deep-blocks.ts",
    text: "export function y(z: number): number {\n  if (z > 1) { if (z > 2) { if (z > 3) { if (z > 4) { return 1; } } } }\n  return 0;\n}\n",
  },
];

const FINE: readonly Seed[] = [
  { rule: "", path: "services/cli/src/index.ts", text: "export const x = 1;\n" },
  {
    rule: "",
    path: "shared/log/src/two.ts",
    text: 'import { one } from "./one.ts";\nexport const two = (): unknown => one;\n',
  },
  { rule: "", path: `${PURE}/fine.ts`, text: 'import { x } from "@busbar/kernel";\nexport const y = x;\n' },
  {
    rule: "",
    path: `${PURE}/fine.test.ts`,
    text: 'import { x } from "@busbar/testkit";\nimport { test } from "vitest";\ntest("a", () => { x(Date.now()); });\n',
  },
  {
    rule: "",
    path: "shared/log/src/kafka/fine.ts",
    text: 'import { Kafka } from "kafkajs";\nexport const k = Kafka;\n',
  },
  {
    rule: "",
    path: "shared/events/src/codec/fine.ts",
    text: 'import { createHash } from "node:crypto";\nexport const h = createHash;\n',
  },
];

let tree: SeededTree;
let report: string;

beforeAll(() => {
  tree = createSeededTree();
  for (const { path, text } of [...SEEDS, ...FINE]) tree.write(path, text);
  const program = join(ROOT, "node_modules/oxlint/bin/oxlint");
  const run = spawnSync(process.execPath, [program, "-c", "oxlint.config.ts", "-f", "unix"], {
    cwd: tree.root,
    encoding: "utf8",
  });
  report = run.stdout + run.stderr;
});

afterAll(() => tree[Symbol.dispose]());

const reported = (path: string): string =>
  report
    .split("\n")
    .filter((line) => line.includes(`${path}:`))
    .join("\n");

describe("a line that breaks a rule is reported [toolchain:layers] [toolchain:pure-packages]", () => {
  test.each(SEEDS)("$rule in $path", ({ rule, path }) => {
    expect(reported(path)).toContain(rule);
  });
});

describe("what the rules allow is not reported [toolchain:layers]", () => {
  test.each(FINE.filter(({ path }) => !path.endsWith("two.ts")))("$path", ({ path }) => {
    expect(reported(path).replaceAll(/^.*no-unsafe.*$/gmu, "")).toBe("");
  });
});

test("the compiler refuses Node, timers and the console in a pure package [toolchain:pure-packages]", () => {
  using seeded = createSeededTree();
  seeded.write(
    "shared/kernel/src/index.ts",
    'import { readFileSync } from "node:fs";\nconsole.log(readFileSync, setTimeout);\n',
  );
  const program = join(ROOT, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [program, "-p", "shared/kernel/tsconfig.src.json", "--noEmit"], {
    cwd: seeded.root,
    encoding: "utf8",
  });
  for (const name of ["node:fs", "console", "setTimeout"]) expect(run.stdout).toContain(`'${name}'`);
});
