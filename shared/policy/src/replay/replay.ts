/**
 * Replay: the only place where a partition's state changes. One valid record in, the state changed in place (the
 * container; everything below it is replaced, never edited). Live, reload, the supervisor's check and what-if use it.
 *
 * R1 Only valid records and claims come here, in offset order; void records are somebody else's evidence.
 * R2 It never fails: an event it does not know changes positions and counters only.
 */
import type { BusEvent } from "@busbar/events";
import { covers, parseScope } from "@busbar/events";
import { own } from "@busbar/kernel";
import { OPEN_GATE } from "../gate/gate.ts";
import { noteTaskOpened } from "../flow/at-door.ts";
import { isFinal, nextChainStatus } from "../machines/chain.ts";
import type { ChainState, PartitionState } from "../partition-state.ts";
import { INITIAL_RULES } from "../rules/index.ts";
import { replayPaces } from "../pace/pace.ts";
import { replaySlots, slotsUnder } from "../slots/slots.ts";
import { openChain, replayChain } from "./chain-events.ts";
import { applyDirective } from "./directives.ts";
import { maxOffset } from "./offsets.ts";

export interface LoggedEvent {
  readonly offset: bigint;
  readonly event: BusEvent;
  /** Running digest after this record. */
  readonly digest: string;
}

/** Whether a scope covers a chain: its agent, or the chain itself or an ancestor, or everything. */
export function scopeCoversChain(scope: string, chain: ChainState): boolean {
  const parsed = parseScope(scope);
  return parsed !== null && covers(parsed, { agent: chain.agent, tool: "", lineage: chain.lineage });
}

function haltCovered(state: PartitionState, scope: string, fence: string, reason: string): void {
  for (const chain of Object.values(state.chains)) {
    if (!scopeCoversChain(scope, chain)) continue;
    const status = nextChainStatus(chain.status, "ChainHalted");
    // A chain that a rule stopped keeps its own halt under a wider one: lifting that does not set it free.
    const isOwn = chain.halted !== null && chain.halted.rule !== "halt" && scope !== `chain:${chain.chainId}`;
    // Else the newest fence is the one to name in a resume; the first cause stays the reason.
    const halted = isOwn ? chain.halted : { rule: "halt", reason, ...chain.halted, fence };
    const haltSpread = isOwn ? chain.haltSpread : true;
    state.chains[chain.chainId] = { ...chain, status, trip: null, narrowing: null, halted, haltSpread, freed: false };
  }
}

function resumeCovered(state: PartitionState, scope: string, fence: string): void {
  for (const chain of Object.values(state.chains)) {
    if (chain.halted?.fence !== fence || !scopeCoversChain(scope, chain)) continue;
    const status = nextChainStatus(chain.status, "ChainResumed");
    state.chains[chain.chainId] = {
      ...chain,
      status,
      halted: null,
      freed: true,
      rules: INITIAL_RULES,
      gate: OPEN_GATE,
    };
  }
}

function replayDirectives(state: PartitionState, event: BusEvent): void {
  if (event.type !== "DirectivesApplied" && event.type !== "HaltAcknowledged") return;
  for (const applied of event.applied) {
    applyDirective(state, applied);
    const fence = own(state.fences, applied.scope);
    if (applied.kind === "Halt" && fence?.fence === applied.offset)
      haltCovered(state, applied.scope, fence.fence, fence.reason);
    if (applied.kind === "Resume") resumeCovered(state, applied.scope, applied.id);
    if (applied.kind === "SetPolicy") state.slots = slotsUnder(state);
  }
  state.through = maxOffset(state.through, event.through);
}

/**
 * Time without an owner does not count against deadlines: they move by the silence before a claim. An owner that lives
 * is never silent for longer than ALIVE_EVERY_MS while a deadline runs (timers.ts), so they move by no more than that
 * beside the time without an owner (PROTOCOL 9).
 */
function shiftDeadlines(state: PartitionState, silenceMs: number): void {
  if (state.events === 0 || silenceMs <= 0) return;
  for (const chain of Object.values(state.chains)) {
    if (chain.deadlineAtMs === 0) continue;
    state.chains[chain.chainId] = { ...chain, deadlineAtMs: chain.deadlineAtMs + silenceMs };
  }
}

/** Why the door is closed after a release; this epoch never opens it again. */
export const RELEASED = "the owner released the partition";

function replayOwnership(state: PartitionState, event: BusEvent, offset: bigint, before: number): void {
  switch (event.type) {
    case "PartitionClaimed":
      shiftDeadlines(state, event.meta.atMs - before);
      state.claim = { offset: offset.toString(), nonce: event.nonce };
      state.door = "closed";
      state.doorReason = "the owner has just claimed the partition";
      return;
    case "PartitionReleased":
      state.door = "closed";
      state.doorReason = RELEASED;
      return;
    case "DoorOpened":
      state.door = "open";
      state.doorReason = "";
      state.loadedTools =
        event.tools.length === 0 ? null : Object.fromEntries(event.tools.map(({ tool, digest }) => [tool, digest]));
      return;
    case "DoorDegraded":
      state.door = "degraded";
      state.doorReason = event.reason;
      return;
    default:
      replayDirectives(state, event);
  }
}

function countChain(state: PartitionState, agent: string, by: 1 | -1): void {
  state.openChains += by;
  const { [agent]: now = 0, ...others } = state.agentChains;
  state.agentChains = now + by > 0 ? { ...others, [agent]: now + by } : others;
}

function close(state: PartitionState, chain: ChainState, outcome: string, atMs: number): void {
  delete state.chains[chain.chainId];
  countChain(state, chain.agent, -1);
  const { status, parentChainId, parentCallId, tokensUsed } = chain;
  state.closed[chain.chainId] = { state: status, outcome, atMs, parentChainId, parentCallId, tokensUsed };
  state.closedOrder.push(chain.chainId);
}

function replayChainEvent(state: PartitionState, event: BusEvent, offset: bigint): void {
  const { chainId } = event.meta;
  if (chainId === "") return;
  if (event.type === "TaskSubmitted") {
    if (own(state.chains, chainId) === undefined) countChain(state, event.agent, 1);
    state.chains[chainId] = openChain(event);
    if (event.parentChainId === "") noteTaskOpened(state, event.agent, event.meta.atMs);
    return;
  }
  const chain = own(state.chains, chainId);
  if (chain === undefined) return;
  const next = replayChain(chain, event, state.policy);
  state.chains[chainId] = next;
  if (isFinal(next.status)) close(state, next, offset.toString(), event.meta.atMs);
}

function spendGrant(state: PartitionState, event: BusEvent): void {
  if (event.type !== "EffectAdmitted") return;
  for (const id of event.probes) {
    const { [id]: grant, ...others } = state.grants;
    if (grant === undefined) continue;
    state.grants = grant.left <= 1 ? others : { ...others, [id]: { ...grant, left: grant.left - 1 } };
  }
}

/** Finished chains that are remembered at most, whatever their age: the bound of this part of the state. */
export const CLOSED_CHAINS_KEPT = 100_000;

function forgetClosed(state: PartitionState): void {
  const keepMs = state.policy?.limits.closedChainsMs ?? Number.MAX_SAFE_INTEGER;
  const surplus = state.closedOrder.length - CLOSED_CHAINS_KEPT;
  let gone = 0;
  // The first that is young enough ends the scan, so it costs what it forgets.
  for (const chainId of state.closedOrder) {
    const closed = state.closed[chainId];
    const isYoung = closed !== undefined && closed.atMs + keepMs >= state.atMs;
    if (isYoung && gone >= surplus) break;
    // A command from before this one may be of any chain that is forgotten: it is refused (tasks.ts).
    if (isYoung) state.forgottenMs = Math.max(state.forgottenMs, closed.atMs);
    delete state.closed[chainId];
    gone += 1;
  }
  if (gone > 0) state.closedOrder = state.closedOrder.slice(gone);
}

function replayPositions(state: PartitionState, event: BusEvent): void {
  const { progress } = event.meta;
  if (progress === null) return;
  state.inputs = {
    commands: maxOffset(state.inputs.commands, progress.commands),
    control: maxOffset(state.inputs.control, progress.control),
  };
  state.inbox = maxOffset(state.inbox, progress.inbox);
}

/** How often finished chains are looked over, in events. */
const FORGET_EVERY = 1024;

/** Folds one valid record (or a claim) into the state. */
export function replay(state: PartitionState, logged: LoggedEvent): void {
  const { event, offset } = logged;
  const before = state.atMs;
  state.atMs = Math.max(before, event.meta.atMs);
  state.digest = logged.digest;
  replayOwnership(state, event, offset, before);
  spendGrant(state, event);
  replayPaces(state, event, offset);
  replaySlots(state, event);
  replayChainEvent(state, event, offset);
  replayPositions(state, event);
  state.events += 1;
  if (state.events % FORGET_EVERY === 0) forgetClosed(state);
  state.end = (offset + 1n).toString();
}
