/** Each script is run by its shell; those of zsh and fish where these are installed. */
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

const inShell = (shell: Shell, args: readonly string[]) => spawnSync(shell, args, { encoding: "utf8" });

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

/** The script in a zsh whose editor is played by the test: words and cursor are set, what is added is printed. */
const EDITOR = String.raw`
typeset -A _comps
compdef() { [[ $2 == npx ]] && _comps[npx]=$1; [[ $2 == busbar ]] && _comps[busbar]=$1 }
_default() { : }
compadd() {
  [[ $1 == -a ]] || return
  local begun="$words[CURRENT]" word
  for word in "$\{(@P)2}"; do [[ "$word" == "$begun"* ]] && print -rn -- "$word "; done
}
source "$1"
shift
for line in "$@"; do
  words=("$\{(@s: :)line}")
  CURRENT=$#words
  print -rn -- "$\{(j: :)words[1,-2]} "
  $_comps[$words[1]]
  print
done
`.replaceAll("$\\{", "${");

function byZsh(lines: readonly string[]): readonly string[] {
  const { stdout } = inShell("zsh", ["-f", "-c", EDITOR, "zsh", join(folder, "zsh"), ...lines]);
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.trim()]));
}

/** What fish offers for the last word of each line, in place of it. */
function byFish(lines: readonly string[]): readonly string[] {
  const ask = lines.map((line) => `echo '<<'; complete -C '${line}'`);
  const script = [`source '${join(folder, "fish")}'`, ...ask].join("\n");
  const { stdout } = inShell("fish", ["--no-config", "-c", script]);
  const answers = stdout.split("<<\n").slice(1);
  return lines.map((line, index) => {
    const words = (answers[index] ?? "").split("\n").flatMap((row) => (row === "" ? [] : [row.split("\t")[0] ?? ""]));
    return [...line.split(" ").slice(0, -1), ...words].join(" ");
  });
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
    it.skipIf(!hasShell(shell))(
      `of ${shell} completes when it is run by it [cli:completion]`,
      { timeout: 60_000 },
      () => {
        expect(spawnSync(shell, ["-n", join(folder, shell)], { encoding: "utf8" })).toMatchObject({
          status: 0,
          stderr: "",
        });
        const typed = COMPLETED.map(([line]) => line);
        expect(shell === "zsh" ? byZsh(typed) : byFish(typed)).toEqual(COMPLETED.map(([line, rest]) => line + rest));
      },
    );
  }
});

/** Lines that can go on in one way only, and how. */
const COMPLETED: readonly (readonly [line: string, rest: string])[] = [
  ["busbar po", "licy"],
  ["busbar -o json dlq r", "edrive"],
  ["busbar dlq redrive --al", "l"],
  ["busbar breaker i", "solate"],
  ["busbar --context dlq policy d", "iff"],
  ["busbar context add x --security sc", "ram"],
  ["npx busbar compl", "etion"],
  ["npx busbar dlq red", "rive"],
];
