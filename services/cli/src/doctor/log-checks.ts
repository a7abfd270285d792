/** What the log says about doors, supervisors, clocks, policies and what was put aside. Pure. */
import { closest } from "@busbar/agent/project";
import type { PartitionState, Policy } from "@busbar/policy";
import { formatDuration } from "../parse/duration.ts";
import { type Beat, foldLife, LIFE_BOUND_MS } from "../read/heartbeats.ts";
import type { PartitionView } from "../read/partition.ts";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok, warn } from "./check.ts";

/** Beyond this an owner does not open its door (PROTOCOL 9). */
const CLOCK_BOUND_MS = 10_000;

const of = (partition: number): string => `partition ${partition}`;

/** What one partition's log says about its owner and door. */
export function checkDoor({ state, owner }: Pick<PartitionView, "state" | "owner">): Check {
  const subject = of(state.partition);
  if (state.claim === null) {
    return fail("partition-unowned", subject, "nobody has claimed it: no gateway runs", nextOf("partition-unowned"));
  }
  const who = `claimed by ${owner} at o${state.claim.offset}`;
  if (state.door === "open") return ok("door", `open, ${who}, ${state.openChains} open chains`, subject);
  const why = `${who}: ${state.doorReason}`;
  return state.door === "degraded"
    ? warn("door-degraded", subject, `read-only, ${why}`, nextOf("door-degraded"))
    : fail("door-closed", subject, `closed, ${why}`, nextOf("door-closed"));
}

/** Partitions that a gateway has shut until a person acts, as their gateways say in their heartbeats. */
export function checkFailures(beats: readonly Beat[], nowMs: number): readonly Check[] {
  return foldLife(beats, nowMs).doors.flatMap(({ partition, gateway, failure, next }) =>
    failure === ""
      ? []
      : [fail("door-failed", of(partition), `shut by ${gateway}: ${failure}`, next || nextOf("door-failed"))],
  );
}

/** Records that do not count are how the log stays right; many of them tell of trouble between owners. */
export function checkVoids({ state, voids, undecodable, readFrom }: PartitionView): Check {
  const subject = of(state.partition);
  const since = readFrom === 0n ? "" : ` since o${readFrom}`;
  const [broken] = undecodable;
  if (broken !== undefined) {
    const text = `${undecodable.length} valid records cannot be decoded, first o${broken}`;
    return fail("events-undecodable", subject, text, nextOf("events-undecodable"));
  }
  const text = `${state.events} valid, ${voids} void records${since}`;
  if (voids === 0) return ok("events", text, subject);
  return warn("void-records", subject, text, nextOf("void-records", { partition: String(state.partition) }));
}

export function checkSupervisors(
  beats: readonly Beat[],
  nowMs: number,
  partitions: readonly number[],
): readonly Check[] {
  const { supervisors } = foldLife(beats, nowMs);
  const missing = partitions.filter((partition) => !supervisors.some((one) => one.partition === partition));
  const bound = formatDuration(LIFE_BOUND_MS);
  if (missing.length > 0) {
    const text = `no heartbeat within ${bound}`;
    return [fail("supervisor-silent", `partitions ${missing.join(", ")}`, text, nextOf("supervisor-silent"))];
  }
  const oldest = Math.max(0, ...supervisors.map(({ ageMs }) => ageMs));
  return [ok("supervisor", `a heartbeat for every partition, the oldest ${formatDuration(oldest)} ago`)];
}

function senderOf({ message }: Beat): string {
  if (message.type === "AgentHeartbeat") return message.instance;
  return message.type === "GatewayHeartbeat" ? `gateway ${message.gateway}` : `supervisor ${message.supervisor}`;
}

/** The clock of each process against the broker's, by its newest heartbeat; and this machine's, which a beat may be ahead of. */
export function checkClocks(beats: readonly Beat[], nowMs: number): readonly Check[] {
  const newest = new Map(beats.map((beat) => [senderOf(beat), beat]));
  const differences = [...newest].map(([sender, { atMs, message }]) => [sender, atMs - message.sentAtMs] as const);
  const ahead = Math.max(0, ...[...newest.values()].map(({ atMs }) => atMs - nowMs));
  const all = ahead > CLOCK_BOUND_MS ? [...differences, ["this machine", ahead] as const] : differences;
  const apart = all.filter(([, difference]) => Math.abs(difference) > CLOCK_BOUND_MS);
  if (apart.length > 0) {
    return apart.map(([sender, difference]) => {
      const text = `its clock is ${formatDuration(Math.abs(difference))} ${difference > 0 ? "behind" : "ahead of"} the broker's`;
      return fail("clock-skew", sender, text, nextOf("clock-skew"));
    });
  }
  const worst = Math.max(0, ...all.map(([, difference]) => Math.abs(difference)));
  return newest.size === 0 ? [] : [ok("clock", `processes and broker differ by ${formatDuration(worst)} at most`)];
}

type Governed = Pick<PartitionState, "partition" | "policy" | "policyHash">;

/** Tools that a policy allows and does not know. */
function checkTools(policy: Policy): readonly Check[] {
  const tools = Object.keys(policy.tools);
  return Object.entries(policy.agents).flatMap(([agent, row]) =>
    row.tools
      .filter((name) => name !== "*" && !tools.includes(name))
      .map((name) => {
        const meant = closest(name, tools);
        const text = `it may call ${name}, which is not there${meant === null ? "" : `; is ${meant} meant?`}`;
        return warn("policy-unknown-tool", `agent ${agent}`, text, nextOf("policy-unknown-tool", { agent }));
      }),
  );
}

/** The policies in force: the same everywhere, and about tools that are there. */
export function checkPolicies(states: readonly Governed[]): readonly Check[] {
  const hashes = [...new Set(states.map(({ policyHash }) => policyHash))];
  const policies = states.flatMap(({ policy }) => (policy === null ? [] : [policy]));
  const [policy] = policies;
  if (policy === undefined) return [ok("policy", "none is in force yet")];
  const list = states
    .map(({ partition, policyHash }) => `${partition} ${policyHash.slice(0, 12) || "none"}`)
    .join(", ");
  const differing = hashes.length > 1 ? [warn("policy-differs", "", list, nextOf("policy-differs"))] : [];
  const findings = [...differing, ...checkTools(policy)];
  return findings.length > 0 ? findings : [ok("policy", `${hashes[0]?.slice(0, 12) ?? ""} in every partition`)];
}

/** `waiting`: letters that nobody redrove, counted by code. */
export function checkLetters(waiting: ReadonlyMap<string, number>): Check {
  const count = [...waiting.values()].reduce((sum, one) => sum + one, 0);
  if (count === 0) return ok("letters", "no dead letters wait");
  const list = [...waiting].map(([code, one]) => `${one} ${code}`).join(", ");
  return warn("dead-letters", "", `${count} wait: ${list}`, nextOf("dead-letters"));
}
