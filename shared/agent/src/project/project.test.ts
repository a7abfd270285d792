import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isBusbarError } from "@busbar/kernel";
import { DEFAULT_FLOW, mayAsk, mayCall, maySend, policyHash } from "@busbar/policy";
import { afterAll, describe, expect, it } from "vitest";
import { defineTool } from "../tool.ts";
import { buildPolicy, loadProject, parseProjectFile } from "./project.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-project-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const written = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
function said(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isBusbarError(error) && error.code === "BUSBAR_CONFIG_INVALID") return error.message;
    throw error;
  }
  return "nothing is wrong";
}
async function saidOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  return said(() => {
    if (outcome !== null) throw outcome as Error;
  });
}

const read = defineTool({
  name: "db.read",
  description: "Reads",
  effect: "read",
  args: { type: "object" },
  timeoutMs: 100,
  run: () => null,
});
const write = defineTool({
  name: "db.write",
  description: "Writes",
  effect: "write",
  args: { type: "object" },
  timeoutMs: 100,
  run: () => null,
});
const minimal = "version: 1\nagents:\n  clerk: {}\n";

describe("flow control in a project file", () => {
  const flowOf = (text: string) =>
    buildPolicy("p.yaml", parseProjectFile("p.yaml", `${minimal}flow: ${text}\n`), []).flow;

  it("has the defaults where it says nothing [flow:hysteresis]", () => {
    expect(flowOf("{ agent: { upper: 9000 }, retryAfterMs: 50 }")).toEqual({
      ...DEFAULT_FLOW,
      agent: { ...DEFAULT_FLOW.agent, upper: 9000 },
      retryAfterMs: 50,
    });
  });

  it.each([
    ["{ agent: { lower: 10, upper: 10 } }", "flow.agent: lower (10) is not below upper (10)"],
    ["{ partition: { lower: 1, upper: 50, pause: 40 } }", "flow.partition: upper (50) is above pause (40)"],
    ["{ agent: { lagLowerMs: 5, lagUpperMs: 5 } }", "flow.agent: lagLowerMs (5) is not below lagUpperMs (5)"],
  ])("%s is refused: marks that cannot be told apart order back and forth [flow:hysteresis]", (text, reason) => {
    expect(said(() => flowOf(text))).toContain(reason);
  });
});

describe("caps in a project file", () => {
  const CAPPED = `version: 1
agents:
  clerk: { tools: ["*"], concurrency: 6, perTool: { db.write: { rate: { calls: 2, perMs: 1000 } } } }
tools:
  db.write: { concurrency: 3, rate: { calls: 10, perMs: 60000 }, attempts: 2 }
models: {}
`;
  it("become bulkheads and rates by what they cap, and nothing of the tool's own row [caps:bulkhead]", () => {
    const policy = buildPolicy("f", parseProjectFile("f", CAPPED), [read, write]);
    expect(policy.caps).toEqual({
      "tool:db.write": { concurrency: 3, rate: { calls: 10, perMs: 60_000 } },
      "agent:clerk": { concurrency: 6, rate: null },
      "agent:clerk tool:db.write": { concurrency: null, rate: { calls: 2, perMs: 1000 } },
    });
    expect(policy.tools["db.write"]).not.toHaveProperty("concurrency");
    expect(policy.tools["db.write"]).toMatchObject({ attempts: 2 });
  });

  it("a file without any is the policy that it was, by its hash", () => {
    expect(buildPolicy("f", parseProjectFile("f", minimal), [])).not.toHaveProperty("caps");
  });

  it.each([
    ["no call at all", "concurrency: 0", "tools.db.write.concurrency must be >= 1"],
    ["half a rate", "rate: { calls: 3 }", "tools.db.write.rate must have required property 'perMs'"],
    ["no time", "rate: { calls: 3, perMs: 0 }", "tools.db.write.rate.perMs must be >= 1"],
  ])("%s is a fault", (_name, row, reason) => {
    expect(said(() => parseProjectFile("f", `${minimal}tools:\n  db.write: { ${row} }\n`))).toContain(reason);
  });
});

describe("a project file", () => {
  it.each([
    ["a tab", "version: 1\n\tagents: {}\n", "busbar.yaml:2: "],
    ["a key twice", "version: 1\nagents: {}\nagents: {}\n", "busbar.yaml:3: Map keys must be unique"],
    ["an unknown key", `${minimal}limit: 1\n`, "busbar.yaml:4: the file must NOT have additional properties (limit)"],
    [
      "an unknown key further in",
      `${minimal}limits:\n  maxStep: 1\n`,
      "busbar.yaml:5: limits must NOT have additional properties (maxStep)",
    ],
    ["no version", "agents: {}\n", "busbar.yaml:1: the file must have required property 'version'"],
    ["another version", "version: 2\nagents: {}\n", "busbar.yaml:1: version must be equal to constant"],
    [
      "a number where a list is due",
      "version: 1\nagents:\n  clerk:\n    tools: 3\n",
      "busbar.yaml:4: agents.clerk.tools must be array",
    ],
    [
      "a negative limit",
      `${minimal}rules:\n  consecutiveErrors: -1\n`,
      "busbar.yaml:5: rules.consecutiveErrors must be >= 0",
    ],
    ["text", "hello", "busbar.yaml:1: the file must be object"],
    ["nothing", "", "busbar.yaml:1: the file must be object"],
    [
      "a module outside",
      `${minimal}modules:\n  tools: [fs]\n`,
      'busbar.yaml:5: modules.tools.0 must match pattern "^\\.{1,2}/"',
    ],
  ])("with %s is refused with its line and the reason [cli:error-says-next]", (_name, text, expected) => {
    expect(said(() => parseProjectFile("busbar.yaml", text))).toContain(expected);
  });

  it("that repeats an alias without end is refused, not expanded", () => {
    const lists = Array.from(
      { length: 9 },
      (_, index) => `x${index + 1}: &x${index + 1} [${`*x${index}, `.repeat(9)}]`,
    );
    expect(() => parseProjectFile("busbar.yaml", `x0: &x0 [1]\n${lists.join("\n")}\n`)).toThrow();
  });

  it("says what to do next [cli:error-says-next]", () => {
    const error = (() => {
      try {
        return parseProjectFile("busbar.yaml", "version: 2\nagents: {}\n");
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(isBusbarError(error) && [error.next, error.row.exitCode]).toEqual(["correct the file and start again", 2]);
  });
});

describe("the policy of a project", () => {
  it("has every default written out, so that its hash names all of it", () => {
    const policy = buildPolicy("f", parseProjectFile("f", minimal), [read]);
    expect(policy.rules).toEqual({
      consecutiveErrors: 2,
      contradictions: 1,
      destructiveRun: 3,
      gate: { every: 3, require: "answered" },
    });
    expect(policy.agents).toEqual({ clerk: { tools: [], sends: [], models: [] } });
    expect(policy.tools["db.read"]).toMatchObject({
      effect: "read",
      toolClass: "at-most-once",
      attempts: 1,
      timeoutMs: 100,
      fireBoundMs: 5000,
    });
    const limited = buildPolicy("f", parseProjectFile("f", `${minimal}limits:\n  maxSteps: 3\n`), [read]);
    expect(policyHash(limited)).not.toBe(policyHash(policy));
    expect(policyHash(buildPolicy("f", parseProjectFile("f", minimal), [read]))).toBe(policyHash(policy));
  });

  it("an operator overrides a tool's bounds, not what it does", () => {
    const file = `${minimal}tools:\n  db.write:\n    timeoutMs: 7\n    attempts: 2\n`;
    expect(buildPolicy("f", parseProjectFile("f", file), [write]).tools["db.write"]).toMatchObject({
      timeoutMs: 7,
      attempts: 2,
      effect: "write",
    });
    expect(said(() => parseProjectFile("f", `${minimal}tools:\n  db.write:\n    effect: read\n`))).toContain(
      "must NOT have additional properties (effect)",
    );
  });

  it.each([
    [
      "bounds of a tool that nobody exports",
      `${minimal}tools:\n  db.drop:\n    timeoutMs: 7\n`,
      "tools.db.drop: neither a module nor httpTools has a tool of this name",
    ],
    [
      "an authority that is no read",
      `${minimal}statements:\n  backup:\n    tool: db.write\n    refutedWhen: { path: a, equals: 1 }\n`,
      "statements.backup: db.write is no tool with effect read",
    ],
    [
      "an authority that nobody exports",
      `${minimal}statements:\n  backup:\n    tool: nothing\n    refutedWhen: { path: a, equals: 1 }\n`,
      "statements.backup: nothing is no tool with effect read",
    ],
  ])("%s: refused", (_name, text, expected) => {
    expect(said(() => buildPolicy("f", parseProjectFile("f", text), [read, write]))).toContain(expected);
  });

  it("who may call, ask and send is what is listed, or everything by * [door:tool-allowed]", () => {
    const text =
      'version: 1\nagents:\n  clerk:\n    tools: [db.read]\n    models: ["*"]\n    sends: ["*"]\n  helper: {}\n';
    const policy = buildPolicy("f", parseProjectFile("f", text), [read, write]);
    expect([
      mayCall(policy, "clerk", "db.read"),
      mayCall(policy, "clerk", "db.write"),
      mayCall(policy, "nobody", "db.read"),
    ]).toEqual([true, false, false]);
    expect([mayAsk(policy, "clerk", "any"), mayAsk(policy, "helper", "any")]).toEqual([true, false]);
    expect([
      maySend(policy, "clerk", "helper"),
      maySend(policy, "clerk", "nobody"),
      maySend(policy, "clerk", "toString"),
      maySend(policy, "helper", "clerk"),
    ]).toEqual([true, false, false, false]);
  });
});

describe("loading a project", () => {
  it("names the file that is not there, the module that cannot be loaded, and what it should export [cli:error-says-next]", async () => {
    expect(await saidOf(loadProject(join(folder, "missing.yaml")))).toMatch(
      /missing\.yaml: it cannot be read: ENOENT/u,
    );
    const gone = written("gone.yaml", `${minimal}modules:\n  tools: [./gone.mjs]\n`);
    expect(await saidOf(loadProject(gone))).toMatch(/gone\.yaml: \.\/gone\.mjs cannot be loaded: Cannot find module/u);
    written("empty.mjs", "export const other = 1;\n");
    const empty = written("empty.yaml", `${minimal}modules:\n  tools: [./empty.mjs]\n`);
    expect(await saidOf(loadProject(empty))).toContain("modules.tools: ./empty.mjs exports no array named tools");
    written("broken.mjs", 'throw new Error("boom");\n');
    const broken = written("broken.yaml", `${minimal}modules:\n  agents: [./broken.mjs]\n`);
    expect(await saidOf(loadProject(broken))).toContain("./broken.mjs cannot be loaded: boom");
  });

  it("refuses an agent that is exported and not listed: nobody has said what it may do", async () => {
    written(
      "agents.mjs",
      'export const agents = [{ kind: "handler", name: "stranger", version: "1", handler: async () => null }];\n',
    );
    const file = written("agents.yaml", `${minimal}modules:\n  agents: [./agents.mjs]\n`);
    expect(await saidOf(loadProject(file))).toContain("agents: stranger is exported by a module and not listed");
  });

  it("gives file, policy, tools, models and agents", async () => {
    written(
      "all.mjs",
      'export const agents = [{ kind: "handler", name: "clerk", version: "1", handler: async () => null }];\nexport const tools = [];\nexport const models = [];\n',
    );
    const file = written(
      "all.yaml",
      `${minimal}modules:\n  tools: [./all.mjs]\n  models: [./all.mjs]\n  agents: [./all.mjs]\n`,
    );
    const project = await loadProject(file);
    expect([project.file, project.agents.map(({ name }) => name), project.tools, project.models]).toEqual([
      file,
      ["clerk"],
      [],
      [],
    ]);
  });
});

const HTTP_TOOL = `
version: 1
httpTools:
  pay.charge:
    description: Charges a customer
    effect: write
    toolClass: exact
    args: { type: object, properties: { id: { type: string }, cents: { type: integer } }, required: [id, cents] }
    timeoutMs: 2000
    http: { method: POST, url: "https://pay.example.com/v1/{id}/charges", headers: { authorization: "Bearer \${PAY}" } }
tools:
  pay.charge: { timeoutMs: 900 }
agents:
  clerk: { tools: [pay.charge] }
`;

describe("tools that a project declares itself", () => {
  it("are tools like any other: policy, overrides and manifest [http:declared-in-project]", async () => {
    const { tools, policy } = await loadProject(written("http.yaml", HTTP_TOOL));
    expect(tools.map(({ name }) => name)).toEqual(["pay.charge"]);
    expect(policy.tools["pay.charge"]).toMatchObject({
      toolClass: "exact",
      timeoutMs: 900,
      attempts: 3,
      effect: "write",
    });
    expect(mayCall(policy, "clerk", "pay.charge")).toBe(true);
  });

  it("have their call in their digest: one that points elsewhere is another tool [http:call-in-digest]", async () => {
    const digestOf = async (text: string) =>
      (await loadProject(written("digest.yaml", text))).policy.tools["pay.charge"]?.digest;
    const digest = await digestOf(HTTP_TOOL);
    expect(await digestOf(HTTP_TOOL)).toBe(digest);
    expect(await digestOf(HTTP_TOOL.replace("pay.example.com", "evil.example"))).not.toBe(digest);
    expect(await digestOf(HTTP_TOOL.replace("${PAY}", () => "${OTHER}"))).not.toBe(digest);
  });

  it.each([
    ["{id}/charges", "{nobody}/charges", /nobody/],
    ["https://pay", "https://{id}", /url/],
    ["method: POST", "method: SEND", /http\.method/],
    ["effect: write", "effect: write\n    color: red", /color/],
  ])("with %j written as %j are refused with the place [http:definition-checked]", async (right, wrong, told) => {
    expect(await saidOf(loadProject(written("wrong.yaml", HTTP_TOOL.replace(right, wrong))))).toMatch(told);
  });
});
