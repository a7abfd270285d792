/** Whether a group of gateways shares its partitions out evenly. Pure. */
import type { GroupFacts } from "@busbar/log/kafka";
import { nextOf } from "./catalog.ts";
import { type Check, ok, warn } from "./check.ts";

/** `topic`: by its partitions it is counted what a member holds. */
export function checkGroup({ group, state, members }: GroupFacts, topic: string): readonly Check[] {
  if (members.length === 0) return [ok("group", "no gateway is a member", group)];
  const id = "group-unbalanced";
  const held = members
    .map(({ client, assigned }) => ({ client, count: assigned[topic]?.length ?? 0 }))
    .sort((left, right) => right.count - left.count);
  const most = held[0]?.count ?? 0;
  const least = held.at(-1)?.count ?? 0;
  const list = held.map(({ client, count }) => `${client} ${count}`).join(", ");
  if (state !== "Stable")
    return [warn(id, group, `it is ${state}: ${list}`, nextOf(id, { member: "no gateway yet: wait" }))];
  if (most - least <= 1) return [ok("group", `${members.length} members: ${list}`, group)];
  return [warn(id, group, `its members hold ${list}`, nextOf(id, { member: held[0]?.client ?? "" }))];
}
