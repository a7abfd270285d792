import type { BusEvent } from "@busbar/events";
import { describe, expect, it } from "vitest";
import type { RecordedRun } from "./recorded-run.ts";
import { ReportBuilder } from "./report.ts";
import type { PlayedStep } from "./steps.ts";
import { beginJudging, judge, type Verdict } from "./verdict.ts";

const step = (index: number, isTurn = false): PlayedStep => ({
  tool: "t",
  args: {},
  answer: { kind: "result", result: 1 },
  index,
  isTurn,
});
const event = (type: BusEvent["type"], fields: object = {}): BusEvent =>
  ({ type, meta: {}, ...fields }) as unknown as BusEvent;
const admitted = (index: number) => event("EffectAdmitted", { step: index + 1 });
const committed = (index: number) => event("EffectCommitted", { callId: `c:${index + 1}` });
const failed = (index: number) => event("EffectFailed", { callId: `c:${index + 1}`, final: true });
const refused = (index: number, code: string) => event("EffectRefused", { step: index + 1, code, reason: "no" });
const halted = (rule: string) => event("ChainHalted", { rule, reason: "why" });
const DONE = event("TaskCompleted");

const STEPS = Array.from({ length: 16 }, (_, index) => step(index));

function verdictOf(events: readonly BusEvent[], steps: readonly PlayedStep[] = STEPS): Verdict {
  const judging = beginJudging(steps);
  for (const one of events) {
    const verdict = judge(judging, one);
    if (verdict !== null) return verdict;
  }
  throw new Error("no verdict");
}

const run = (calls: number, outcome: "pass" | "fail" | null, wrongWrites: readonly number[] = []): RecordedRun => ({
  id: "r",
  calls: Array.from({ length: calls }, () => ({
    tool: "t",
    args: {},
    answer: { kind: "result", result: 1 },
    effect: "write",
  })),
  unanswered: 0,
  label: outcome === null ? null : { outcome, wrongWrites },
  opening: "",
  turns: [],
});

const stoppedAt = (call: number, rule = "consecutive-errors"): Verdict => {
  const reached = Array.from({ length: call + 1 }, (_, index) => index);
  return verdictOf([...reached.flatMap((index) => [admitted(index), failed(index)]), halted(rule)]);
};

const rowOf = (builder: ReportBuilder, rule = "consecutive-errors") =>
  builder.report(0).byRule.find((row) => row.rule === rule);

describe("the verdict of a run", () => {
  it("is the first stop, at the call whose outcome made it [play:first-stop]", () => {
    const verdict = verdictOf([admitted(0), committed(0), admitted(1), failed(1), halted("a"), halted("b"), DONE]);
    expect(verdict).toMatchObject({ end: "stopped", rule: "a", call: 1 });
    expect([...verdict.admitted]).toEqual([0, 1]);
  });

  it("is the check's where a check refused [play:policy]", () => {
    const check = event("EffectRefused", {
      step: 1,
      code: "BUSBAR_CHECK_FAILED",
      rule: "check:free-bags",
      reason: "no",
    });
    expect(verdictOf([check, DONE])).toMatchObject({ end: "stopped", rule: "check:free-bags", call: 0, refused: 1 });
  });

  it("tells which calls a rule in shadow would have stopped [play:policy]", () => {
    const shadow = (rule: string, would: string) => event("RuleShadowed", { rule, would });
    const told = verdictOf([
      admitted(0),
      shadow("a", "approve"),
      shadow("b", "refuse"),
      shadow("c", "halt"),
      admitted(1),
      DONE,
    ]);
    expect(told).toMatchObject({
      end: "completed",
      asked: [],
      shadowed: [
        { call: 1, rule: "a" },
        { call: 1, rule: "b" },
      ],
    });
  });

  it("counts the calls of the recording where turns of the person are steps between them [play:person]", () => {
    const steps = [step(0), step(0, true), step(1), step(1, true)];
    const verdict = verdictOf([0, 1, 2, 3].map(admitted).concat(committed(2), committed(3), halted("a")), steps);
    expect(verdict).toMatchObject({ rule: "a", call: 1 });
    expect([...verdict.admitted]).toEqual([0, 1]);
  });

  it("is completed where nothing stopped the run [play:first-stop]", () => {
    expect(verdictOf([admitted(0), failed(0), DONE])).toMatchObject({ end: "completed", rule: "", call: 0 });
    expect(verdictOf([DONE])).toMatchObject({ end: "completed", call: -1 });
  });

  it("is the refusal where the door itself said no, and the first one of several [play:first-stop]", () => {
    const events = [admitted(0), committed(0), refused(1, "BUSBAR_FREEZE_ACTIVE"), refused(2, "BUSBAR_X"), DONE];
    expect(verdictOf(events)).toMatchObject({ end: "stopped", rule: "BUSBAR_FREEZE_ACTIVE", call: 1, refused: 2 });
  });

  it("is no judgement where the run could not be played [play:recorded-runs]", () => {
    expect(verdictOf([event("TaskFailed", { code: "X", reason: "y" })])).toMatchObject({
      end: "failed",
      reason: "X: y",
    });
  });
});

describe("the report", () => {
  it("sets each rule's stops against the labels [play:recorded-runs]", () => {
    const builder = new ReportBuilder();
    builder.add(run(3, "fail"), stoppedAt(1));
    builder.add(run(3, "fail"), stoppedAt(1));
    builder.add(run(3, "pass"), stoppedAt(1));
    builder.add(run(3, null), stoppedAt(1));
    for (let index = 0; index < 6; index += 1) builder.add(run(0, "fail"), verdictOf([DONE]));
    for (let index = 0; index < 3; index += 1) builder.add(run(0, "pass"), verdictOf([DONE]));
    expect(rowOf(builder)).toMatchObject({ stopped: 4, failing: 2, passing: 1, unlabelled: 1 });
    expect(rowOf(builder)).toMatchObject({
      precision: 2 / 3,
      recall: 2 / 8,
      falseHalts: 1 / 4,
      counterfactualCalls: 4,
    });
    expect(builder.report(2)).toMatchObject({ runs: 13, skipped: 2, calls: 12, stopped: 4 });
    expect(builder.totals).toMatchObject({ failing: 8, passing: 4, unlabelled: 1, issued: 8, counterfactual: 4 });
  });

  it("a rule that stopped nothing has a row, and shares of nothing are null [play:json]", () => {
    const { byRule, ...report } = new ReportBuilder().report(1);
    expect(report).toEqual({ runs: 0, skipped: 1, calls: 0, stopped: 0 });
    expect(byRule.map(({ rule, precision, recall }) => [rule, precision, recall])).toEqual([
      ["consecutive-errors", null, null],
      ["contradiction", null, null],
      ["destructive-run", null, null],
    ]);
  });

  it("counts a wrong write as stopped only where the tool never got it [play:first-stop]", () => {
    const builder = new ReportBuilder();
    builder.add(run(5, "fail", [0, 1, 3, 4]), stoppedAt(1));
    expect(rowOf(builder)).toMatchObject({ wrongWritesStopped: 2, wrongWrites: 4 });
    builder.add(run(1, "fail", [0]), verdictOf([admitted(0), committed(0), DONE]));
    expect(rowOf(builder)).toMatchObject({ wrongWritesStopped: 2, wrongWrites: 5 });
    builder.add(run(2, "fail", [1]), verdictOf([admitted(0), committed(0), refused(1, "BUSBAR_FREEZE_ACTIVE"), DONE]));
    expect(rowOf(builder, "BUSBAR_FREEZE_ACTIVE")).toMatchObject({ stopped: 1, wrongWritesStopped: 1, wrongWrites: 6 });
  });
});
