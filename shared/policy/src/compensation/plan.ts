/**
 * The plan of a rollback: which effects of a chain are undone, by what, in which order, and which are not. Pure, over
 * the events of the chain; who orders a rollback signs exactly this.
 *
 * U1 The latest effect is undone first. What was undone by an earlier rollback is not undone again.
 * U2 Nothing is guessed: what is in doubt, what no undo is declared for, and what an undo would need and nobody has, is
 *    named as not undone.
 */
import { asideOf, type BusEvent, type MessageOf, type UndoImpossible, type UndoStep } from "@busbar/events";
import {
  canonicalJson,
  isJsonObject,
  type Json,
  own,
  parseJson,
  sha256Hex,
  shortHash,
  utf8Length,
} from "@busbar/kernel";
import type { Policy, Undo } from "../policy-document.ts";
import { fillTemplate, namesResult } from "../template.ts";

/** Undos of one rollback, and bytes of their arguments; what is more is for the next one. */
export const UNDOS_MOST = 64;
const PLAN_BYTES_MOST = 196_608;

export interface RollbackPlan {
  readonly undos: readonly UndoStep[];
  readonly impossible: readonly UndoImpossible[];
  /** Effects that can be undone and have no room in this rollback. */
  readonly left: number;
}

/** Chain of a rollback: the same one of the same chain is one chain. */
export const rollbackChainId = (target: string, number: number): string =>
  shortHash("rollback", target, String(number));

/** Whose chains rollbacks are; no agent has it, since names of agents begin with a letter. */
export const ROLLBACK_AGENT = "_rollback";

/** One effect of the chain as its events tell it. */
interface Done {
  readonly tool: string;
  readonly args: Json | undefined;
  /** Undefined: nobody has it. */
  readonly result: Json | undefined;
  readonly state: "done" | "open" | "in-doubt" | "disputed";
  /** Event id. */
  readonly told: string;
}

type Admitted = Pick<Done, "tool" | "args">;

function admittedOf(event: MessageOf<"EffectAdmitted">): Admitted {
  return { tool: event.tool, args: asideOf(event, "args") === null ? parseJson(event.args) : undefined };
}

const resultOf = (event: BusEvent, text: string): Json | undefined =>
  event.meta.claimCheck === null && text !== "" ? parseJson(text) : undefined;

/** How an event leaves the effect of its call; null where it says nothing of it, `undone` where there is none. */
function stateAfter(event: BusEvent): Pick<Done, "state" | "result"> | "undone" | null {
  switch (event.type) {
    case "EffectCommitted":
      return { state: "done", result: resultOf(event, event.result) };
    case "EffectCommittedInvalid":
      return { state: "done", result: undefined };
    case "EffectSettled":
      if (event.outcome === "committed") return { state: "done", result: resultOf(event, event.result) };
      return event.outcome === "not-done" ? "undone" : { state: "in-doubt", result: undefined };
    case "EffectInDoubt":
      return { state: "in-doubt", result: undefined };
    case "EffectDisputed":
      return { state: "disputed", result: undefined };
    case "EffectContradicted":
      return { state: "done", result: undefined };
    case "EffectAbandoned":
      return "undone";
    case "EffectFailed":
      return "undone";
    default:
      return null;
  }
}

/** Changes of a chain that were done, or may have been, in the order of their records. */
function changesIn(events: readonly BusEvent[]): readonly Done[] {
  const admitted = new Map<string, Admitted>();
  const changes = new Map<string, Done>();
  for (const event of events) {
    if (!("callId" in event)) continue;
    const { callId } = event;
    if (event.type === "EffectAdmitted" && event.effectClass !== "read") {
      const call = admittedOf(event);
      admitted.set(callId, call);
      changes.set(callId, { ...call, state: "open", result: undefined, told: event.meta.eventId });
    }
    const [call, after] = [admitted.get(callId), stateAfter(event)];
    if (call === undefined || after === null) continue;
    const known = changes.get(callId);
    changes.delete(callId);
    if (after === "undone") continue;
    // A read-back that disputes a result leaves the result known.
    const result = after.result ?? known?.result;
    changes.set(callId, { ...call, ...after, result, told: event.meta.eventId });
  }
  return [...changes.values()];
}

const DOUBTS = {
  open: "it is still under way: roll back again when it has ended",
  "in-doubt": "nobody knows whether it happened: npx busbar settle",
  disputed: "its tool reported it and it does not show: npx busbar settle",
} as const;

/** The call that undoes a change, or why there is none. */
function undoOf(done: Done, policy: Policy): Pick<UndoStep, "tool" | "args"> | string {
  if (done.state !== "done") return DOUBTS[done.state];
  const undo = own(policy.tools, done.tool)?.undo;
  if (undo === undefined) return `${done.tool} declares no undo`;
  const by = own(policy.tools, undo.tool);
  if (by === undefined) return `its undo ${undo.tool} is no tool of the policy in force`;
  if (by.dependsOn !== undefined) return `its undo ${undo.tool} needs a version that nobody has read`;
  return argsOfUndo(undo, done);
}

function argsOfUndo(undo: Undo, { args, result }: Done): Pick<UndoStep, "tool" | "args"> | string {
  if (args === undefined) return "its arguments stand aside, too large for its undo";
  if (result === undefined && namesResult(undo.args)) return "its undo needs its result, which nobody has";
  const filled = fillTemplate(undo.args, result === undefined ? { args } : { args, result });
  return isJsonObject(filled) ? { tool: undo.tool, args: canonicalJson(filled) } : "its undo has no arguments";
}

/** `undone`: event ids that earlier rollbacks of the chain have undone. */
export function planRollback(
  events: readonly BusEvent[],
  policy: Policy,
  undone: ReadonlySet<string> = new Set(),
): RollbackPlan {
  const undos: UndoStep[] = [];
  const impossible: UndoImpossible[] = [];
  let [left, bytes] = [0, 0];
  for (const done of changesIn(events).toReversed()) {
    if (undone.has(done.told)) continue;
    const about = { undoes: done.told, of: done.tool };
    const undo = undoOf(done, policy);
    if (typeof undo === "string") {
      if (impossible.length < UNDOS_MOST) impossible.push({ ...about, reason: undo });
      continue;
    }
    bytes += utf8Length(undo.args);
    if (undos.length >= UNDOS_MOST || bytes > PLAN_BYTES_MOST) left += 1;
    else undos.push({ ...about, ...undo, argsHash: sha256Hex(undo.args) });
  }
  return { undos, impossible, left };
}

/** What a rollback has undone so far, as event ids; over the events of its chain. */
export function undoneIn(events: readonly BusEvent[]): readonly string[] {
  const undoes = new Map<string, string>();
  const done: string[] = [];
  for (const event of events) {
    if (event.type === "EffectAdmitted" && event.undoes !== "") undoes.set(event.callId, event.undoes);
    const isDone =
      event.type === "EffectCommitted" ||
      event.type === "EffectCommittedInvalid" ||
      (event.type === "EffectSettled" && event.outcome === "committed");
    const what = isDone ? undoes.get(event.callId) : undefined;
    if (what !== undefined) done.push(what);
  }
  return done;
}
