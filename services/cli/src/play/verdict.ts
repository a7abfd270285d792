/**
 * What the log says of one played run: a pure fold over its chain's valid events.
 *
 * V1 A run is judged up to its first stop: nothing after the first `ChainHalted` or refusal counts.
 * V2 Its calls are steps of its chain, whatever their arguments. A turn of the person is a step and no call.
 */
import type { BusEvent } from "@busbar/events";
import type { PlayedStep } from "./steps.ts";

/** A call that was put to a person, and the rule that did it. */
export interface Asked {
  readonly call: number;
  readonly rule: string;
}

/** How a run ended on the bus. `failed`: it could not be played, which is no judgement of the run. */
export interface Verdict {
  readonly end: "completed" | "stopped" | "failed";
  /** The rule or check that stopped it; the code of the refusal where the door itself did; empty otherwise. */
  readonly rule: string;
  readonly reason: string;
  /** Index of the call whose outcome stopped the run; of the last one where nothing did; -1: none. */
  readonly call: number;
  /** Calls that the door let through to the tool. */
  readonly admitted: ReadonlySet<number>;
  readonly refused: number;
  /** Calls answered from the ledger: the same effect again, so the tool was not asked. */
  readonly alreadyDone: number;
  /** Calls that were put to a person, who approved them. */
  readonly asked: readonly Asked[];
  /** Calls that a rule in shadow mode would have refused or put to a person. */
  readonly shadowed: readonly Asked[];
}

export interface Judging {
  readonly steps: readonly PlayedStep[];
  readonly admitted: Set<number>;
  refused: number;
  alreadyDone: number;
  readonly asked: Asked[];
  readonly shadowed: Asked[];
  /** Rules in shadow that spoke about the call whose decision comes next. */
  readonly pending: string[];
  /** Of the last outcome. */
  call: number;
  refusal: { readonly rule: string; readonly reason: string; readonly call: number } | null;
}

export function beginJudging(steps: readonly PlayedStep[]): Judging {
  return {
    steps,
    admitted: new Set(),
    refused: 0,
    alreadyDone: 0,
    asked: [],
    shadowed: [],
    pending: [],
    call: -1,
    refusal: null,
  };
}

/** The recorded call of a step, from 1. */
const callAt = ({ steps }: Judging, step: number): number => steps[step - 1]?.index ?? -1;

const stepOf = (callId: string): number => Number(callId.slice(callId.lastIndexOf(":") + 1));

/** What a rule in shadow says of a call stands right before the decision of that call. */
function takeShadow(judging: Judging, event: BusEvent): void {
  if (event.type === "RuleShadowed") {
    // A halt would come of an outcome, not of a call.
    if (event.would !== "halt") judging.pending.push(event.rule);
  } else if (event.type === "EffectAdmitted" || event.type === "EffectRefused" || event.type === "ApprovalRequested") {
    const call = callAt(judging, event.step);
    judging.shadowed.push(...judging.pending.splice(0).map((rule) => ({ call, rule })));
  }
}

/** Takes one event of the chain, in log order; the verdict when this event is its end. */
export function judge(judging: Judging, event: BusEvent): Verdict | null {
  takeShadow(judging, event);
  switch (event.type) {
    case "EffectAdmitted":
      if (judging.steps[event.step - 1]?.isTurn === false) judging.admitted.add(callAt(judging, event.step));
      return null;
    case "EffectAlreadyDone":
      judging.alreadyDone += 1;
      judging.call = callAt(judging, event.step);
      return null;
    case "ApprovalRequested":
      judging.asked.push({ call: callAt(judging, event.step), rule: event.rule });
      return null;
    case "EffectRefused": {
      const { code, reason, step, rule } = event;
      judging.refused += 1;
      judging.call = callAt(judging, step);
      // Of the door's own refusals the code says more than the rule, which is the door.
      judging.refusal ??= { rule: code === "BUSBAR_CHECK_FAILED" ? rule : code, reason, call: judging.call };
      return null;
    }
    case "EffectCommitted":
    case "EffectCommittedInvalid":
    case "EffectFailed":
    case "EffectInDoubt":
    case "EffectAbandoned":
      judging.call = callAt(judging, stepOf(event.callId));
      return null;
    case "ChainHalted":
      return concluded(judging, "stopped", event.rule, event.reason);
    case "TaskCompleted":
      return completed(judging);
    case "TaskFailed":
      return concluded(judging, "failed", "", `${event.code}: ${event.reason}`);
    default:
      return null;
  }
}

/** The recorded agent gives up at a refusal, so the refusal stopped it. */
function completed(judging: Judging): Verdict {
  const { refusal } = judging;
  if (refusal === null) return concluded(judging, "completed", "", "");
  return { ...concluded(judging, "stopped", refusal.rule, refusal.reason), call: refusal.call };
}

function concluded(judging: Judging, end: Verdict["end"], rule: string, reason: string): Verdict {
  const { admitted, refused, alreadyDone, asked, shadowed, call } = judging;
  return { end, rule, reason, call, admitted, refused, alreadyDone, asked, shadowed };
}
