/**
 * Decisions of agents, as stage 1 of the supervisor counts them: what each call, model call, sub-task and task of an agent
 * came to. They are told in batches; what is told is a fold of valid records.
 *
 * D1 A record is one decision at most. D2 Names that nobody declared are one kind, and no agent has more than
 *    KINDS_KEPT kinds: the rest is `other`. So the state is bounded by the agents of the policy.
 */
import type { BusEvent } from "@busbar/events";
import { own } from "@busbar/kernel";
import type { Policy } from "../policy-document.ts";
import { isLostAnswer } from "../replay/facts.ts";

export type Counts = Readonly<Record<string, number>>;

export const KINDS_KEPT = 64;
export const OTHER = "other";

/** Adds to a kind of decision, or to `other` where there are too many kinds. */
export function countDecision(counts: Counts, kind: string, by = 1): Counts {
  const isRoom = own(counts, kind) !== undefined || Object.keys(counts).length < KINDS_KEPT;
  const name = isRoom ? kind : OTHER;
  return { ...counts, [name]: (own(counts, name) ?? 0) + by };
}

/** The name of a refused call, where the policy knows it: an agent may ask for anything. */
function declared(policy: Policy | null, name: string): string {
  const [kind = "", ...rest] = name.split(":");
  const [tools, models, agents] = [policy?.tools ?? {}, policy?.models ?? {}, policy?.agents ?? {}];
  if (rest.length === 0) return own(tools, name) === undefined ? "undeclared tool" : name;
  const rows = { model: models, agent: agents }[kind];
  return rows !== undefined && own<unknown>(rows, rest.join(":")) === undefined ? `undeclared ${kind}` : name;
}

/** What a record says an agent decided, and what came of it; null where it says nothing of that. */
export function decisionOf(event: BusEvent, policy: Policy | null): string | null {
  switch (event.type) {
    case "EffectCommitted":
      return `${event.tool} done`;
    case "EffectCommittedInvalid":
      return `${event.tool} invalid`;
    case "EffectFailed":
      return event.final && event.code !== "BUSBAR_THROTTLED" ? `${event.tool} failed` : null;
    case "EffectInDoubt":
      return isLostAnswer(event.code) ? `${event.tool} in doubt` : null;
    case "EffectAlreadyDone":
      return `${event.tool} repeated`;
    case "EffectRefused":
      return `${declared(policy, event.tool)} refused ${event.code}`;
    default:
      return otherDecision(event);
  }
}

function otherDecision(event: BusEvent): string | null {
  switch (event.type) {
    case "ModelCallCompleted":
      return `model:${event.model} ${event.problems.length > 0 ? "broken" : "answered"}`;
    case "ModelCallFailed":
      return event.final && event.code !== "BUSBAR_THROTTLED" ? `model:${event.model} failed` : null;
    case "TaskSent":
      return `agent:${event.agent} sent`;
    case "TaskCompleted":
      return "task completed";
    case "TaskFailed":
      return "task failed";
    case "ChainHalted":
      return event.directive === "" ? `halted by ${event.rule}` : null;
    default:
      return null;
  }
}

/** Counts that were not told yet, by agent. Changed in place. */
export type DecisionBook = Record<string, { readonly counts: Counts; readonly size: number }>;

/** Decisions in one report. */
export function batchOf(window: number, partitions: number): number {
  return Math.max(1, Math.floor(window / (4 * partitions)));
}

/** Counts the decision of a record; the counts of its agent when a batch is full, which are then told. */
export function takeDecision(book: DecisionBook, agent: string, kind: string, batch: number): Counts | null {
  const { counts, size } = own(book, agent) ?? { counts: {}, size: 0 };
  const next = { counts: countDecision(counts, kind), size: size + 1 };
  if (next.size < batch) {
    book[agent] = next;
    return null;
  }
  delete book[agent];
  return next.counts;
}
