/**
 * The status of the bus, folded from the states of its partitions and the latest signs of life. Pure: the same log
 * gives the same answer to everyone.
 */
import { own } from "@busbar/kernel";
import {
  againstFiringAgain,
  type CallState,
  type ChainState,
  type PartitionState,
  ROLLBACK_AGENT,
} from "@busbar/policy";
import type { SupervisorState } from "../deploy/state-file.ts";
import { type ApprovalRow, foldApprovals } from "./approvals.ts";
import { type CapStatus, foldCaps } from "./caps.ts";
import { type DeploymentRow, foldDeployments } from "./deployments.ts";
import { type DriftRow, foldDrifts } from "./drifts.ts";
import { type FlowRow, foldFlows } from "./flows.ts";
import { foldHandOffs, type HandOffRow } from "./handoffs.ts";
import type { AgentLife, Life } from "./heartbeats.ts";
import type { PartitionView } from "./partition.ts";

export interface AgentStatus {
  readonly agent: string;
  /** `halted` (a fence covers it), `absent` (no process), `degraded`, `working` or `idle`. */
  readonly state: "halted" | "absent" | "degraded" | "working" | "idle";
  readonly instances: number;
  readonly chains: { readonly open: number; readonly degraded: number; readonly halted: number };
  readonly inDoubt: number;
}

export interface DoorStatus {
  readonly partition: number;
  /** `failed`: its gateway lives and has shut it until a person acts. */
  readonly door: PartitionState["door"] | "unowned" | "failed";
  readonly owner: string;
  readonly reason: string;
  /** What to type about a door that failed; empty for any other. */
  readonly next: string;
  readonly claim: string;
  readonly end: string;
  readonly sinceMs: number;
  readonly openChains: number;
}

/** Something that stands on a scope or key, with the partitions that have applied it. */
export interface Standing {
  readonly scope: string;
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly by: string;
  readonly partitions: readonly number[];
}

export interface HaltedChain {
  readonly chainId: string;
  readonly agent: string;
  readonly partition: number;
  readonly rule: string;
  readonly reason: string;
  readonly fence: string;
}

export interface Doubt {
  readonly chainId: string;
  readonly callId: string;
  readonly tool: string;
  readonly partition: number;
  /** Offset of the admission in doubt. */
  readonly admitted: string;
  /** `in-doubt`, or `disputed`: its tool reported it as done and the read-back does not show it. */
  readonly state: CallState["status"];
  /** What ends the doubt: another attempt under its key, a read-back, or a person. */
  readonly endsBy: string;
}

export interface BusStatus {
  readonly agents: readonly AgentStatus[];
  readonly doors: readonly DoorStatus[];
  readonly fences: readonly Standing[];
  readonly freezes: readonly Standing[];
  readonly breakers: readonly Standing[];
  /** What flow control holds back. */
  readonly flows: readonly FlowRow[];
  /** Agents that were told to decide otherwise than they used to, within the last day. */
  readonly drifts: readonly DriftRow[];
  readonly haltedChains: readonly HaltedChain[];
  readonly inDoubt: readonly Doubt[];
  /** Calls that wait for a person. */
  readonly approvals: readonly ApprovalRow[];
  /** Decisions that people own now. */
  readonly handOffs: readonly HandOffRow[];
  readonly supervisors: Life["supervisors"];
  readonly deployments: readonly DeploymentRow[];
  readonly caps: readonly CapStatus[];
}

type View = Pick<PartitionView, "state" | "owner" | "doorAtMs">;

function merge(found: readonly Omit<Standing, "partitions">[], partition: number, into: Map<string, Standing>): void {
  for (const one of found) {
    const key = `${one.scope} ${one.id} ${one.state}`;
    const known = into.get(key);
    into.set(key, { ...one, partitions: [...(known?.partitions ?? []), partition] });
  }
}

function standing(
  views: readonly View[],
  of: (state: PartitionState) => readonly Omit<Standing, "partitions">[],
): readonly Standing[] {
  const merged = new Map<string, Standing>();
  for (const { state } of views) merge(of(state), state.partition, merged);
  return [...merged.values()].sort((left, right) => (left.scope < right.scope ? -1 : 1));
}

const fencesOf = (state: PartitionState) =>
  Object.entries(state.fences).map(([scope, { fence, reason, by }]) => ({
    scope,
    id: fence,
    state: "halted",
    reason,
    by,
  }));

const breakersOf = (state: PartitionState) =>
  Object.entries(state.breakers).map(([key, { state: now, rule, reason }]) => ({
    scope: key,
    id: "",
    state: now,
    reason,
    by: rule,
  }));

/** Freezes that are over or not yet begun stand for nothing. */
const freezesAt = (nowMs: number) => (state: PartitionState) =>
  Object.values(state.freezes)
    .filter(({ fromMs, untilMs }) => fromMs <= nowMs && (untilMs === 0 || nowMs < untilMs))
    .map(({ scope, freezeId, effects, untilMs, reason }) => {
      const until = untilMs === 0 ? "until lifted" : `until ${new Date(untilMs).toISOString()}`;
      return { scope, id: freezeId, state: `no ${effects.join(", ")} ${until}`, reason, by: "" };
    });

const chainsOf = (views: readonly View[]): readonly (readonly [ChainState, number])[] =>
  views.flatMap(({ state }) => Object.values(state.chains).map((chain) => [chain, state.partition] as const));

function haltedChains(views: readonly View[]): readonly HaltedChain[] {
  return chainsOf(views).flatMap(([{ chainId, agent, halted }, partition]) => {
    return halted === null ? [] : [{ chainId, agent, partition, ...halted }];
  });
}

/** In doubt, or reported as done and not to be seen. */
const isDoubtful = ({ status }: CallState): boolean => status === "in-doubt" || status === "disputed";

function endOf({ policy }: PartitionState, chain: ChainState, call: CallState, nowMs: number): string {
  // Without a time it has been left to a person; so is what a look disputes.
  if (policy === null || call.dueAtMs === 0) return "a person";
  const against = againstFiringAgain(policy, chain, call, nowMs);
  if (against === null) return "another attempt under its key";
  const readBack = own(policy.tools, call.name)?.readBack ?? null;
  return readBack === null ? "a person" : `a look by ${readBack.tool}`;
}

function doubts(views: readonly View[], nowMs: number): readonly Doubt[] {
  return views.flatMap(({ state }) =>
    Object.values(state.chains).flatMap((chain) =>
      Object.entries(chain.calls)
        .filter(([, call]) => isDoubtful(call))
        .map(([callId, call]) => ({
          chainId: chain.chainId,
          callId,
          tool: call.name,
          partition: state.partition,
          admitted: call.admitted,
          state: call.status,
          endsBy: endOf(state, chain, call, nowMs),
        })),
    ),
  );
}

function doorOf({ state, owner, doorAtMs }: View, life: Life["doors"]): DoorStatus {
  const { partition, door, doorReason, claim, end, openChains } = state;
  const now = claim === null ? "unowned" : door;
  const epoch = claim === null ? "" : `${claim.offset}:${claim.nonce}`;
  const common = { partition, claim: epoch, end, sinceMs: doorAtMs, openChains };
  // A door that failed is not on the log: who cannot append there says it in its heartbeats.
  const failed = life.find((one) => one.partition === partition && one.failure !== "");
  if (failed === undefined) return { ...common, door: now, owner, reason: doorReason, next: "" };
  const { gateway, failure, next } = failed;
  return { ...common, door: "failed", owner: gateway, reason: failure, next };
}

function agentStatus(agent: string, views: readonly View[], lives: readonly AgentLife[]): AgentStatus {
  const chains = chainsOf(views).filter(([chain]) => chain.agent === agent);
  const count = (status: ChainState["status"]): number => chains.filter(([chain]) => chain.status === status).length;
  const [degraded, halted] = [count("degraded"), count("halted")];
  const isFenced = views.some(({ state }) =>
    ["fleet", `agent:${agent}`].some((scope) => state.fences[scope] !== undefined),
  );
  const inDoubt = chains.reduce((sum, [chain]) => sum + Object.values(chain.calls).filter(isDoubtful).length, 0);
  const open = chains.length - halted;
  const busy = degraded > 0 ? "degraded" : open > 0 ? "working" : "idle";
  const state = isFenced ? "halted" : lives.length === 0 ? "absent" : busy;
  return { agent, state, instances: lives.length, chains: { open, degraded, halted }, inDoubt };
}

/**
 * `agents`: names that are known beside those that chains and signs of life bring. `local`: what deployment supervisors
 * on this machine say.
 */
export function foldStatus(
  views: readonly View[],
  life: Life,
  agents: readonly string[],
  nowMs: number,
  local: readonly SupervisorState[] = [],
): BusStatus {
  const policies = views.flatMap(({ state }) => Object.keys(state.policy?.agents ?? {}));
  const ran = chainsOf(views).map(([chain]) => chain.agent);
  const names = [...new Set([...agents, ...policies, ...ran, ...life.agents.map(({ agent }) => agent)])]
    .filter((name) => name !== ROLLBACK_AGENT)
    .sort();
  const lives = Object.groupBy(life.agents, ({ agent }) => agent);
  return {
    agents: names.map((agent) => agentStatus(agent, views, lives[agent] ?? [])),
    doors: views.map((view) => doorOf(view, life.doors)),
    fences: standing(views, fencesOf),
    freezes: standing(views, freezesAt(nowMs)),
    breakers: standing(views, breakersOf),
    flows: foldFlows(views.map(({ state }) => state)),
    drifts: foldDrifts(
      views.map(({ state }) => state),
      nowMs,
    ),
    haltedChains: haltedChains(views),
    inDoubt: doubts(views, nowMs),
    approvals: foldApprovals(views.map(({ state }) => state)),
    handOffs: foldHandOffs(views.map(({ state }) => state)),
    supervisors: life.supervisors,
    deployments: foldDeployments(
      views.map(({ state }) => state),
      life.agents,
      local,
    ),
    caps: foldCaps(
      views.map(({ state }) => state),
      nowMs,
    ),
  };
}
