/**
 * A chaos spec is data: which processes stand, what load they bear, which faults strike how often, which checkers judge
 * the run and what they may find. The engine (episode.ts) knows no spec by name.
 */
import type { Fault as ToolFault } from "@busbar/examples";
import type { AGENTS } from "../harness/bus.ts";
import type { CheckName } from "./checks.ts";

export type AgentName = (typeof AGENTS)[number];
export type Role = "agent" | "gateway" | "supervisor";
/** What lies between a kind of process and the brokers; `operator` is the person who halts. */
export const LINKS = ["agent", "gateway", "supervisor", "operator"] as const;
export type Link = (typeof LINKS)[number];

export interface Range {
  readonly from: number;
  readonly to: number;
}

export type FaultSpec =
  /** SIGKILL of one process; another takes its place. */
  | { readonly kind: "kill"; readonly target: Role | "broker" }
  /** SIGTERM of one process after another has been started beside it: a deploy. */
  | { readonly kind: "deploy"; readonly target: Role }
  /** SIGSTOP of a gateway until another has taken over, or until it has long been at work. */
  | { readonly kind: "freeze"; readonly at: FreezePoint }
  /** A person halts a scope while its agents work, and resumes it once it was defied. */
  | { readonly kind: "halt"; readonly scopes: readonly HaltScope[] }
  /** One link is cut, a person halts a scope before or while it is, and the link is mended. */
  | {
      readonly kind: "cut";
      readonly links: readonly Link[];
      readonly scopes: readonly HaltScope[];
      readonly forMs: Range;
    }
  /** The wall clock of a gateway jumps, and after a while it jumps back. */
  | { readonly kind: "clock"; readonly jumpMs: readonly number[]; readonly forMs: Range }
  /** Every request and answer of a link comes later, for a while. */
  | { readonly kind: "slow"; readonly links: readonly Link[]; readonly delayMs: Range; readonly forMs: Range }
  /** The broker's disk is full until it has given up; then there is room again and it is started. */
  | { readonly kind: "disk-full" }
  /** The schema registry is gone while one process of each role is killed and another takes its place. */
  | { readonly kind: "registry-down" };

/** `before-check`, `before-send`: on either side of the check of the fire bound. */
export type FreezePoint = "anywhere" | "before-check" | "before-send";
export type HaltScope = "fleet" | "chain" | `agent:${AgentName}`;

/** One kind of fault, striking again and again; the lanes of a spec strike beside each other. */
export interface Lane {
  readonly fault: FaultSpec;
  /** Of the rounds of an episode, in proportion to the other lanes'. */
  readonly share: number;
  /** Effects that are admitted before it strikes again. */
  readonly every: Range;
}

export interface Load {
  readonly agent: AgentName;
  readonly input: "courier" | "turns";
  readonly perPartition: number;
}

export interface AgentProcesses {
  readonly names: readonly AgentName[];
  readonly count: number;
  /** Ignores signals and halts, forges, replays, restarts itself and has a helper that outlives it. */
  readonly hostile?: boolean;
}

export interface Stage {
  /** `three`: three replicas, two of them in sync for an acknowledgement. `small-disk` takes root. */
  readonly brokers: "one" | "three" | "small-disk";
  readonly gateways: number;
  readonly supervisors: number;
  readonly agents: AgentProcesses;
  readonly toolFaults: readonly ToolFault[];
}

/** How often each thing may be seen in one episode. */
export interface Bounds {
  /** Fires after their bound by a process that was frozen past the check, named in doubt; per freeze. Default 0. */
  readonly lateFiresPerFreeze?: number;
}

export interface ChaosSpec {
  readonly name: string;
  /** The promise that is tried, as one sentence. */
  readonly promise: string;
  readonly stage: Stage;
  readonly load: readonly Load[];
  readonly lanes: readonly Lane[];
  readonly checks: readonly CheckName[];
  readonly bounds: Bounds;
  /** Rounds of one episode: one bus, one broker, one seed. */
  readonly rounds: number;
  /** Rounds of a full run, over as many episodes as that takes. */
  readonly fullRounds: number;
}
