/**
 * Who there is on a bus, and what each may do on its broker: the table, as data. What it does not allow is denied,
 * and nobody has a transactional id (PROTOCOL 1.5). docs/security.md shows it; a test holds the two together.
 *
 * A1 Only gateways write events and inboxes; gateways and agents write blobs, of which only those count whose digests a
 *    record names (shared/log/src/blobs.ts); only operators, supervisors and gateways write directives; only
 *    operators write control.
 * A2 An agent writes commands, signs of life and what is too large for its commands, and reads its own inbox, the directives and what was too large for its
 *    inbox. It reads no events, no commands and no other inbox.
 * A3 Only the super user that sets a bus up creates topics, users and permissions. No service knows its password.
 */
import { type AccessRule, CLUSTER } from "@busbar/log/kafka";
import { inboxTopic } from "./topics.ts";

/** Who a process is to the broker. Without a name: one per bus. */
export type Principal =
  | "admin"
  | "registry"
  | "gateway"
  | "supervisor"
  | "operator"
  | `agent:${string}`
  | `client:${string}`;

/** The super user of a broker of ours: sets it up, and is the broker to itself. */
export const ADMIN_USER = "admin";
/** The schema registry's user; it belongs to the broker, not to one bus. */
export const REGISTRY_USER = "registry";

/** A principal's user name on the broker. */
export function userOf(prefix: string, principal: Principal): string {
  if (principal === "admin") return ADMIN_USER;
  if (principal === "registry") return REGISTRY_USER;
  return `${prefix}.${principal.replace(":", ".")}`;
}

interface Row {
  /** Topics without the prefix; a final `*` means every topic that begins so. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Groups without the prefix; a final `*` means every group that begins so. */
  readonly groups: readonly string[];
}

/** Topics of every bus that a principal reads and writes. */
export function accessOf(principal: Principal): Row {
  const [role, name = ""] = principal.split(":");
  switch (role) {
    case "gateway":
      return {
        reads: ["events", "commands", "control", "directives", "heartbeats", "checkpoints", "blobs"],
        writes: ["events", "commands", "directives", "heartbeats", "checkpoints", "dead-letters", "blobs", "inbox.*"],
        groups: ["gateway"],
      };
    case "supervisor":
      return {
        reads: ["events", "signals", "directives", "checkpoints"],
        writes: ["signals", "directives", "heartbeats", "checkpoints", "dead-letters"],
        groups: ["supervisor"],
      };
    case "operator":
      // Sees everything; gives orders, and sends again what was put aside, with the codes of whoever first sent it.
      return { reads: ["*"], writes: ["directives", "control", "commands"], groups: [] };
    case "agent":
      return {
        reads: [inboxTopic("", name).slice(1), "directives", "blobs"],
        writes: ["commands", "heartbeats", "blobs"],
        // One group per deployed version; no name of an agent holds an @.
        groups: [`agent.${name}`, `agent.${name}@*`],
      };
    case "client":
      // Its answers are events: a client sees every chain's (docs/security.md).
      return { reads: ["events"], writes: ["commands"], groups: [] };
    default:
      return { reads: [], writes: [], groups: [] };
  }
}

const REGISTRY_TOPICS = ["kafkasql-journal", "kafkasql-snapshots", "registry-events"] as const;

function registryRules(user: string): readonly AccessRule[] {
  const operations = ["read", "write", "create", "describe-configs"] as const;
  const topics = REGISTRY_TOPICS.flatMap((name) =>
    operations.map((operation): AccessRule => ({ user, operation, resource: "topic", name })),
  );
  // Each start of it is a group of its own.
  return [...topics, { user, operation: "read", resource: "group", name: "apicurio-", prefixed: true }];
}

function topicRules(user: string, prefix: string, operation: "read" | "write", topic: string): readonly AccessRule[] {
  const prefixed = topic.endsWith("*");
  const name = `${prefix}.${prefixed ? topic.slice(0, -1) : topic}`;
  // The log asks each topic it uses for its largest batch and whether it is compacted.
  return [operation, "describe-configs" as const].map((one) => ({
    user,
    operation: one,
    resource: "topic",
    name,
    ...(prefixed ? { prefixed } : {}),
  }));
}

function groupRule(user: string, group: string): AccessRule {
  const rule = { user, operation: "read", resource: "group" } as const;
  return group.endsWith("*") ? { ...rule, name: group.slice(0, -1), prefixed: true } : { ...rule, name: group };
}

/** Every permission of a principal; none of the super user, who needs none. */
export function rulesOf(prefix: string, principal: Principal): readonly AccessRule[] {
  const user = userOf(prefix, principal);
  if (principal === "registry") return registryRules(user);
  const { reads, writes, groups } = accessOf(principal);
  const rules: AccessRule[] = [
    ...reads.flatMap((topic) => topicRules(user, prefix, "read", topic)),
    ...writes.flatMap((topic) => topicRules(user, prefix, "write", topic)),
    ...groups.map((group) => groupRule(user, `${prefix}.${group}`)),
  ];
  if (principal === "operator") {
    // For the lag of groups, and for `doctor`.
    rules.push({ user, operation: "describe", resource: "group", name: `${prefix}.`, prefixed: true });
    rules.push({ user, operation: "describe", resource: "cluster", name: CLUSTER });
    rules.push({ user, operation: "describe-configs", resource: "cluster", name: CLUSTER });
  }
  const known = new Map(rules.map((rule) => [JSON.stringify(rule), rule]));
  return [...known.values()];
}

/** Who a bus has: its services, its agents and clients. */
export function principalsOf(agents: readonly string[], clients: readonly string[]): readonly Principal[] {
  const named = [...agents.map((one) => `agent:${one}` as const), ...clients.map((one) => `client:${one}` as const)];
  return ["gateway", "supervisor", "operator", ...new Set(named)];
}
