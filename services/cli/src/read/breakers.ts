/**
 * The breakers as the partitions apply them, with what the directives say about when, by whom and until when.
 * Pure but for the reading of the directives topic.
 */
import { type AppliedDirective, HEADER } from "@busbar/events";
import { openOrderCheck } from "@busbar/infra";
import type { JsonObject } from "@busbar/kernel";
import { agentKey, directiveBody, type PartitionState, toolKey } from "@busbar/policy";
import { appliedOf } from "@busbar/runtime";
import type { OpenBus } from "../bus.ts";

/** An order about a breaker, and the broker's time of its append. */
export interface BreakerOrderRead {
  readonly applied: AppliedDirective;
  readonly atMs: number;
}

export interface BreakerRow {
  readonly key: string;
  readonly state: "closed" | "open" | "half-open" | "isolated";
  /** What opened it: a rule, or `by-hand`. */
  readonly rule: string;
  readonly reason: string;
  /** Event id of the outcome that made it trip; empty for a person's order. */
  readonly cause: string;
  /** Who signed the order. */
  readonly by: string;
  /** Broker time of the order that it stands on; null where none was found. */
  readonly sinceMs: number | null;
  readonly grantsLeft: number;
  /** The earliest time of the next probe; null where a person has to act, or nothing is open. */
  readonly nextProbeAtMs: number | null;
  /** Partitions that apply this state. */
  readonly partitions: readonly number[];
}

const KINDS: ReadonlySet<string> = new Set(["OpenBreaker", "IsolateBreaker", "CloseBreaker", "Grant"]);

/** All signed orders about breakers, in their order. */
export async function readBreakerOrders(bus: OpenBus): Promise<readonly BreakerOrderRead[]> {
  const { log, codec, topics } = bus;
  const isSigned = openOrderCheck(bus.keys);
  const orders: BreakerOrderRead[] = [];
  for await (const { records } of log.read(topics.directives, 0, { from: 0n })) {
    for (const { value, headers, offset, timestampMs } of records) {
      const decoded = codec.decode(value, "directive");
      const principal = headers[HEADER.principal] ?? "";
      if (!decoded.ok || value === null || !KINDS.has(decoded.message.type)) continue;
      if (!isSigned({ topic: topics.directives, principal, value }, headers[HEADER.sig] ?? "")) continue;
      orders.push({ applied: appliedOf(offset, decoded.message, principal), atMs: timestampMs });
    }
  }
  return orders;
}

const text = (body: JsonObject, field: string): string => {
  const value = body[field];
  return typeof value === "string" ? value : "";
};
const number = (body: JsonObject, field: string): number => {
  const value = body[field];
  return typeof value === "number" ? value : 0;
};

type State = Pick<PartitionState, "partition" | "breakers" | "grants" | "policy">;
type Open = Omit<BreakerRow, "by" | "sinceMs" | "nextProbeAtMs">;

/** The open ones, one row for each key and state, with the partitions that say so. */
function openRows(states: readonly State[], nowMs: number): readonly Open[] {
  const rows = new Map<string, Open>();
  for (const { partition, breakers, grants } of states) {
    for (const [key, { state, rule, reason, cause }] of Object.entries(breakers)) {
      const left = Object.values(grants).filter((grant) => grant.key === key && grant.expiresAtMs > nowMs);
      const known = rows.get(`${key} ${state}`);
      const grantsLeft = (known?.grantsLeft ?? 0) + left.reduce((sum, grant) => sum + grant.left, 0);
      const partitions = [...(known?.partitions ?? []), partition];
      rows.set(`${key} ${state}`, { key, state, rule, reason, cause, grantsLeft, partitions });
    }
  }
  return [...rows.values()];
}

/** The order that a row stands on, and from when on the supervisor may grant the next probe. */
function withOrder(row: Open, orders: readonly BreakerOrderRead[], nowMs: number): BreakerRow {
  const own = orders.filter(({ applied }) => text(directiveBody(applied), "key") === row.key);
  const kind = row.state === "isolated" ? "IsolateBreaker" : "OpenBreaker";
  const opened = own.findLast(({ applied }) => applied.kind === kind);
  const grant = own.findLast(({ applied }) => applied.kind === "Grant");
  const body = opened === undefined ? {} : directiveBody(opened.applied);
  const sinceMs = opened?.atMs ?? null;
  const coolMs = sinceMs === null ? null : sinceMs + number(body, "cooldownMs");
  const spentMs = grant === undefined ? coolMs : number(directiveBody(grant.applied), "expiresAtMs");
  const halfOpen = row.grantsLeft > 0 ? nowMs : spentMs;
  const next = { closed: null, isolated: null, open: coolMs, "half-open": halfOpen }[row.state];
  return { ...row, by: text(body, "by"), sinceMs, nextProbeAtMs: next };
}

const CLOSED = { state: "closed", rule: "", reason: "", cause: "", by: "", sinceMs: null } as const;

/** Open ones first, then the agents and tools of the policy whose breakers are closed everywhere. */
export function foldBreakers(
  states: readonly State[],
  orders: readonly BreakerOrderRead[],
  nowMs: number,
): readonly BreakerRow[] {
  const open = openRows(states, nowMs).map((row) => withOrder(row, orders, nowMs));
  const keys = new Set(open.map(({ key }) => key));
  const declared = states.flatMap(({ policy }) => [
    ...Object.keys(policy?.agents ?? {}).map(agentKey),
    ...Object.keys(policy?.tools ?? {}).map(toolKey),
  ]);
  const partitions = states.map(({ partition }) => partition);
  const closed = [...new Set(declared)]
    .filter((key) => !keys.has(key))
    .map((key): BreakerRow => ({ ...CLOSED, key, grantsLeft: 0, nextProbeAtMs: null, partitions }));
  const byKey = (left: BreakerRow, right: BreakerRow): number => (left.key < right.key ? -1 : 1);
  return [...open.toSorted(byKey), ...closed.toSorted(byKey)];
}
