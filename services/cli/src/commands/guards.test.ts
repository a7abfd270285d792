import {
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  type Policy,
  policyHash,
} from "@busbar/policy";
import { scenariosOf, tellTrial, tryScenario } from "@busbar/testkit/scenarios";
import { describe, expect, it } from "vitest";
import { createOutput } from "../output.ts";
import { run } from "../program.ts";
import { foldGuards, countGuards, type GuardCounts } from "../read/guards.ts";
import { eventsOf } from "../read/testing-events.ts";
import { answerTrials } from "./guards.ts";

async function typed(...args: readonly string[]) {
  let [out, err] = ["", ""];
  const streams = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: null,
    hasColour: false,
  };
  return { exitCode: await run(args, streams), out, err };
}

const POLICY: Policy = {
  version: 1,
  tools: {},
  models: {},
  agents: {},
  statements: {},
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
};

describe("busbar guards test", () => {
  it("runs the scenarios of a guard with it and without it, and says both [guards:test-command]", async () => {
    const { exitCode, out } = await typed("guards", "test", "trip-rules");
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^trip-rules: two-balances\n.*\n {2}on: {2}harm stopped: .*\n {2}off: HARM SHOWN: /u);
  });

  it("is told as values as well, and names near a wrong name [guards:test-command]", async () => {
    const listed = JSON.parse((await typed("guards", "test", "halt", "--list", "-o", "json")).out) as object[];
    expect(listed).toMatchObject([{ guard: "halt", name: "hostile-agent" }, { name: "handed-over" }]);
    const { exitCode, err } = await typed("guards", "test", "breaker");
    expect([exitCode, err]).toEqual([2, expect.stringContaining("npx busbar guards test breakers")]);
  });

  it("is not won where the guard does nothing, or where nothing happens without it [guards:test-command]", async () => {
    const [scenario] = scenariosOf("trip-rules");
    if (scenario === undefined) throw new Error("trip-rules has no scenario");
    const useless = await tryScenario({ ...scenario, scene: () => scenario.scene(false) });
    const harmless = await tryScenario({ ...scenario, scene: () => scenario.scene(true) });
    let out = "";
    const write = (text: string) => void (out += text);
    const output = createOutput("table", { out: write, err: write, width: null, hasColour: false });
    expect(answerTrials(output, [useless], tellTrial)).toBe(false);
    expect(out).toContain("on:  HARM SHOWN, which is wrong");
    expect(answerTrials(output, [harmless], tellTrial)).toBe(false);
    expect(out).toContain("off: harm stopped, which is wrong");
  });
});

describe("busbar guards", () => {
  it("lists the state under the policy in force, and the records that show each acting [guards:listed]", () => {
    const counts: GuardCounts = new Map();
    const told = eventsOf(0, [
      { type: "EffectAdmitted", chain: "c", attempt: 1 },
      { type: "EffectAdmitted", chain: "c", attempt: 2 },
      { type: "EffectAlreadyDone", chain: "c" },
      { type: "EffectRefused", chain: "c", code: "BUSBAR_HALT_ACTIVE" },
      { type: "EffectRefused", chain: "c", code: "BUSBAR_TOOL_FORBIDDEN" },
      { type: "HaltAcknowledged", applied: [{ kind: "Halt" }, { kind: "OpenBreaker" }] },
    ]);
    const elsewhere = eventsOf(1, [{ type: "HaltAcknowledged", applied: [{ kind: "Halt" }] }]);
    for (const { event } of [...told, ...elsewhere]) countGuards(counts, event);
    const policy = POLICY;
    const off = { ...policy, rules: { ...policy.rules, consecutiveErrors: 0, contradictions: 0 } };
    const stateOf = (states: Parameters<typeof foldGuards>[0]) =>
      Object.fromEntries(foldGuards(states, counts).map((row) => [row.name, row]));
    const rows = stateOf([{ policy }, { policy }]);
    expect([rows["retries"]?.acts, rows["idempotency"]?.acts, rows["halt"]?.acts, rows["breakers"]?.acts]).toEqual([
      1, 1, 2, 1,
    ]);
    expect(rows["trip-rules"]?.state).toBe("on");
    expect(stateOf([{ policy: off }])["trip-rules"]?.state).toBe("off");
    expect(stateOf([{ policy }, { policy: off }])["trip-rules"]?.state).toBe("differs");
    expect(stateOf([{ policy: null }])["trip-rules"]?.state).toBe("");
    expect([rows["drift"]?.state, rows["freshness"]?.state]).toEqual(["shadow", "off"]);
    expect(policyHash(policy)).not.toBe(policyHash(off));
  });
});
