/**
 * What a look at a change came to that its tool had reported as done (PROTOCOL 5.2, 5.5): the change is verified, or it
 * is disputed, and then the chain reads only until a person has settled it.
 */
import { canonicalJson } from "@busbar/kernel";
import { parseLook } from "../read-back.ts";
import type { Found } from "./attempts.ts";
import type { CallOutcome } from "./inputs.ts";
import { degrade } from "./degrade.ts";
import { answerWaiting } from "./settle.ts";
import { emit, type Turn } from "./turn.ts";

export function lookedAt(turn: Turn, found: Found, outcome: Extract<CallOutcome, { kind: "read-back" }>): void {
  const { chain, call } = found;
  if (call.status !== "unverified") return;
  const { callId, admitted, result: seen, reason, durationMs } = outcome;
  const { effectKey, name: tool } = call;
  const look = parseLook(call.look);
  const body = { callId, effectKey, tool, admitted, by: look?.tool ?? "", seen, durationMs };
  if (outcome.shown) {
    emit(turn, "EffectVerified", { chain }, body);
    return answerWaiting(turn, chain.chainId, effectKey);
  }
  const code = outcome.failed ? "BUSBAR_READ_BACK_FAILED" : "BUSBAR_READ_BACK_MISMATCH";
  const expected = canonicalJson(look?.expect ?? {});
  const evidence = [emit(turn, "EffectDisputed", { chain }, { ...body, expected, code, reason })];
  degrade(turn, chain.chainId, { rule: "read-back", reason: `${tool}: ${reason}`, evidence });
}
