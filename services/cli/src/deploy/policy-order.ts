/**
 * The policy of a deployed agent travels with it: its row is put into the policy in force, and a rollback puts the row
 * of the version before back. Tools, rules, limits and caps stay as the gateways have them.
 */
import { isJsonObject, own, parseJson } from "@busbar/kernel";
import { type AgentPolicy, type PartitionState, type Policy, policyHash } from "@busbar/policy";
import { policyBody } from "@busbar/runtime";
import type { OpenBus } from "../bus.ts";
import { type GivenOrder, giveOrder, operatorName } from "../orders.ts";

/** The policy of the partition that has applied most; null where none has one. */
export function policyInForce(states: readonly PartitionState[]): Policy | null {
  const newest = states.toSorted((left, right) => (BigInt(left.through) < BigInt(right.through) ? 1 : -1))[0];
  return newest?.policy ?? null;
}

/** Puts a policy in force unless it is; the order, where one was needed. */
export async function putPolicy(bus: OpenBus, policy: Policy, inForce: Policy | null): Promise<GivenOrder | null> {
  const hash = policyHash(policy);
  if (inForce !== null && policyHash(inForce) === hash) return null;
  const body = { ...policyBody(policy), reason: "the row of a deployed agent", by: operatorName() };
  return giveOrder(bus, "SetPolicy", "policy", body);
}

/** The agent's row in a policy that was in force once; null where the directives do not hold it. */
async function recordedRow(bus: OpenBus, hash: string, agent: string): Promise<AgentPolicy | null> {
  const { low, end } = await bus.log.offsets(bus.topics.directives, 0);
  for await (const { records } of bus.log.read(bus.topics.directives, 0, { from: low, to: end })) {
    for (const { value } of records) {
      const decoded = bus.codec.decode(value, "directive");
      if (!decoded.ok || decoded.message.type !== "SetPolicy" || decoded.message.hash !== hash) continue;
      const policy = parseJson(decoded.message.policy);
      if (isJsonObject(policy)) return own((policy as unknown as Policy).agents, agent) ?? null;
    }
  }
  return null;
}

/** Puts back the row that a version was deployed with. */
export async function restoreRow(
  bus: OpenBus,
  states: readonly PartitionState[],
  agent: string,
  hash: string,
): Promise<GivenOrder | null> {
  const inForce = policyInForce(states);
  const row = await recordedRow(bus, hash, agent);
  if (inForce === null || row === null) return null;
  return putPolicy(bus, { ...inForce, agents: { ...inForce.agents, [agent]: row } }, inForce);
}
