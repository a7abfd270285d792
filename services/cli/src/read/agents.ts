/** Agents as the policy declares them and as they live. Pure. */
import type { PartitionState } from "@busbar/policy";
import type { DriftRow } from "./drifts.ts";
import type { AgentLife } from "./heartbeats.ts";
import type { AgentStatus } from "./status.ts";

export interface AgentRow extends Omit<AgentStatus, "instances"> {
  /** The policy in force lists it. */
  readonly declared: boolean;
  readonly tools: readonly string[];
  readonly sends: readonly string[];
  readonly models: readonly string[];
  readonly instances: readonly AgentLife[];
  /** What of its decisions has changed, by the last notice; empty where there is none. */
  readonly drift: string;
}

export function foldAgents(
  status: readonly AgentStatus[],
  states: readonly Pick<PartitionState, "policy">[],
  drifts: readonly DriftRow[],
  lives: readonly AgentLife[],
): readonly AgentRow[] {
  return status.map((one) => {
    const declared = states.map(({ policy }) => policy?.agents[one.agent]).find((row) => row !== undefined);
    const { tools = [], sends = [], models = [] } = declared ?? {};
    const instances = lives.filter(({ agent }) => agent === one.agent);
    const drift = drifts.find(({ agent }) => agent === one.agent)?.reason ?? "";
    return { ...one, declared: declared !== undefined, tools, sends, models, instances, drift };
  });
}
