/** What differs between two policies, path by path; and between a policy and those that the partitions have. Pure. */
import { canonicalJson, isJsonObject, type Json } from "@busbar/kernel";
import { type PartitionState, type Policy, policyHash } from "@busbar/policy";

export interface Difference {
  /** Names from the root of the policy down. */
  readonly path: readonly string[];
  readonly kind: "added" | "removed" | "changed";
  readonly before: Json | null;
  readonly after: Json | null;
}

export interface PolicyDifference {
  /** Hash of the policy in force there; empty where there is none. */
  readonly inForce: string;
  readonly partitions: readonly number[];
  readonly differences: readonly Difference[];
}

function differ(path: readonly string[], before: Json | undefined, after: Json | undefined): readonly Difference[] {
  if (before === undefined || after === undefined) {
    if (before === after) return [];
    const kind = before === undefined ? "added" : "removed";
    return [{ path, kind, before: before ?? null, after: after ?? null }];
  }
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => differ([...path, name], before[name], after[name]));
  }
  return canonicalJson(before) === canonicalJson(after) ? [] : [{ path, kind: "changed", before, after }];
}

/** What has to happen to `before` to become `after`. */
export function diffPolicies(before: Policy | null, after: Policy): readonly Difference[] {
  const json = (policy: Policy): Json => policy as unknown as Json;
  return differ([], before === null ? undefined : json(before), json(after));
}

type State = Pick<PartitionState, "partition" | "policy" | "policyHash">;

/** One entry for each policy that is in force somewhere, in the order of the partitions. */
export function diffInForce(states: readonly State[], wanted: Policy): readonly PolicyDifference[] {
  const byHash = new Map<string, PolicyDifference>();
  for (const { partition, policy, policyHash: inForce } of states) {
    const known = byHash.get(inForce);
    const differences = known?.differences ?? diffPolicies(policy, wanted);
    byHash.set(inForce, { inForce, partitions: [...(known?.partitions ?? []), partition], differences });
  }
  return [...byHash.values()];
}

/** Nothing differs anywhere. */
export function isSame(states: readonly State[], wanted: Policy): boolean {
  const hash = policyHash(wanted);
  return states.every((state) => state.policyHash === hash);
}
