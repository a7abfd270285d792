/**
 * The state of one partition of the events topic: plain JSON, a fold of its valid records and of nothing else.
 * `replay` alone changes it. Offsets are decimal strings (JSON has no bigint), "" means none yet.
 */
import { type ClaimCheck, GENESIS_DIGEST, type UndoStep } from "@busbar/events";
import type { Json } from "@busbar/kernel";
import type { KnownClaim } from "./claims.ts";
import type { LadderState, Narrowing } from "./degradation/ladder.ts";
import type { Deployments } from "./deployments.ts";
import type { ChainStatus } from "./machines/chain.ts";
import type { EffectClass, Policy } from "./policy-document.ts";
import type { ChainRulesState, Trip } from "./rules/index.ts";
import type { Paces } from "./pace/pace.ts";
import type { CallVerdicts } from "./quorum/quorum.ts";
import type { GateState } from "./gate/gate.ts";
import type { Untrusted } from "./taint.ts";
import type { Slots } from "./slots/slot-state.ts";

/**
 * `waiting` for another call's effect; `delayed`: nothing of it is under way, its next attempt is due at `dueAtMs`;
 * `unverified`: its tool reported it as done, the read-back is due; `disputed`: that does not show it. `held`: a person
 * has to approve it, or has, and it could not begin yet.
 */
export type CallStatus = "open" | "waiting" | "held" | "delayed" | "in-doubt" | "unverified" | "disputed" | "answered";

/** What a person is, or was, asked about a call. Reason and evidence are as bounded as in its record. */
export interface ApprovalState {
  /** Offset of the ApprovalRequested. */
  readonly requested: string;
  readonly rule: string;
  readonly reason: string;
  readonly evidence: readonly string[];
  readonly expiresAtMs: number;
  /** Manifest of the tool that the person is asked about; another one is another question. */
  readonly toolDigest: string;
  readonly subject: string;
  /** Event id of the ApprovalGranted; empty while nobody has decided. */
  readonly granted: string;
}

export interface HandOffState {
  /** Rule that handed off; empty where the agent asked. */
  readonly rule: string;
  readonly evidence: readonly string[];
  /** Positions of the chain up to it. */
  readonly context: string;
  /** Principal who has taken it; empty: nobody. */
  readonly takenBy: string;
  readonly atMs: number;
}

/** One step of a chain as the door knows it. */
export interface CallState {
  readonly step: number;
  readonly kind: "tool" | "model" | "task" | "statement" | "timer" | "handoff" | "report";
  /** Tool, model, agent or subject; of a timer `sleep`, of a hand-off `person`, of a report `confidence`. */
  readonly name: string;
  readonly argsHash: string;
  readonly status: CallStatus;
  /** Offset of the current admission (EffectAdmitted, ModelCallAdmitted, TaskSent, StatementRecorded). */
  readonly admitted: string;
  /** Offset of the answer, "" while there is none. */
  readonly answered: string;
  readonly attempt: number;
  readonly effectKey: string;
  readonly effectClass: EffectClass | "";
  readonly args: string;
  /** Where the arguments stand that are too large for a record; `args` is empty then. */
  readonly aside: ClaimCheck | null;
  /**
   * When what is in doubt may be settled, what is delayed is tried again, a timer fires, a held call ends or, once
   * allowed, is tried, or a look became due, ms; else 0.
   */
  readonly dueAtMs: number;
  /** Attempts that were throttled: they count as no attempt. */
  readonly throttled: number;
  /** Event time of the first of them, ms; 0 = none. */
  readonly throttledSinceMs: number;
  /** An attempt of it was counted as an error: the attempts of one call are one call. */
  readonly erred: boolean;
  /** An earlier attempt was in doubt when this one was admitted: it may still arrive, whatever comes of this one. */
  readonly unresolved: boolean;
  /** Of an unverified or disputed call: the look that is due, canonical JSON (read-back.ts); else empty. */
  readonly look: string;
  /** The version that it depends on (freshness.ts), canonical JSON; empty where it depends on none. */
  readonly expects: string;
  /** Null where no person was asked, and after the answer. */
  readonly approval: ApprovalState | null;
  /** Of a hand-off that is not answered: who hands off, and who has taken it. */
  readonly handOff: HandOffState | null;
}

/** Where the messages of a conversation stand, from one head to the next. */
export interface ConversationEntry {
  /** Offset of the ModelCallAdmitted or ModelCallCompleted that has the messages up to this head. */
  readonly offset: string;
  /** Head before them; "" where they are the first. */
  readonly previous: string;
  /** Messages and bytes of the whole conversation up to here. */
  readonly messages: number;
  readonly bytes: number;
}

/** One effect of a chain's ledger, by effect key. */
export interface LedgerEntry {
  readonly status: "open" | "committed" | "failed" | "in-doubt";
  readonly callId: string;
  readonly offset: string;
  /** Clock of the owner at the first admission under this key, ms: the tool cannot have seen the key earlier. */
  readonly sinceMs: number;
  readonly attempt: number;
  readonly subject: string;
  /** The chain's count of other subject changes when this one committed. */
  readonly generation: number;
}

export interface HaltCause {
  /** Offset of the Halt directive, or the event id of the ChainHalted that a rule wrote. */
  readonly fence: string;
  readonly rule: string;
  readonly reason: string;
}

export interface ChildState {
  readonly childChainId: string;
  readonly agent: string;
  readonly open: boolean;
  /** Tokens carved out of this chain's budget for it; what is left returns when it ends. */
  readonly budgetTokens: number;
  /** What it was asked derives from untrusted text. */
  readonly untrusted: boolean;
}

/** A version that the chain was told, and the offset of the record that told it. */
export interface SeenVersion {
  readonly version: string;
  readonly offset: string;
}

/** As bounded as its record. */
export interface RollbackState {
  readonly target: string;
  readonly undos: readonly UndoStep[];
  /** A person has signed it; else the policy has asked for it. */
  readonly isByPerson: boolean;
}

export interface ChainState {
  readonly chainId: string;
  readonly status: ChainStatus;
  readonly agent: string;
  /** Version of the agent that runs it to its end; empty before the first assignment and where nobody deployed it. */
  readonly version: string;
  readonly incarnation: number;
  readonly assignedAtMs: number;
  /** Last accepted command sequence of the current incarnation. */
  readonly sequence: number;
  /** Stream sequence: valid events of this chain so far. */
  readonly streamSeq: number;
  /** Root first, this chain last. */
  readonly lineage: readonly string[];
  readonly parentChainId: string;
  readonly parentCallId: string;
  readonly taskKey: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly openedAtMs: number;
  readonly submitted: string;
  readonly deadlineAtMs: number;
  readonly maxSteps: number;
  readonly budgetTokens: number;
  readonly tokensUsed: number;
  readonly calls: Readonly<Record<string, CallState>>;
  readonly ledger: Readonly<Record<string, LedgerEntry>>;
  /** Committed changes by subject, for "another mutation of the subject lies between". */
  readonly subjectChanges: Readonly<Record<string, number>>;
  /** Versions by what was read, the first told first; see freshness.ts. */
  readonly seen: Readonly<Record<string, SeenVersion>>;
  /** Latest claims by subject, those told last at the end; see claims.ts for the bounds. */
  readonly claims: Readonly<Record<string, KnownClaim>>;
  /** Values that another source was found right against, by subject; see citations.ts for the bounds. */
  readonly losing: Readonly<Record<string, readonly Json[]>>;
  /** What the person has said whom the chain serves, oldest first; see replay/evidence.ts for the bounds. */
  readonly said: readonly string[];
  /** Input of the chain's task, as far as it is kept. */
  readonly task: Json;
  /** It derives from untrusted text of the chain that sent it. */
  readonly isTaskUntrusted: boolean;
  /** Text of third parties that its records brought; see taint.ts for the bounds. */
  readonly untrusted: Untrusted;
  /** How often each tool was done, by its name. */
  readonly committed: Readonly<Record<string, number>>;
  readonly children: Readonly<Record<string, ChildState>>;
  /** What later model calls may refer to, by head (PROTOCOL 5.8); two for a call at most. */
  readonly conversations: Readonly<Record<string, ConversationEntry>>;
  readonly rules: ChainRulesState;
  /** A rule tripped and its ChainHalted is the chain's next event. */
  readonly trip: Trip | null;
  /** Rules in shadow tripped and their RuleShadowed are the chain's next events; at most one for each rule. */
  readonly shadows: readonly Trip[];
  /** What judges have said of calls that wait for it, by call id. */
  readonly verdicts: CallVerdicts;
  /** What has happened since the last verification gate. */
  readonly gate: GateState;
  /** Of a chain that undoes the effects of another one. */
  readonly rollback: RollbackState | null;
  readonly ladder: LadderState;
  /** A rung is taken and its record is the chain's next event. */
  readonly narrowing: Narrowing | null;
  readonly halted: HaltCause | null;
  /** A resume set it free: its ChainResumed and its assignment are the next records. */
  readonly freed: boolean;
  /** The halt was also put on the directives topic, so that it reaches the sub-tasks. */
  readonly haltSpread: boolean;
}

/** What stays of a finished chain, so that its task is known when it is sent again. */
export interface ClosedChain {
  readonly state: ChainStatus;
  readonly outcome: string;
  readonly atMs: number;
  readonly parentChainId: string;
  readonly parentCallId: string;
  readonly tokensUsed: number;
}

export interface Fence {
  /** Offset of the scope's last Halt. */
  readonly fence: string;
  readonly reason: string;
  readonly by: string;
  /** Trips that it stands for, as `rule cause`: the same trip again is the same fence. At most FENCE_TRIPS_KEPT. */
  readonly trips: readonly string[];
}

/** Bound of what a fence remembers; an older trip told again then needs a newer resume. */
export const FENCE_TRIPS_KEPT = 32;

export interface FreezeState {
  readonly freezeId: string;
  readonly scope: string;
  readonly effects: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

export interface BreakerView {
  readonly state: "open" | "isolated" | "half-open";
  readonly rule: string;
  readonly reason: string;
  readonly cause: string;
  /** Number of the last grant of this opening: one told again gives nothing. */
  readonly granted: number;
}

/** The last notice that an agent decides otherwise than it used to. */
export interface DriftView {
  readonly reason: string;
  /** Population stability index, and what it had to reach. */
  readonly index: number;
  readonly limit: number;
  /** Event id of the record that completed the window, and its time, ms. */
  readonly cause: string;
  readonly atMs: number;
}

/** What flow control holds against new tasks of a key. */
export interface FlowView {
  /** `lifted`: a person let go, and no machine takes hold again before the load has gone down. */
  readonly level: "throttled" | "paused" | "shed" | "lifted";
  readonly rule: string;
  readonly reason: string;
  /** Event id of the record whose load caused it; empty where a person did. */
  readonly cause: string;
  readonly by: string;
  readonly isByHand: boolean;
  readonly intervalMs: number;
  readonly retryAfterMs: number;
  /** While throttled: when this partition takes the next task, ms. */
  readonly nextAtMs: number;
}

export interface GrantState {
  readonly key: string;
  readonly left: number;
  readonly expiresAtMs: number;
}

export type DoorState = "closed" | "open" | "degraded";

export interface PartitionState {
  readonly partition: number;
  /** Next offset of the partition. */
  end: string;
  claim: { readonly offset: string; readonly nonce: string } | null;
  /** Running digest over the valid records (hex). */
  digest: string;
  atMs: number;
  /** Directives applied, exclusive. */
  through: string;
  inputs: { readonly commands: string; readonly control: string };
  /** Events projected to the inboxes, exclusive. */
  inbox: string;
  door: DoorState;
  doorReason: string;
  /** Tools of the process that opened the door, name to manifest digest; null: it did not say. */
  loadedTools: Readonly<Record<string, string>> | null;
  policy: Policy | null;
  policyHash: string;
  fences: Record<string, Fence>;
  freezes: Record<string, FreezeState>;
  breakers: Record<string, BreakerView>;
  grants: Record<string, GrantState>;
  /** Of the caps of the policy; replaced, never edited. */
  slots: Slots;
  /** Of tools and models that have asked to be called later, by `tool:<name>` or `model:<name>`; replaced, never edited. */
  paces: Paces;
  /** By key of flow control; replaced, never edited. */
  flows: Readonly<Record<string, FlowView>>;
  /** By `agent:<name>`; replaced, never edited. No decision asks it. */
  drifts: Readonly<Record<string, DriftView>>;
  deployments: Deployments;
  /** What each resumed scope covered, per events partition: a trip whose cause lies before has no effect. */
  covered: Record<string, Record<string, string>>;
  chains: Record<string, ChainState>;
  closed: Record<string, ClosedChain>;
  /** Ids of `closed`, the first closed first. */
  closedOrder: string[];
  /** Tasks submitted at or before this time may be forgotten although they are young, ms; 0: none is. */
  forgottenMs: number;
  openChains: number;
  /** Of each agent that has any; replaced, never edited. */
  agentChains: Readonly<Record<string, number>>;
  /** Valid events folded so far. */
  events: number;
}

export function initialPartitionState(partition: number): PartitionState {
  return {
    partition,
    end: "0",
    claim: null,
    digest: GENESIS_DIGEST,
    atMs: 0,
    through: "0",
    inputs: { commands: "0", control: "0" },
    inbox: "0",
    door: "closed",
    doorReason: "not opened yet",
    loadedTools: null,
    policy: null,
    policyHash: "",
    fences: {},
    freezes: {},
    breakers: {},
    grants: {},
    slots: {},
    paces: {},
    flows: {},
    drifts: {},
    deployments: {},
    covered: {},
    chains: {},
    closed: {},
    closedOrder: [],
    forgottenMs: 0,
    openChains: 0,
    agentChains: {},
    events: 0,
  };
}

/**
 * The state as it is now, while the owner goes on: what `replay` changes in place is copied (one level of references),
 * what lies below is replaced and never edited. Costs one pass over the chains, open and remembered.
 */
export function snapshotOf(state: PartitionState): PartitionState {
  const { fences, freezes, breakers, grants, covered, chains, closed, closedOrder } = state;
  return {
    ...state,
    fences: { ...fences },
    freezes: { ...freezes },
    breakers: { ...breakers },
    grants: { ...grants },
    covered: { ...covered },
    chains: { ...chains },
    closed: { ...closed },
    closedOrder: [...closedOrder],
  };
}
