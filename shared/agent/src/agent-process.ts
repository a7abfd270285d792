/** An agent process as its caller sees it: what it is made of, what it says of itself, and the group that it joins. */
import type { Codec } from "@busbar/events/codec";
import type { EventLog } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";
import type { HostPhase } from "./chain-host.ts";
import type { AgentDefinition } from "./define-agent.ts";
import type { OrderCheck } from "./directive-watch.ts";
import type { AgentState } from "./machines/agent.ts";
import type { Timers } from "./timers.ts";

export interface RunAgentOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly agent: AgentDefinition;
  /** Of the topics; default `busbar`. */
  readonly prefix?: string;
  /** The agent's HMAC key. */
  readonly key: Uint8Array;
  /**
   * True: this process runs the chains that are pinned to its version, and no others. Default false: it runs those of
   * an agent that nobody deployed.
   */
  readonly deployed?: boolean;
  /** Name of this process in heartbeats; unique. */
  readonly instance: string;
  readonly logger?: Logger;
  readonly timers?: Timers;
  /** Chains that run at once; above it they wait. Default 64. */
  readonly maxChains?: number;
  /** Default 500. */
  readonly heartbeatMs?: number;
  /** First pause before an unanswered command is sent again; default 3000. */
  readonly answerTimeoutMs?: number;
  /** How long a replay may fail to make a recorded call; default 10000. */
  readonly stallMs?: number;
  /** Default true. False: only the door stops this agent; for showing that it does. */
  readonly obeysHalts?: boolean;
  /** Checks who gave an order: the agent stops for no other. */
  readonly isOrderSigned: OrderCheck;
}

export interface AgentProcessState {
  readonly state: AgentState;
  readonly partitions: readonly number[];
  readonly chains: readonly { readonly chainId: string; readonly incarnation: number; readonly phase: HostPhase }[];
}

export interface AgentProcess {
  state(): AgentProcessState;
  /** Stops chains and signs of life and leaves the group. What was running is assigned again by its owner. */
  stop(): Promise<void>;
}

/** The consumer group of an agent's processes: one per version, one for those that nobody deployed. */
export function agentGroup(prefix: string, agent: string, version: string): string {
  return version === "" ? `${prefix}.agent.${agent}` : `${prefix}.agent.${agent}@${version}`;
}
