/**
 * Several verdicts on one call (multi-path): what is high-stakes is admitted only when k of n judges agree, each from
 * a source of its own. A judge sees the call, the task and what the chain knows; never another verdict, and never what
 * the agent thinks of it.
 *
 * Q1 A verdict is for one call with one digest of arguments. It is a record before it counts.
 * Q2 A judge that says nothing, too late or what cannot be read has not agreed.
 * Q3 The state is bounded: verdicts of a call go with its admission, refusal or request for approval.
 */
import type { BusEvent } from "@busbar/events";
import { isJsonObject, type Json, type JsonObject, own, parseJson } from "@busbar/kernel";
import { atPath } from "../template.ts";
import type { EffectClass, ToolPolicy } from "../policy-document.ts";

/** Who gives a verdict. `rule`: an expression, judged by the door itself; `check`: a read and what it must show. */
export type Judge =
  | { readonly name: string; readonly kind: "rule"; readonly require: string }
  | { readonly name: string; readonly kind: "model"; readonly model: string; readonly question: string }
  | {
      readonly name: string;
      readonly kind: "check";
      readonly tool: string;
      readonly args: JsonObject;
      readonly expect: JsonObject | string;
    };

export interface QuorumPolicy {
  /** Effect classes of which every call is high-stakes. */
  readonly effects: readonly EffectClass[];
  /** Tools of which every call is (those that reach people outside, for example). */
  readonly tools: readonly string[];
  /** Any change whose argument at `path` (dots) is a number above `above`; null: no amount is. */
  readonly amount: { readonly path: string; readonly above: number } | null;
  /** How many judges have to agree. */
  readonly agree: number;
  readonly judges: readonly Judge[];
  /** What comes of a call on which too few agree: a person is asked, or it is refused. */
  readonly otherwise: "hold" | "refuse";
  /** Longest time of one judge. */
  readonly timeoutMs: number;
}

export const DEFAULT_QUORUM: Omit<QuorumPolicy, "judges" | "agree"> = {
  effects: ["destructive"],
  tools: [],
  amount: null,
  otherwise: "hold",
  timeoutMs: 30_000,
};

export interface Verdict {
  readonly agrees: boolean;
  readonly reason: string;
  /** Event id of the VerdictGiven. */
  readonly evidence: string;
}

/** What judges have said of one call so far. */
export interface Verdicts {
  /** Offset of the VerdictsRequested. */
  readonly requested: string;
  readonly sinceMs: number;
  readonly tool: string;
  readonly args: string;
  readonly argsHash: string;
  /** Judges that were asked, in their order. */
  readonly judges: readonly string[];
  readonly given: Readonly<Record<string, Verdict>>;
}

export type CallVerdicts = Readonly<Record<string, Verdicts>>;

/** Whether a call of the tool with these arguments needs verdicts. Reads never do. */
export function isHighStakes(quorum: QuorumPolicy, name: string, { effect }: ToolPolicy, args: Json): boolean {
  if (effect === "read") return false;
  if (quorum.effects.includes(effect) || quorum.tools.includes(name)) return true;
  const found = quorum.amount === null ? undefined : atPath(args, quorum.amount.path);
  return quorum.amount !== null && typeof found === "number" && found > quorum.amount.above;
}

export type Standing =
  | { readonly kind: "agreed"; readonly evidence: readonly string[] }
  | { readonly kind: "open" }
  | { readonly kind: "missing"; readonly reason: string; readonly evidence: readonly string[] };

/** What the verdicts come to: decided as soon as no further verdict can change it. */
export function standingOf({ judges, given }: Verdicts, agree: number): Standing {
  const told = judges.map((judge) => ({ judge, verdict: own(given, judge) ?? null }));
  const evidence = told.flatMap(({ verdict }) => (verdict === null ? [] : [verdict.evidence]));
  const agreed = told.filter(({ verdict }) => verdict?.agrees === true);
  if (agreed.length >= agree) return { kind: "agreed", evidence };
  const open = told.filter(({ verdict }) => verdict === null);
  if (agreed.length + open.length >= agree) return { kind: "open" };
  const against = told.flatMap(({ judge, verdict }) =>
    verdict !== null && !verdict.agrees ? [`${judge}: ${verdict.reason}`] : [],
  );
  const reason = `${agreed.length} of ${judges.length} judges agree, ${agree} have to (${against.join("; ")})`;
  return { kind: "missing", reason, evidence };
}

const without = (all: CallVerdicts, callId: string): CallVerdicts => {
  if (own(all, callId) === undefined) return all;
  const { [callId]: _gone, ...rest } = all;
  return rest;
};

/** Folds a record of the chain; `offset` is where it stands. Total and deterministic. */
export function stepVerdicts(all: CallVerdicts, event: BusEvent, offset: string): CallVerdicts {
  switch (event.type) {
    case "VerdictsRequested": {
      const { callId, tool, args, argsHash, judges, meta } = event;
      const asked = { requested: offset, sinceMs: meta.atMs, tool, args, argsHash, judges: [...judges], given: {} };
      return { ...all, [callId]: asked };
    }
    case "VerdictGiven": {
      const known = own(all, event.callId);
      // The first verdict of a judge is its verdict.
      if (known === undefined || own(known.given, event.judge) !== undefined) return all;
      const verdict = { agrees: event.agrees, reason: event.reason, evidence: event.meta.eventId };
      return { ...all, [event.callId]: { ...known, given: { ...known.given, [event.judge]: verdict } } };
    }
    case "EffectAdmitted":
    case "EffectRefused":
    case "ApprovalRequested":
      return without(all, event.callId);
    default:
      return all;
  }
}

/** A text of a judge that is kept in a record. */
export const REASON_CHARACTERS = 512;

/** What a model answered, as a verdict: a JSON object `{"agrees": true, "reason": "..."}`, and nothing else agrees. */
export function verdictOfText(text: string): { readonly agrees: boolean; readonly reason: string } {
  const [object = ""] = /\{[\s\S]*\}/u.exec(text) ?? [];
  const value = parseJson(object);
  if (value === undefined || !isJsonObject(value) || typeof value["agrees"] !== "boolean") {
    return { agrees: false, reason: "its answer is no verdict" };
  }
  const reason = typeof value["reason"] === "string" ? value["reason"] : "";
  return { agrees: value["agrees"], reason: reason.slice(0, REASON_CHARACTERS) };
}

/** Where a verdict comes from: judges of one source are not independent. */
export interface Sourced {
  readonly name: string;
  readonly source: string;
}

/** Faults of a declared quorum; `sources`: of the judges, and of the agents whose calls they judge. */
export function quorumFaults(
  { agree, judges }: Pick<QuorumPolicy, "agree" | "judges">,
  sources: readonly Sourced[],
  agents: readonly Sourced[],
): readonly string[] {
  const faults: string[] = [];
  if (agree > judges.length) faults.push(`agree: ${agree} of ${judges.length} judges can never agree`);
  for (const [index, { name, source }] of sources.entries()) {
    const twin = sources.find((other, at) => at < index && other.source === source && other.name !== name);
    if (twin !== undefined) faults.push(`judges ${twin.name} and ${name} are not independent: both are ${source}`);
    const own = agents.find((agent) => agent.source === source);
    if (own !== undefined)
      faults.push(`judge ${name} is not independent: agent ${own.name} asks ${source} itself; give its models by name`);
  }
  const names = judges.map(({ name }) => name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) faults.push(`there are two judges named ${double}`);
  return faults;
}
