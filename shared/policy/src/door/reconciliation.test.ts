/** What became of claims, at the door: what the chain knows then, and which answers leave (PROTOCOL 5.12). */
import type { Reconciliation } from "@busbar/events";
import { canonicalJson, type Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { RECONCILIATION_RULE } from "../reconcile.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const OLD = "within 90 days";
const RIGHT = "before travel";
const claim = (source: string, value: Json) => ({
  subject: "refund:b",
  value: canonicalJson(value),
  source,
  version: "",
  asOfMs: 0,
  ttlMs: 0,
});
const compared = (outcome: "lost" | "unresolved"): Reconciliation => ({
  subject: "refund:b",
  source: "website",
  value: canonicalJson(OLD),
  outcome,
  by: "authority",
  fact: outcome === "lost" ? canonicalJson(RIGHT) : "",
  factSource: outcome === "lost" ? "policy" : "",
  reason: "policy is the authority",
});

function opened(outcome: "lost" | "unresolved" | "none", mode: "enforce" | "shadow" | "off" = "enforce") {
  const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, modes: { [RECONCILIATION_RULE]: mode } } });
  const chain = scene.submit("t");
  scene.door.turn(scene.call(chain, 1, "db.read", {}));
  const claims = outcome === "lost" ? [claim("website", OLD), claim("policy", RIGHT)] : [claim("website", OLD)];
  const reconciled = outcome === "none" ? [] : [compared(outcome)];
  const events = scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}", claims, reconciled }));
  return { scene, chain, events };
}
const finish = (on: Scene, chain: string, output: Json) =>
  on.door.turn(on.command(chain, { type: "CompleteTask", step: 2, output: canonicalJson(output) }));

describe("a claim that lost", () => {
  it("is no claim of the chain any more; what is held for true is [evidence:reconciled]", () => {
    const { scene, chain, events } = opened("lost");
    expect(types(events)).toEqual(["EffectCommitted"]);
    expect(scene.chain(chain).claims["refund:b"]).toMatchObject({ value: RIGHT, source: "policy" });
    expect(scene.chain(chain).losing).toEqual({ "refund:b": [OLD] });
  });

  it("does not leave as an answer; what is held for true does, and is cited [evidence:answers-grounded] [evidence:cites]", () => {
    const wrong = opened("lost");
    const refused = finish(wrong.scene, wrong.chain, { text: `You may apply ${OLD}.` });
    expect(types(refused)).toEqual(["EffectRefused", "TaskFailed"]);
    expect(only(refused, "EffectRefused").rule).toBe(RECONCILIATION_RULE);
    const right = opened("lost");
    const { cites } = only(finish(right.scene, right.chain, `Apply ${RIGHT}`), "TaskCompleted");
    expect(cites).toMatchObject([{ subject: "refund:b", source: "policy" }]);
  });

  it("leaves where nobody compared it, or in shadow mode, with a record of what would have been [evidence:answers-grounded]", () => {
    const blind = opened("none");
    expect(types(finish(blind.scene, blind.chain, OLD))).toEqual(["TaskCompleted"]);
    const shadow = opened("lost", "shadow");
    expect(types(finish(shadow.scene, shadow.chain, OLD))).toEqual(["RuleShadowed", "TaskCompleted"]);
    const off = opened("lost", "off");
    expect(types(finish(off.scene, off.chain, OLD))).toEqual(["TaskCompleted"]);
  });
});

describe("a claim in doubt", () => {
  it("leaves the chain to a person, who sees why; nothing is known of its subject [evidence:disputed-told]", () => {
    const { scene, chain, events } = opened("unresolved");
    expect(types(events)).toEqual(["EffectCommitted", "ChainDegraded"]);
    expect(only(events, "ChainDegraded")).toMatchObject({
      rule: RECONCILIATION_RULE,
      evidence: [events[0]?.meta.eventId],
    });
    expect(scene.chain(chain)).toMatchObject({ status: "degraded", claims: {}, losing: { "refund:b": [OLD] } });
  });
});
