/** The guards as the policy in force has them, and how often each is seen to have acted in a range of the log. Pure. */
import type { BusEvent } from "@busbar/events";
import { GUARD_METRIC, GUARDS, type GuardState, guardsIn, type PartitionState, policyHash } from "@busbar/policy";

export interface GuardRow {
  readonly name: string;
  /** Empty where no policy is in force; `differs` where partitions have policies of which they say different things. */
  readonly state: GuardState | "" | "differs";
  /** Records of the range that show it acting. */
  readonly acts: number;
  readonly sentence: string;
  readonly knobs: readonly string[];
  readonly events: readonly string[];
  readonly metric: string;
  readonly guide: string;
}

export type GuardCounts = Map<string, number>;

export function countGuards(counts: GuardCounts, event: BusEvent): void {
  for (const name of guardsIn(event)) counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** One row each, in the order of the registry. */
export function foldGuards(
  states: readonly Pick<PartitionState, "policy">[],
  counts: ReadonlyMap<string, number>,
): readonly GuardRow[] {
  const inForce = new Map(states.flatMap(({ policy }) => (policy === null ? [] : [[policyHash(policy), policy]])));
  return GUARDS.map((guard) => {
    const { name, sentence, knobs, acts } = guard;
    const [state = "", ...others] = new Set([...inForce.values()].map((policy) => guard.state(policy)));
    return {
      name,
      state: others.length === 0 ? state : "differs",
      acts: counts.get(name) ?? 0,
      sentence,
      knobs,
      events: [...new Set(acts.map(({ on }) => on))],
      metric: `${GUARD_METRIC}{guard="${name}"}`,
      guide: `docs/guides/guards/${name}.md`,
    };
  });
}
