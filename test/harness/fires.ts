/**
 * What the tools themselves say about being fired (tools.ts), judged against the valid records of the log.
 *
 * F1 Who fires an effect is the owner whose epoch holds its admission: a suspended and replaced owner fires nothing
 *    that was not validly its own.
 * F2 An admission is fired at most once, and within its fire bound. A process that is frozen between the check of the
 *    bound and the first line of the tool fires late when it is woken: no check of its own can see that. The log must
 *    then name the effect as in doubt; such a fire is given as late, and a test says how many there may be. On a machine
 *    that is too busy every process stands still like that for some ms. Where the owner that fired it wrote its outcome,
 *    nobody else has decided about it: that is late as well, and for some ms nothing at all.
 * F3 An at-most-once effect is fired a second time only after the log says that the first did not happen.
 */
import { existsSync, readFileSync } from "node:fs";
import type { BusEvent, MessageOf } from "@busbar/events";
import type { SeenEvent } from "./watch.ts";

/** One call as a gateway handed it to a tool. */
export interface Fire {
  readonly owner: string;
  readonly tool: string;
  readonly key: string;
  readonly attempt: number;
  readonly callId: string;
  readonly chainId: string;
  readonly atMs: number;
}

/** All fires so far. A line cut off by a kill is the last one of its writer and is passed over. */
export function readFires(file: string): readonly Fire[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => parseFire(line) ?? []);
}

function parseFire(line: string): Fire | null {
  try {
    return JSON.parse(line) as Fire;
  } catch {
    return null;
  }
}

/** Clocks: an admission is stamped when its turn begins, a fire when the tool is entered, both by the same process. */
const SLACK_MS = 30;
/** Longest time that a busy machine keeps a process from running, between the check and the tool. */
const BUSY_MS = 300;

interface Admitted {
  readonly owner: string;
  readonly atMs: number;
  readonly fireBoundMs: number;
  readonly isOnce: boolean;
}

interface Ledger {
  readonly admitted: Map<string, Admitted>;
  /** Keys and attempts that the log says did not happen. */
  readonly notDone: Set<string>;
  /** Keys and attempts that the log names as in doubt. */
  readonly inDoubt: Set<string>;
  /** Keys and attempts whose outcome the owner wrote that fired them: nobody else has decided about them. */
  readonly ownEnd: Set<string>;
}

export interface FireVerdict {
  /** What is wrong, one sentence each; none is the proof. */
  readonly wrong: readonly string[];
  /** Fired after the bound, by a process that had been frozen, and named in doubt by the log. */
  readonly late: readonly Fire[];
}

const nameOf = (key: string, attempt: number): string => `${key}#${attempt}`;

const saysNotDone = (
  event: BusEvent,
): event is Extract<BusEvent, { type: "EffectFailed" | "EffectAbandoned" | "EffectSettled" }> =>
  event.type === "EffectFailed" ||
  event.type === "EffectAbandoned" ||
  (event.type === "EffectSettled" && event.outcome === "not-done");

/** What it came to was written by the owner that admitted and fired it, which may have lost the partition meanwhile. */
function isOwnEnd(
  { admitted }: Ledger,
  event: BusEvent,
  owner: string,
): event is Extract<BusEvent, { type: "EffectCommitted" | "EffectCommittedInvalid" }> {
  if (event.type !== "EffectCommitted" && event.type !== "EffectCommittedInvalid") return false;
  return admitted.get(nameOf(event.effectKey, event.attempt))?.owner === owner;
}

const admissionOf = (event: MessageOf<"EffectAdmitted">, owner: string): Admitted => ({
  owner,
  atMs: event.meta.atMs,
  fireBoundMs: event.fireBoundMs,
  isOnce: event.toolClass === "at-most-once",
});

function ledgerOf(events: readonly SeenEvent[]): Ledger {
  const owners = new Map<number, string>();
  const attempts = new Map<string, number>();
  const ledger: Ledger = { admitted: new Map(), notDone: new Set(), inDoubt: new Set(), ownEnd: new Set() };
  for (const { partition, event } of events) {
    if (event.type === "PartitionClaimed") owners.set(partition, event.owner);
    const owner = owners.get(partition) ?? "";
    if (event.type === "EffectAdmitted" && event.effectKey !== "") {
      attempts.set(event.effectKey, event.attempt);
      ledger.admitted.set(nameOf(event.effectKey, event.attempt), admissionOf(event, owner));
    }
    if (isOwnEnd(ledger, event, owner)) ledger.ownEnd.add(nameOf(event.effectKey, event.attempt));
    if (event.type === "EffectInDoubt") ledger.inDoubt.add(nameOf(event.effectKey, event.attempt));
    if (saysNotDone(event)) ledger.notDone.add(nameOf(event.effectKey, attempts.get(event.effectKey) ?? 0));
  }
  return ledger;
}

/** What the log says of an effect, and who claimed its partition when. */
function storyOf(events: readonly SeenEvent[], { key, atMs }: Fire): string {
  const own = events.filter(({ event }) => "effectKey" in event && event.effectKey === key);
  const partition = own[0]?.partition ?? -1;
  const claims = events.filter((one) => one.partition === partition && one.event.type === "PartitionClaimed");
  const all = [...own, ...claims].toSorted((one, other) => (one.offset < other.offset ? -1 : 1));
  const told = all.map(({ offset, event }) => {
    const attempt = "attempt" in event ? `#${event.attempt}` : "owner" in event ? ` ${event.owner}` : "";
    return `${offset} ${event.type}${attempt} ${event.meta.atMs - atMs} ms`;
  });
  return `partition ${partition}, times from the fire: ${told.slice(-12).join(", ")}`;
}

/** How long after its bound, ms; 0 where that is within what is borne with. */
function latenessMs(fire: Fire, { atMs, fireBoundMs }: Admitted, hasOwnEnd: boolean): number {
  const lateMs = fire.atMs - atMs - fireBoundMs;
  return lateMs > (hasOwnEnd ? BUSY_MS : SLACK_MS) ? lateMs : 0;
}

/** Judges the fires. `events` are valid ones, in order per partition. */
export function judgeFires(fires: readonly Fire[], events: readonly SeenEvent[]): FireVerdict {
  const { admitted, notDone, inDoubt, ownEnd } = ledgerOf(events);
  const wrong: string[] = [];
  const late: Fire[] = [];
  const seen = new Set<string>();
  for (const fire of fires) {
    const name = nameOf(fire.key, fire.attempt);
    const what = `${fire.owner} fired ${fire.tool} ${fire.callId} attempt ${fire.attempt}`;
    const admission = admitted.get(name);
    if (admission === undefined) {
      wrong.push(`${what} without a valid admission`);
      continue;
    }
    if (admission.owner !== fire.owner) wrong.push(`${what}, which ${admission.owner} had admitted`);
    if (seen.has(name)) wrong.push(`${what} twice`);
    const lateMs = latenessMs(fire, admission, ownEnd.has(name));
    const isTold = inDoubt.has(name) || ownEnd.has(name);
    if (lateMs > 0 && isTold) late.push(fire);
    else if (lateMs > 0) wrong.push(`${what} ${lateMs} ms after its fire bound; ${storyOf(events, fire)}`);
    const before = nameOf(fire.key, fire.attempt - 1);
    if (admission.isOnce && seen.has(before) && !notDone.has(before)) wrong.push(`${what} again, the first in doubt`);
    seen.add(name);
  }
  return { wrong, late };
}
