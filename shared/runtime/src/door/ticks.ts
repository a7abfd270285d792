/** What the passing of time means to a partition: timers, the door, chains without a sign of life. It only makes
 * inputs; the decisions are recorded ones (PROTOCOL 6.3, 6.4, 8.2, 9). */
import {
  awaitsVersion,
  type InheritedCall,
  type Input,
  isAliveDue,
  isDueCall,
  isEnding,
  isRollbackDue,
  type ChainState,
  type PartitionState,
} from "@busbar/policy";
import type { SupervisorBeat } from "../feeds.ts";
import type { OwnerOptions } from "./owner-options.ts";

export interface Ticking {
  /** When this owner loaded, wall ms: what was silent before is not held against anyone. */
  readonly loadedMs: number;
  /** Chains whose reassignment waits in the queue, by incarnation. */
  readonly reassigning: Map<string, number>;
  /** Sub-tasks that were asked for again: when next, and how long to wait then. */
  readonly asked: Map<string, { readonly nextMs: number; readonly waitMs: number }>;
  /** Our clock minus the broker's, at the last answer, ms. */
  skewMs: number;
  nextLifeMs: number;
}

export function newTicking(loadedMs: number, skewMs: number): Ticking {
  return { loadedMs, reassigning: new Map(), asked: new Map(), skewMs, nextLifeMs: 0 };
}

export function inputsOfTick(options: OwnerOptions, state: PartitionState, ticking: Ticking): readonly Input[] {
  const nowMs = options.clock.nowMs();
  const inputs: Input[] = [...doorInputs(options, state, ticking, nowMs)];
  if (hasDueTimer(state, nowMs) || isAliveDue(state, nowMs)) inputs.push({ kind: "tick" });
  if (nowMs < ticking.nextLifeMs) return inputs;
  ticking.nextLifeMs = nowMs + options.settings.lifeBoundMs / 6;
  inputs.push(...lifelessChains(options, state, ticking, nowMs));
  return inputs;
}

function doorInputs(options: OwnerOptions, state: PartitionState, ticking: Ticking, nowMs: number): readonly Input[] {
  const { settings, life, partition } = options;
  const found = life.supervisor(partition);
  const isClockOff = Math.abs(ticking.skewMs) > settings.clockBoundMs;
  const isFresh = found !== null && nowMs - found.atMs <= settings.heartbeatStaleMs;
  if (state.door === "open") {
    if (isClockOff) return [{ kind: "degrade", reason: `our clock is ${ticking.skewMs} ms from the broker's` }];
    return isFresh ? [] : [{ kind: "degrade", reason: `no supervisor heartbeat for ${settings.heartbeatStaleMs} ms` }];
  }
  return isFresh && !isClockOff ? openings(options, state, found) : [];
}

function openings(options: OwnerOptions, state: PartitionState, { beat, atMs }: SupervisorBeat): readonly Input[] {
  if (state.claim === null || state.policy === null) return [];
  const knowsClaim = BigInt(beat.eventsThrough) > BigInt(state.claim.offset);
  const isApplied =
    BigInt(state.through) >= BigInt(beat.directivesEnd) && BigInt(state.through) >= options.directives.end();
  if (!knowsClaim || !isApplied || !options.isMember()) return [];
  const { supervisor, eventsThrough, directivesEnd } = beat;
  return [
    { kind: "open", opening: { supervisor, heartbeatAtMs: atMs, eventsThrough, directivesEnd, tools: options.tools } },
  ];
}

function hasDueTimer(state: PartitionState, nowMs: number): boolean {
  for (const chain of Object.values(state.chains)) {
    if (chain.freed) return true;
    if (Object.values(chain.calls).some((call) => isDueCall(call, state, chain, nowMs))) return true;
    if (chain.halted !== null) continue;
    if (state.door === "open" && isRollbackDue(chain)) return true;
    if (chain.deadlineAtMs > 0 && chain.deadlineAtMs <= nowMs) return true;
    if (isEnding(state.deployments, chain) || awaitsVersion(state.deployments, chain)) return true;
  }
  return false;
}

/** Chains that one look assigns again at most; the rest comes with the next look, a sixth of `lifeBoundMs` later. */
export const REASSIGNED_AT_ONCE = 32;

const DOUBLED_AT_MOST = 3;

/**
 * How long a chain may be silent: longer after each assignment that brought no command. On a machine that is too busy
 * to be heard in time every assignment makes work for the next, and none of them would ever be heard.
 */
function patienceMs({ incarnation, sequence }: Pick<ChainState, "incarnation" | "sequence">, boundMs: number): number {
  return sequence > 0 ? boundMs : boundMs * 2 ** Math.min(incarnation - 1, DOUBLED_AT_MOST);
}

/** Chains that no process of a living version says it runs. Where the whole version is silent nobody could take them. */
function lifelessChains(
  options: OwnerOptions,
  state: PartitionState,
  ticking: Ticking,
  nowMs: number,
): readonly Input[] {
  const { life, settings } = options;
  const inputs: Input[] = [];
  for (const chain of Object.values(state.chains)) {
    if (inputs.length >= REASSIGNED_AT_ONCE) break;
    const { chainId, incarnation, agent, version } = chain;
    if (incarnation === 0 || chain.halted !== null || ticking.reassigning.get(chainId) === incarnation) continue;
    if (nowMs - life.agentSeenMs(agent, version) > settings.lifeBoundMs / 2) continue;
    const lastMs = Math.max(life.chainSeenMs(agent, chainId, incarnation), chain.assignedAtMs, ticking.loadedMs);
    if (nowMs - lastMs <= patienceMs(chain, settings.lifeBoundMs)) continue;
    ticking.reassigning.set(chainId, incarnation);
    inputs.push({ kind: "reassign", chainId, reason: `no sign of life for ${settings.lifeBoundMs} ms` });
  }
  return inputs;
}

/** Open tool calls that this process does not run: a former owner admitted them. */
export function inheritedCalls(
  state: PartitionState,
  isRunning: (admitted: string, callId: string) => boolean,
): readonly InheritedCall[] {
  const inherited: InheritedCall[] = [];
  for (const { chainId, calls } of Object.values(state.chains)) {
    for (const [callId, call] of Object.entries(calls)) {
      if (call.kind !== "tool" || call.status !== "open" || isRunning(call.admitted, callId)) continue;
      inherited.push({ chainId, callId });
    }
  }
  return inherited;
}
