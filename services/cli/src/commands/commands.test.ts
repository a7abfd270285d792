import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineAgent } from "@busbar/agent";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { scopeArgument } from "../parse/scope.ts";
import { run } from "../program.ts";
import { agentNames, chooseProject } from "../project-file.ts";
import { COMMANDS } from "../registry.ts";
import { chosenAgents } from "../run-agents.ts";
import { nextLines } from "./dev.ts";
import { filterWords } from "./events.ts";
import { effectsOption } from "./freeze.ts";
import { callIdOf } from "./settle.ts";
import { readInput } from "./submit.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-cli-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function typed(...args: readonly string[]): Promise<{ readonly exitCode: number; readonly err: string }> {
  let err = "";
  const streams = { out: () => undefined, err: (text: string) => void (err += text), width: null, hasColour: false };
  return { exitCode: await run(args, streams), err };
}

describe("every command", () => {
  it("is loaded by its name and says what it does", async () => {
    for (const { name, load } of COMMANDS) {
      const command = await load();
      expect(command).toBeInstanceOf(Command);
      expect(command.name()).toBe(name);
      expect(command.description(), name).not.toBe("");
    }
  });

  it.each([
    ["halt", "agent:a"],
    ["resume", "agent:a", "--fence", "1"],
    ["freeze", "agent:a"],
    ["breakers", "isolate", "sql"],
    ["breaker", "close", "sql"],
    ["settle", "chain", "1", "committed"],
    ["approvals", "grant", "c:1"],
    ["approval", "deny", "c:1"],
    ["handoffs", "take", "c:1"],
    ["handoff", "answer", "c:1", "yes"],
    ["rollback", "c"],
    ["policy", "push"],
    ["dlq", "redrive", "0/1"],
  ])("%s %s asks for a reason, and an empty one is none [cli:reason-required]", async (...words) => {
    expect(await typed(...words)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("required option '--reason <text>' not specified") as string,
    });
    expect(await typed(...words, "--reason", " ")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("--reason: it is empty") as string,
    });
  });
});

describe("scopes as they are typed", () => {
  it("are taken as they are, and what was meant is said for the rest [cli:error-says-next]", () => {
    for (const scope of ["fleet", "agent:a", "tool:sql.read", "chain:c"]) expect(scopeArgument(scope)).toBe(scope);
    const next = (text: string): unknown => {
      try {
        return scopeArgument(text);
      } catch (error) {
        return (error as { readonly next: string }).next;
      }
    };
    expect(next("support")).toBe("write agent:support");
    expect(next("b14fe0e7d4638085d06bacdef601ae0b")).toBe("write chain:b14fe0e7d4638085d06bacdef601ae0b");
    expect(next("agents:x y")).toBe("npx busbar status");
  });
});

describe("inputs of a task", () => {
  it("are JSON, a file, or standard input", async () => {
    const file = join(folder, "task.json");
    writeFileSync(file, '{"a": 1}');
    expect(await readInput('"x"')).toBe("x");
    expect(await readInput(`@${file}`)).toEqual({ a: 1 });
    expect(await readInput("-", () => Promise.resolve("[2]"))).toEqual([2]);
  });

  it("name the file that is wrong or missing [cli:error-says-next]", async () => {
    const file = join(folder, "task.json");
    writeFileSync(file, "{");
    await expect(readInput(`@${file}`)).rejects.toThrow(`${file}: line 1, column 2`);
    await expect(readInput(`@${file}.gone`)).rejects.toMatchObject({ code: "BUSBAR_INPUT_INVALID" });
    await expect(readInput("-", () => Promise.resolve("nope"))).rejects.toThrow("standard input: line 1, column 1");
  });
});

describe("small words of commands", () => {
  it("effects are classes, each once", () => {
    expect(effectsOption("write, destructive,write")).toEqual(["write", "destructive"]);
    expect(() => effectsOption("writes")).toThrow('"writes" is none of read, write, destructive');
  });

  it("a call is named whole or by its step", () => {
    expect([callIdOf("c", "3"), callIdOf("c", "c:3")]).toEqual(["c:3", "c:3"]);
  });

  it("a scan goes on with the filters that it began with", () => {
    expect(filterWords({})).toBe("");
    expect(filterWords({ chain: "c", agent: "a", type: ["Effect*", "TaskSent"], void: true })).toBe(
      " --chain c --agent a --type 'Effect*,TaskSent' --void",
    );
  });
});

describe("agents of a project", () => {
  const agent = (name: string, example?: string) =>
    defineAgent({
      name,
      version: "1",
      handler: () => Promise.resolve(null),
      ...(example === undefined ? {} : { example }),
    });

  it("run all, or those that are named; a stranger is refused with the names there are [cli:error-says-next]", () => {
    const agents = [agent("a"), agent("b")];
    expect(chosenAgents(agents, [])).toEqual(agents);
    expect(chosenAgents(agents, ["b"]).map(({ name }) => name)).toEqual(["b"]);
    expect(() => chosenAgents(agents, ["c"])).toThrow("the project has no agent c");
  });

  it("are offered with their examples, quoted for a shell", () => {
    expect(nextLines([agent("a", "it's"), agent("b", "x"), agent("c")])).toEqual([
      `npx busbar submit a '"it'\\''s"' --wait`,
      `npx busbar submit b '"x"'`,
      "npx busbar status",
      "npx busbar events tail",
      'npx busbar halt agent:b --reason "trying it out"',
    ]);
    expect(nextLines([])[0]).toBe("npx busbar status");
    expect(nextLines([agent("c")])[0]).toBe("npx busbar submit c '{}'");
  });

  it("come from the named file, else from this folder, else from the examples, which is known", async () => {
    const examples = join(folder, "examples.yaml");
    writeFileSync(examples, "version: 1\nagents: { one: {} }\n");
    expect(chooseProject({}, folder, examples)).toEqual({ file: examples, isExample: true });
    expect(chooseProject({ BUSBAR_PROJECT: "x.yaml" }, folder, examples)).toEqual({
      file: join(folder, "x.yaml"),
      isExample: false,
    });
    const here = { file: join(folder, "busbar.yaml"), isExample: false };
    expect(chooseProject({}, folder, join(folder, "gone"))).toEqual(here);
    expect(await agentNames(here)).toEqual([]);
    writeFileSync(here.file, "version: 1\nagents: { two: {} }\n");
    expect(chooseProject({}, folder, examples)).toEqual(here);
    expect(await agentNames(here)).toEqual(["two"]);
    writeFileSync(here.file, "version: 1\nagents: 7\n");
    await expect(agentNames(here)).rejects.toMatchObject({ code: "BUSBAR_CONFIG_INVALID" });
  });
});
