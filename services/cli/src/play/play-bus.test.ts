import { readFileSync } from "node:fs";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { createEmbeddedLog } from "@busbar/log/embedded";
import type { EffectClass } from "@busbar/policy";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { heavier, toolPolicies } from "./effect-of-tool.ts";
import { parseLine } from "./parse-line.ts";
import { type PlayBus, startPlayBus } from "./play-bus.ts";
import { playPolicy } from "./play-policy.ts";
import type { RecordedRun } from "./recorded-run.ts";
import type { Verdict } from "./verdict.ts";

const EXAMPLES = new URL("../../../examples/transcripts/", import.meta.url);

function runOf(text: string): RecordedRun | null {
  const parsed = parseLine(text);
  return parsed.ok ? parsed.run : null;
}

const example = (name: string) => readFileSync(new URL(name, EXAMPLES), "utf8").trimEnd().split("\n").map(runOf);

const reads = (...results: readonly unknown[]) =>
  runOf(
    JSON.stringify({
      events: results.map((result) => ({ kind: "tool", tool: "read_blob", args: {}, result, rw: "r" })),
    }),
  );

const messages = example("messages.jsonl");
const recorded = example("recorded-runs.jsonl");
const LARGE = "x".repeat(300 * 1024);
const large = [reads(LARGE, LARGE), reads(LARGE, `${LARGE}y`)];
const twice = ["once", "again"].map((result) => ({
  kind: "tool",
  tool: "send_money",
  args: { to: 1 },
  result,
  rw: "w",
}));
const held = { kind: "tool", tool: "pay_bill", args: { n: 1 }, result: 1, rw: "w" };
const approved = [runOf(JSON.stringify({ events: [{ ...held, tool: "read_blob", rw: "r" }, held, held] }))];
const same = [runOf(JSON.stringify({ events: twice }))];

describe("a run on the bus", () => {
  let bus: PlayBus;
  const log = createEmbeddedLog();

  beforeAll(async () => {
    const seen = new Map<string, EffectClass>();
    for (const run of [...messages, ...recorded, ...large, ...same, ...approved]) {
      for (const { tool, effect } of run?.calls ?? []) seen.set(tool, heavier(seen.get(tool), effect));
    }
    const { pay_bill: bill, ...others } = toolPolicies(seen, new Map());
    if (bill === undefined) throw new Error("no tool is held");
    const policy = playPolicy({ ...others, pay_bill: { ...bill, approve: "always" } });
    const codec = createCodec({ ids: builtinSchemaIds() });
    const place = { log, codec, prefix: "play-test", where: "", isKept: false, close: () => Promise.resolve() };
    bus = await startPlayBus({ bus: place, policy, concurrency: 8, logLevel: "error" });
  });

  afterAll(async () => {
    await bus.stop();
    await log.close();
  });

  const playAll = (name: string, runs: readonly (RecordedRun | null)[]): Promise<readonly (Verdict | null)[]> =>
    Promise.all(runs.map(async (run, index) => (run === null ? null : bus.play(`${name}/${index}`, run))));

  const brief = (verdicts: readonly (Verdict | null)[]) =>
    verdicts.map((verdict) => (verdict === null ? "bad line" : `${verdict.end} ${verdict.rule} ${verdict.call}`));

  it("of plain messages is stopped by the rule that it breaks, at the call that breaks it [play:messages-format]", async () => {
    expect(brief(await playAll("messages", messages))).toEqual([
      "completed  2",
      "stopped consecutive-errors 2",
      "stopped destructive-run 3",
      "bad line",
      "stopped contradiction 2",
      "completed  -1",
    ]);
  });

  it("that was recorded is judged up to its first stop: nothing after it reaches the tool [play:first-stop]", async () => {
    const verdicts = await playAll("recorded", recorded);
    expect(brief(verdicts)).toEqual([
      "completed  2",
      "stopped consecutive-errors 2",
      "stopped destructive-run 3",
      "completed  0",
      "completed  2",
    ]);
    expect(verdicts.map((verdict) => verdict?.admitted.size)).toEqual([3, 3, 4, 1, 3]);
  });

  it("may have results above the limit of a record; they are compared all the same [effects:large-values-by-reference]", async () => {
    expect(brief(await playAll("large", large))).toEqual(["completed  1", "stopped contradiction 1"]);
  });

  it("goes on where a call is put to a person, who approves it, and tells which calls were [play:approved]", async () => {
    const [verdict] = await playAll("approved", approved);
    expect(verdict).toMatchObject({ end: "completed", asked: [{ call: 1, rule: "approve" }], alreadyDone: 1 });
    expect([...(verdict?.admitted ?? [])]).toEqual([0, 1]);
  });

  it("that asks for the same effect twice gets it once, and is told so [play:recorded-runs]", async () => {
    const [verdict] = await playAll("same", same);
    expect(verdict).toMatchObject({ end: "completed", alreadyDone: 1 });
    expect(verdict?.admitted.size).toBe(1);
  });
});
