/**
 * docs/tutorial.md as a reader types it: every file that it says to write, every command, and every line that it says
 * a command prints. On the Kafka of the test run, in a project made by the page's own first step.
 *
 * T1 `…` in a line stands for anything; spaces are not counted; lines come in the order of the page, others between them.
 * T2 What a bus names at random (a freeze, a fence) is bound at its first line and means the same from then on.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { outsideEnv, ROOT, runProgram } from "./shell.ts";

const STEP_BOUND_MS = 150_000;
const READY_LINE = "Ctrl-C ends everything.";

type Part =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "commands"; readonly lines: readonly string[] }
  | { readonly kind: "output"; readonly lines: readonly string[] };

interface Step {
  readonly number: string;
  readonly title: string;
  readonly parts: readonly Part[];
}

const BLOCK = /(?:Write\s+`([^`]+)`:\n\n)?(?:<!-- code: \S+ -->\n)?```(\w+)\n([\s\S]*?)```/gu;

function partOf(path: string | undefined, language: string, text: string): readonly Part[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (language === "sh") return [{ kind: "commands", lines }];
  if (language === "text") return [{ kind: "output", lines }];
  return path === undefined ? [] : [{ kind: "file", path, text }];
}

function stepsOf(page: string): readonly Step[] {
  const [, ...sections] = page.split(/^## /mu);
  return sections.map((section) => {
    const [, number = "", title = ""] = /^(\d+)\. (.*)$/mu.exec(section) ?? [];
    const blocks = [...section.matchAll(BLOCK)];
    return {
      number,
      title,
      parts: blocks.flatMap(([, path, language = "", text = ""]) => partOf(path, language, text)),
    };
  });
}

const STEPS = stepsOf(readFileSync(join(ROOT, "docs/tutorial.md"), "utf8"));

let parent = "";
let dev: ChildProcess | null = null;
/** Where the reader is. */
let folder = ROOT;
/** T2: what the page names, to what the bus named. */
const bound = new Map<string, string>();

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "busbar-tutorial-"));
});

afterAll(async () => {
  const running = dev;
  if (running?.pid !== undefined && running.exitCode === null && running.signalCode === null) {
    const ended = new Promise((done) => running.once("close", done));
    process.kill(-running.pid, "SIGINT");
    await ended;
  }
  rmSync(parent, { recursive: true, force: true });
}, STEP_BOUND_MS);

/** The bus of this run, with topics of its own; nothing of the repository on the PATH. */
const env = (): NodeJS.ProcessEnv =>
  outsideEnv({
    BUSBAR_BROKERS: inject("brokers").join(","),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    BUSBAR_PREFIX: `tutorial-${process.pid}`,
  });

const NAMES = /f-[0-9a-f]{8}|(?<=\bfence )\d+/gu;

/** What the reader types for a line of the page. */
function asTyped(line: string): string {
  const named = [...bound].reduce((text, [name, actual]) => text.replaceAll(name, actual), line);
  return named.replace("../my-agent", join(parent, "my-agent"));
}

const squeezed = (text: string): string => text.replaceAll(/\s+/gu, " ").trim();
const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/gu, "\\$&").replaceAll("…", ".*");

/** The pattern of a line of the page; names that are not bound yet are its groups, in their order. */
function patternOf(line: string): { readonly pattern: RegExp; readonly unbound: readonly string[] } {
  const unbound: string[] = [];
  let pattern = "";
  let from = 0;
  for (const { 0: name, index } of line.matchAll(NAMES)) {
    const known = bound.get(keyOf(line, name, index));
    if (known === undefined) unbound.push(keyOf(line, name, index));
    pattern += literal(line.slice(from, index)) + (known === undefined ? "([0-9a-f-]+)" : literal(valueOf(known)));
    from = index + name.length;
  }
  return { pattern: new RegExp(pattern + literal(line.slice(from)), "u"), unbound };
}

/** A fence is a number, and numbers are everywhere: it is known with its word. */
const keyOf = (line: string, name: string, index: number): string =>
  line.slice(0, index).endsWith("fence ") ? `fence ${name}` : name;
const valueOf = (actual: string): string => actual.replace("fence ", "");

/** T1. */
function expectLines(wanted: readonly string[], printed: string): void {
  const lines = printed.split("\n").map(squeezed);
  let from = 0;
  for (const line of wanted.map(squeezed)) {
    const { pattern, unbound } = patternOf(line);
    const at = lines.findIndex((one, index) => index >= from && pattern.test(one));
    expect(at, `the page says: ${line}\nprinted after the line before it:\n${lines.slice(from).join("\n")}`).not.toBe(
      -1,
    );
    const [, ...groups] = pattern.exec(lines[at] ?? "") ?? [];
    unbound.forEach((key, index) =>
      bound.set(key, `${key.startsWith("fence ") ? "fence " : ""}${groups[index] ?? ""}`),
    );
    from = at + 1;
  }
}

/** `npx busbar dev` in its own terminal; what it printed until it stays. */
async function startDev(): Promise<string> {
  const child = spawn("sh", ["-c", "npx busbar dev"], { cwd: folder, env: env(), detached: true });
  dev = child;
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await expect.poll(() => text, { timeout: STEP_BOUND_MS }).toContain(READY_LINE);
  return text;
}

/** Types one line; what it printed on both streams. */
async function typeLine(line: string): Promise<string> {
  const typed = asTyped(line);
  if (typed.startsWith("cd ")) {
    folder = typed.slice("cd ".length);
    return "";
  }
  if (typed === "npx busbar dev") return startDev();
  const { code, out, err } = await runProgram("sh", ["-c", typed], folder, env());
  const wanted = Number(/# exit code (\d+)$/u.exec(line)?.[1] ?? 0);
  expect({ line, code, err: code === wanted ? "" : `${out}${err}` }).toEqual({ line, code: wanted, err: "" });
  return `${err}\n${out}`;
}

async function follow(step: Step): Promise<void> {
  let printed = "";
  for (const part of step.parts) {
    if (part.kind === "file") {
      expect(dirname(part.path)).toMatch(/^(?:src|\.)$/u);
      writeFileSync(join(folder, part.path), part.text);
    } else if (part.kind === "output") {
      expectLines(part.lines, printed);
    } else {
      printed = "";
      for (const line of part.lines) printed += `${await typeLine(line)}\n`;
    }
  }
}

describe("the tutorial", () => {
  test("has six numbered steps, each with commands and with what they print [outside:tutorial]", () => {
    expect(STEPS.map(({ number }) => number)).toEqual(["1", "2", "3", "4", "5", "6"]);
    for (const { title, parts } of STEPS) {
      const kinds = parts.map(({ kind }) => kind);
      expect({ title, kinds }).toEqual({ title, kinds: expect.arrayContaining(["commands", "output"]) as string[] });
    }
    expect(STEPS.flatMap(({ parts }) => parts).filter(({ kind }) => kind === "file")).toHaveLength(5);
  });

  for (const step of STEPS) {
    test(
      `${step.number}. ${step.title}: prints what the page says [outside:tutorial]`,
      async () => {
        await follow(step);
      },
      STEP_BOUND_MS,
    );
  }

  test("a line that is not printed, or not in its order, is noticed", () => {
    expect(() => expectLines(["b …", "a"], "a\nb 1")).toThrow(/the page says: a/u);
    expect(() => expectLines(["fence 3"], "no fence")).toThrow(/the page says: fence 3/u);
    expectLines(["a", "freeze f-00000000 …"], "a\n  freeze   f-12345678 of x");
    expect(asTyped("lift f-00000000")).toBe("lift f-12345678");
  });
});
