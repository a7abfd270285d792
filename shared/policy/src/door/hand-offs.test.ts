/** The ladder at the door, and decisions that people own (PROTOCOL 4.2, 5.5). */
import type { BusEvent } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { disagreement } from "../breaker/signals.ts";
import { initialPartitionState } from "../partition-state.ts";
import { DEFAULT_DEGRADATION, type DegradationPolicy, type Policy } from "../policy-document.ts";
import { replay } from "../replay/replay.ts";
import { type CommandBody, createScene, only, POLICY, type Scene, types } from "./testing.ts";

const PERSON = { source: "control", principal: "operator:ann", sequence: 0 } as const;
const laddered = (more: Partial<DegradationPolicy> = {}): Policy => ({
  ...POLICY,
  rules: { ...POLICY.rules, consecutiveErrors: 0 },
  degradation: { ...DEFAULT_DEGRADATION, ...more },
});

function started(policy: Policy = laddered()) {
  const scene = createScene(policy);
  const chain = scene.submit("t");
  let step = 0;
  const say = (percent: number): readonly BusEvent[] => {
    step += 1;
    return scene.door.turn(scene.command(chain, { type: "ReportConfidence", step, percent, about: "the amount" }));
  };
  const call = (tool: string, id = step + 1): readonly BusEvent[] => {
    step += 1;
    return scene.door.turn(scene.call(chain, step, tool, { id }));
  };
  const ask = (question: string): readonly BusEvent[] => {
    step += 1;
    return scene.door.turn(scene.command(chain, { type: "HandOff", step, question }));
  };
  return { scene, chain, say, call, ask, callId: () => `${chain}:${step}` };
}

function agrees(scene: Scene): void {
  const state = initialPartitionState(0);
  for (const logged of scene.door.log) {
    expect(disagreement(state, logged.event)).toBeNull();
    replay(state, logged);
  }
  expect(state).toEqual(scene.door.state);
}

describe("doubt narrows what a chain may do", () => {
  it("rung by rung: reads only, each effect approved, halted, and handed to a person [degradation:rung-by-rung]", () => {
    const { scene, chain, say, call } = started();
    expect(types(say(90))).toEqual(["ConfidenceReported"]);
    expect(types(call("db.write"))).toEqual(["EffectAdmitted"]);
    const [told, narrowed] = say(49);
    expect(narrowed).toMatchObject({ type: "ChainDegraded", rule: "degradation", evidence: [told?.meta.eventId] });
    expect(types(call("db.write"))).toEqual(["EffectRefused"]);
    expect(types(call("db.read"))).toEqual(["EffectAdmitted"]);
    expect(types(say(10))).toEqual(["ConfidenceReported", "ScopeNarrowed", "ChainResumed"]);
    const request = only(call("db.write"), "ApprovalRequested");
    expect(request.rule).toBe("degradation");
    expect(types(call("db.read"))).toEqual(["EffectAdmitted"]);
    const last = say(0);
    expect(types(last)).toEqual(["ConfidenceReported", "ChainHalted", "HandedOff"]);
    expect(last[2]).toMatchObject({ callId: `${chain}:handoff`, step: 0, evidence: [last[1]?.meta.eventId] });
    expect(types(call("db.read"))).toEqual(["EffectRefused"]);
    agrees(scene);
  });

  it("is off where the policy has no such section: the same agent goes on [degradation:rung-by-rung]", () => {
    const { say, call } = started({ ...laddered(), degradation: undefined } as unknown as Policy);
    for (const percent of [40, 10, 0]) expect(types(say(percent))).toEqual(["ConfidenceReported"]);
    expect(types(call("db.write"))).toEqual(["EffectAdmitted"]);
  });

  it("by refusals and refuted statements as well [degradation:signs]", () => {
    const { scene, chain, call } = started(laddered({ refusals: 2 }));
    expect(types(call("db.none"))).toEqual(["EffectRefused"]);
    expect(types(call("db.none"))).toEqual(["EffectRefused", "ChainDegraded"]);
    const body = { type: "MakeStatement", step: 3, subject: "backup", statement: "gone" } as const;
    scene.door.turn(scene.command(chain, body));
    const refuted = { kind: "checked", fact: "{}", source: "db.read", agrees: false, evidence: [] } as const;
    expect(types(scene.door.turn(scene.outcome(chain, 3, refuted)))).toEqual([
      "StatementChecked",
      "ScopeNarrowed",
      "ChainResumed",
    ]);
    agrees(scene);
  });

  it("in doubt about an effect as well, it reads on until a person has settled that [degradation:rung-by-rung]", () => {
    const { scene, chain, say, call } = started(laddered({ rungs: ["approve"] }));
    call("db.looked", 1);
    const look = JSON.stringify({ tool: "db.read", args: {}, expect: {}, withinMs: 0 });
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}", readBack: look }));
    const differs = { kind: "read-back", shown: false, failed: false, result: "{}", reason: "no" } as const;
    scene.door.turn(scene.outcome(chain, 1, differs));
    expect(scene.chain(chain).status).toBe("degraded");
    expect(types(say(0))).toEqual(["ConfidenceReported", "ScopeNarrowed"]);
    expect(scene.chain(chain).status).toBe("degraded");
    agrees(scene);
  });

  it("stays with reads when a doubt about an effect is settled [degradation:left-by-person]", () => {
    const { scene, chain, say, call } = started(laddered({ rungs: ["read-only"] }));
    call("db.looked", 1);
    const look = JSON.stringify({ tool: "db.read", args: {}, expect: {}, withinMs: 0 });
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}", readBack: look }));
    const differs = { kind: "read-back", shown: false, failed: false, result: "{}", reason: "no" } as const;
    scene.door.turn(scene.outcome(chain, 1, differs));
    say(0);
    const admitted = scene.chain(chain).calls[`${chain}:1`]?.admitted ?? "";
    const word = { callId: `${chain}:1`, admitted, outcome: "committed", reason: "seen", by: "x" } as const;
    expect(types(scene.door.turn(scene.command(chain, { type: "SettleEffect", ...word }, PERSON)))).toEqual([
      "EffectSettled",
    ]);
    expect(scene.chain(chain).status).toBe("degraded");
  });

  it("is checked by who reads the log: a rung that is left out, and one that no sign asked for [degradation:agreement]", () => {
    const { scene, say } = started();
    say(0);
    const at = scene.door.log.findIndex(({ event }) => event.type === "ChainDegraded");
    const state = initialPartitionState(0);
    for (const logged of scene.door.log.slice(0, at)) replay(state, logged);
    const rung = scene.door.log[at]?.event as BusEvent;
    expect(disagreement(state, rung)).toBeNull();
    const other = { type: "ConfidenceReported", meta: rung.meta, callId: "x" } as unknown as BusEvent;
    expect(disagreement(state, other)).toMatch(/asks for ChainDegraded/);
    replay(state, scene.door.log[at] as (typeof scene.door.log)[number]);
    expect(disagreement(state, rung)).toMatch(/asks for nothing/);
  });

  it("and hands nothing on to others while a person approves each effect [degradation:no-way-around]", () => {
    const { scene, chain, say } = started(laddered({ rungs: ["approve"] }));
    say(0);
    const sent = scene.door.turn(scene.command(chain, { type: "SendTask", step: 2, agent: "worker", input: "{}" }));
    expect(only(sent, "EffectRefused").code).toBe("BUSBAR_TASK_CLOSED");
  });

  it("a person's resume leads back to the ground [degradation:left-by-person]", () => {
    const { scene, chain, say } = started();
    for (const percent of [0, 0, 0]) say(percent);
    const { halted } = scene.chain(chain);
    const body = { scope: `chain:${chain}`, fence: halted?.fence ?? "", reason: "", by: "x", coversThrough: [] };
    scene.door.turn(scene.orders(["Resume", body]));
    expect(scene.chain(chain)).toMatchObject({ status: "working", ladder: { taken: 0, rung: "" } });
    agrees(scene);
  });

  it("a halt of any other rule is handed to a person too, where the policy says so [degradation:hand-off-on-halt]", () => {
    const tripped = (handOffOnHalt: boolean) => {
      const { scene, chain, call } = started({ ...laddered({ handOffOnHalt, refusals: 0 }), rules: POLICY.rules });
      call("db.none");
      return [types(call("db.none")), Object.keys(scene.chain(chain).calls).includes(`${chain}:handoff`)];
    };
    const { scene, chain } = started({ ...laddered({ refusals: 0 }), rules: POLICY.rules });
    const calls = [
      scene.call(chain, 1, "db.write", { id: 1 }),
      scene.call(chain, 2, "db.none"),
      scene.call(chain, 3, "db.none"),
    ];
    expect(types(scene.door.turn(...calls)).slice(-3)).toEqual(["ChainHalted", "EffectAbandoned", "HandedOff"]);
    agrees(scene);
    expect(tripped(true)).toEqual([["EffectRefused", "ChainHalted", "HandedOff"], true]);
    expect(tripped(false)).toEqual([["EffectRefused", "ChainHalted"], false]);
  });
});

describe("a hand-off", () => {
  const wordOf = (
    scene: Scene,
    chain: string,
    callId: string,
    body: Partial<CommandBody>,
    principal = "operator:ann",
  ) => {
    const asked = scene.chain(chain).calls[callId]?.admitted ?? "";
    const word = { callId, asked, reason: "looked", by: "x", ...body } as CommandBody;
    return scene.door.turn(scene.command(chain, word, { ...PERSON, principal }));
  };

  it("is a record with the positions of its chain; it waits, and its answer is the call's [handoffs:answered]", () => {
    const { scene, chain, ask, call, callId } = started();
    call("db.write");
    const asked = only(ask("20 or 30?"), "HandedOff");
    const submitted = scene.chain(chain).submitted;
    expect(asked).toMatchObject({ step: 2, question: "20 or 30?", rule: "" });
    expect(asked.context).toBe(`busbar.events/0/${submitted}..${asked.meta.eventId.split("/")[2] ?? ""}`);
    const id = callId();
    scene.door.restore();
    expect(types(wordOf(scene, chain, id, { type: "TakeHandOff" }))).toEqual(["HandOffTaken"]);
    const answered = wordOf(scene, chain, id, { type: "AnswerHandOff", answer: ' { "b":1,"a":20}' });
    expect(only(answered, "HandOffAnswered")).toMatchObject({
      callId: id,
      answer: '{"a":20,"b":1}',
      by: "operator:ann",
    });
    expect(types(wordOf(scene, chain, id, { type: "AnswerHandOff", answer: "1" }))).toEqual(["CommandRejected"]);
    agrees(scene);
  });

  it("that somebody has taken is answered by nobody else [handoffs:taken]", () => {
    const { scene, chain, ask, callId } = started();
    ask("?");
    wordOf(scene, chain, callId(), { type: "TakeHandOff" });
    for (const type of ["TakeHandOff", "AnswerHandOff"] as const) {
      const body = { type, answer: "1" } as Partial<CommandBody>;
      expect(types(wordOf(scene, chain, callId(), body, "operator:bob"))).toEqual(["CommandRejected"]);
    }
  });

  it.each([
    ["of another one", { asked: "1" }, "operator:ann"],
    ["that is no JSON", { answer: "{" }, "operator:ann"],
    ["of an agent", {}, "agent:support"],
  ])("an answer %s has no effect [handoffs:signed]", (_what, more, principal) => {
    const { scene, chain, ask, callId } = started();
    ask("?");
    const body = { type: "AnswerHandOff", answer: "1", ...more } as Partial<CommandBody>;
    expect(types(wordOf(scene, chain, callId(), body, principal))).toEqual(["CommandRejected"]);
    expect(scene.chain(chain).calls[callId()]?.status).toBe("open");
  });

  it("keeps no task from ending, and no error comes of it [handoffs:no-error]", () => {
    const { scene, chain, ask } = started();
    ask("?");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
    const [ended] = scene.door.turn(scene.command(chain, { type: "CompleteTask", step: 2, output: "{}" }));
    expect(ended?.type).toBe("TaskCompleted");
  });

  it("that a rule made is answered as well; the chain stays halted until a resume [handoffs:answered]", () => {
    const { scene, chain, say } = started();
    for (const percent of [0, 0, 0]) say(percent);
    const id = `${chain}:handoff`;
    expect(types(wordOf(scene, chain, id, { type: "AnswerHandOff", answer: '"stop"' }))).toEqual(["HandOffAnswered"]);
    expect(scene.chain(chain).status).toBe("halted");
    agrees(scene);
  });
});
