/**
 * The events of a run as an outsider reads them: the raw records, judged by the placement rule, which is written here
 * once more on purpose (PROTOCOL 2.1, 2.2). It shares no code with door, policy or the runtime's reader.
 */
import { type BusEvent, metaWith } from "@busbar/events";
import type { StoredRecord } from "@busbar/log";
import { CODEC, TOPICS } from "../bus/cluster.ts";
import type { Placed } from "../bus/broker.ts";

/** A valid record of an events partition, or a claim. */
export interface Fact {
  readonly partition: number;
  readonly offset: number;
  /** Step of the simulation in which it landed. */
  readonly step: number;
  readonly atMs: number;
  readonly event: BusEvent;
  readonly record: StoredRecord;
}

export type FactOf<T extends BusEvent["type"]> = Fact & { readonly event: Extract<BusEvent, { type: T }> };

export class LogView {
  /** Valid ones, in the order in which they landed. */
  readonly facts: Fact[] = [];
  voids = 0;
  readonly #claims = new Map<number, string>();

  /** Takes the next record of the log, of whatever topic; the fact that it is, if it is one. */
  take(record: Placed): Fact | null {
    if (record.topic !== TOPICS.events) return null;
    if (!this.#isValid(record)) {
      this.voids += 1;
      return null;
    }
    const { partition, step, atMs } = record;
    const fact = { partition, offset: Number(record.offset), step, atMs, event: eventOf(record), record };
    this.facts.push(fact);
    return fact;
  }

  #isValid({ partition, offset, headers }: Placed): boolean {
    const { type, nonce, owner, at, epoch } = headers;
    if (type === "PartitionClaimed") {
      const isClaim = nonce !== undefined && owner !== undefined && at === undefined && epoch === undefined;
      if (isClaim) this.#claims.set(partition, `${offset}:${nonce}`);
      return isClaim;
    }
    return at === offset.toString() && epoch !== undefined && epoch === this.#claims.get(partition);
  }

  of(partition: number): readonly Fact[] {
    return this.facts.filter((fact) => fact.partition === partition);
  }
}

function eventOf(record: Placed): BusEvent {
  const decoded = CODEC.decode(record.value, "event");
  if (decoded.ok) return decoded.message;
  const { owner = "", nonce = "" } = record.headers;
  // Of a claim only the headers count.
  if (record.headers["type"] === "PartitionClaimed") return { type: "PartitionClaimed", meta: BLANK, owner, nonce };
  throw new Error(`${record.topic}/${record.partition}/${record.offset} is valid and cannot be decoded`);
}

const BLANK = metaWith({ eventId: "", atMs: 0 });

/** Whether an order for a scope concerns a call, written once more (PROTOCOL 6.1). */
export function isCovered(
  scope: string,
  call: { readonly agent: string; readonly tool?: string; readonly lineage: readonly string[] },
): boolean {
  if (scope === "fleet") return true;
  const name = scope.slice(scope.indexOf(":") + 1);
  if (scope.startsWith("agent:")) return call.agent === name;
  if (scope.startsWith("tool:")) return call.tool === name;
  return scope.startsWith("chain:") && call.lineage.includes(name);
}

/** What a checker found wrong. */
export interface Finding {
  readonly check: string;
  readonly what: string;
}
