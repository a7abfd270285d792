/** The script of bash is run by bash; those of zsh and fish are checked by their shells where these are installed. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programTree } from "../commands/completion.ts";
import { COMMANDS } from "../registry.ts";
import { completionScript, type Shell, SHELLS } from "./scripts.ts";
import type { CompletedCommand } from "./tree.ts";

let tree: readonly CompletedCommand[];
const folder = mkdtempSync(join(tmpdir(), "busbar-completion-"));
beforeAll(async () => {
  tree = await programTree();
  for (const shell of SHELLS) writeFileSync(join(folder, shell), completionScript(shell, tree));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasShell = (shell: Shell): boolean => spawnSync(shell, ["-c", "true"]).status === 0;

const LINES: readonly (readonly string[])[] = [
  ["busbar", "po"],
  ["busbar", "policy", ""],
  ["busbar", "-o", ""],
  ["busbar", "-o", "json", "dlq", "r"],
  ["busbar", "dlq", "redrive", "--a"],
  ["busbar", "breaker", "i"],
  ["busbar", "--context", "dlq", "policy", "d"],
  ["busbar", "events", "query", "--partition", ""],
  ["npx", "busbar", "compl"],
  ["npx", "tsc", "--"],
  ["busbar", "context", "add", "x", "--security", ""],
];

/** What bash offers at the end of each line. */
function offered(): readonly string[] {
  const call = (words: readonly string[]): string => {
    const list = words.map((word) => `'${word}'`).join(" ");
    const name = words[0] === "npx" ? "_busbar_npx" : "_busbar";
    return `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; COMPREPLY=(); ${name}; echo "\${COMPREPLY[*]}"`;
  };
  const script = [`source '${join(folder, "bash")}'`, ...LINES.map(call)].join("\n");
  return execFileSync("bash", ["--norc", "-c", script], { encoding: "utf8" }).split("\n").slice(0, LINES.length);
}

describe("completion", () => {
  it("of bash offers commands, options and fixed values [cli:completion]", { timeout: 30_000 }, () => {
    expect(offered()).toEqual([
      "policy",
      "check diff push -o --output --log --prefix --context --help",
      "table json jsonl",
      "redrive",
      "--all --again",
      "isolate",
      "diff",
      "",
      "completion",
      "",
      "scram none",
    ]);
  });

  it("has every command in every shell [cli:completion]", () => {
    for (const shell of SHELLS) {
      const script = completionScript(shell, tree);
      for (const { name } of COMMANDS) expect(script, `${shell} ${name}`).toContain(name);
    }
    expect(tree.find(({ path }) => path === "dlq redrive")?.options.map(({ flags }) => flags.at(-1))).toContain(
      "--reason",
    );
  });

  for (const shell of ["zsh", "fish"] as const) {
    it.skipIf(!hasShell(shell))(`of ${shell} is read by it without a complaint`, () => {
      expect(spawnSync(shell, ["-n", join(folder, shell)], { encoding: "utf8" })).toMatchObject({
        status: 0,
        stderr: "",
      });
    });
  }
});
