/**
 * Flow control at the door: what stands is applied by records like any directive, and asked before a new task is opened
 * (PROTOCOL 6.7). Nothing else asks it: calls, sub-tasks and outcomes of chains that are admitted go on, and so do halts.
 */
import { type AppliedDirective } from "@busbar/events";
import { type JsonObject, own } from "@busbar/kernel";
import type { FlowView, PartitionState } from "../partition-state.ts";
import { DEFAULT_FLOW } from "../policy-document.ts";
import { number, text } from "../replay/body.ts";

/** Keys that a new task of an agent meets in a partition. */
export function flowKeys(agent: string, partition: number): readonly string[] {
  return [`agent:${agent}`, `partition:${partition}`, "fleet"];
}

/** Null for what flow control knows nothing of. */
export function parseFlowKey(key: string): string | null {
  return /^(?:fleet|agent:[^/]{1,200}|partition:\d{1,9})$/u.test(key) ? key : null;
}

const LEVELS: ReadonlySet<string> = new Set(["throttled", "paused", "shed"]);

const isService = (by: string): boolean => by.startsWith("supervisor");

/** What is about another partition, or about nothing that is asked here, changes nothing. */
function concerns(state: PartitionState, key: string): boolean {
  if (parseFlowKey(key) === null) return false;
  return !key.startsWith("partition:") || key === `partition:${state.partition}`;
}

/** What a person set or lifted no machine takes hold of (flow.ts, F3). */
const isHeldByHand = (view: FlowView | undefined): boolean => view?.isByHand === true;

/** Applies a `Throttle`. */
export function applyThrottle(state: PartitionState, _applied: AppliedDirective, body: JsonObject): void {
  const [key, by, level] = [text(body, "key"), text(body, "by"), text(body, "level")];
  const known = own(state.flows, key);
  const isByHand = !isService(by);
  if (!concerns(state, key) || !LEVELS.has(level) || (!isByHand && isHeldByHand(known))) return;
  const [rule, reason, cause] = [text(body, "rule"), text(body, "reason"), text(body, "cause")];
  const [intervalMs, retryAfterMs] = [number(body, "intervalMs"), number(body, "retryAfterMs")];
  const view = { level: level as FlowView["level"], rule, reason, cause, by, isByHand, intervalMs, retryAfterMs };
  state.flows = { ...state.flows, [key]: { ...view, nextAtMs: known?.nextAtMs ?? 0 } };
}

/** Applies an `Unthrottle`. A person's holds until the supervisor has seen the load go down, and says so. */
export function applyUnthrottle(state: PartitionState, _applied: AppliedDirective, body: JsonObject): void {
  const [key, by] = [text(body, "key"), text(body, "by")];
  if (!concerns(state, key)) return;
  const { [key]: known, ...others } = state.flows;
  if (!isService(by)) {
    const said = { rule: "", reason: text(body, "reason"), cause: "", by, isByHand: true };
    const lifted = { ...said, level: "lifted" as const, intervalMs: 0, retryAfterMs: 0, nextAtMs: 0 };
    state.flows = { ...others, [key]: lifted };
  } else if (!isHeldByHand(known) || known?.level === "lifted") {
    state.flows = others;
  }
}

/** A root task was opened: a throttled key waits for its interval. */
export function noteTaskOpened(state: PartitionState, agent: string, atMs: number): void {
  for (const key of flowKeys(agent, state.partition)) {
    const flow = own(state.flows, key);
    if (flow?.level !== "throttled") continue;
    state.flows = { ...state.flows, [key]: { ...flow, nextAtMs: atMs + flow.intervalMs } };
  }
}

export type FlowVerdict =
  | { readonly kind: "defer"; readonly retryAfterMs: number; readonly reason: string }
  | { readonly kind: "shed"; readonly reason: string };

/** Of the id of a chain: those that are put off together do not come back together. */
function spreadOf(chainId: string, withinMs: number): number {
  let sum = 0;
  for (const character of chainId) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_536;
  return Math.floor((sum * withinMs) / 65_536);
}

/** The open chains of an agent that a partition has room for: its share of the agent's `pause` mark; 0: no bound. */
export function agentShareOf(state: PartitionState, partitions: number): number {
  const { pause } = (state.policy?.flow ?? DEFAULT_FLOW).agent;
  return Math.ceil(pause / partitions);
}

/** What holds a new task, and for how long at least, ms. */
interface Hold {
  readonly waitMs: number;
  readonly reason: string;
}

function shareHold(state: PartitionState, agent: string, partitions: number): Hold | null {
  const [share, open] = [agentShareOf(state, partitions), own(state.agentChains, agent) ?? 0];
  if (share === 0 || open < share) return null;
  const { retryAfterMs } = state.policy?.flow ?? DEFAULT_FLOW;
  return { waitMs: retryAfterMs, reason: `agent:${agent} has ${open} open chains here, its share of flow.agent.pause` };
}

function levelHold(
  key: string,
  { level, intervalMs, retryAfterMs, nextAtMs, reason }: FlowView,
  atMs: number,
): Hold | null {
  const why = `${key} is ${level}: ${reason}`;
  if (level === "paused") return { waitMs: retryAfterMs, reason: why };
  const restMs = nextAtMs - atMs;
  // More than the interval is left where a clock was ahead: nobody waits for a time that was none.
  if (level !== "throttled" || restMs <= 0 || restMs > intervalMs) return null;
  return { waitMs: Math.max(retryAfterMs, restMs), reason: why };
}

/**
 * What stands against a new root task now; null when nothing does. Orders of flow control come when load has been seen;
 * the partition's static share is the bound that holds meanwhile (PROTOCOL 7.3).
 */
export function flowAgainst(
  state: PartitionState,
  task: { readonly agent: string; readonly chainId: string },
  partitions: number,
  atMs: number,
): FlowVerdict | null {
  const { agent, chainId } = task;
  let held = shareHold(state, agent, partitions);
  for (const key of flowKeys(agent, state.partition)) {
    const flow = own(state.flows, key);
    if (flow?.level === "shed") return { kind: "shed", reason: `${key} takes no new tasks: ${flow.reason}` };
    const hold = flow === undefined ? null : levelHold(key, flow, atMs);
    if (hold !== null && (held === null || hold.waitMs > held.waitMs)) held = hold;
  }
  if (held === null) return null;
  const { waitMs, reason } = held;
  return { kind: "defer", retryAfterMs: waitMs + spreadOf(chainId, waitMs), reason };
}
