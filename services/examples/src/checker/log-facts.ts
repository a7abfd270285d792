/**
 * The few facts that the checker takes from the log: admissions, applied directives, and outcomes that say an effect
 * happened. The bytes are decoded by a function of the caller into plain JSON; what is read from it is decided here.
 */
import { placeRecords, type RawRecord } from "./placement.ts";

/** Plain JSON of one record, or undefined where the bytes cannot be decoded. Must not throw. */
export type Decode = (value: Uint8Array) => unknown;

export interface Position {
  readonly partition: number;
  readonly offset: bigint;
  /** Event time in ms since the epoch. */
  readonly atMs: number;
}

export interface Admission extends Position {
  readonly callId: string;
  readonly chainId: string;
  readonly lineage: readonly string[];
  readonly agent: string;
  readonly tool: string;
  readonly toolClass: string;
  readonly effectClass: string;
  readonly effectKey: string;
}

export interface Applied extends Position {
  readonly directives: readonly { readonly kind: string; readonly scope: string }[];
  /** Call ids and effect keys that the acknowledgement names as started and not yet answered. */
  readonly inFlight: ReadonlySet<string>;
  /** How many calls those are. */
  readonly named: number;
}

/** An outcome by which the effect happened (`happened`), or by which its call is over otherwise. */
interface Outcome extends Position {
  readonly effectKey: string;
  readonly callId: string;
  readonly happened: boolean;
}

/** A chain stopped by the door itself, or let go again by a person. */
interface ChainStop extends Position {
  readonly chainId: string;
  readonly isHalted: boolean;
}

export interface LogFacts {
  readonly admissions: readonly Admission[];
  readonly applied: readonly Applied[];
  readonly outcomes: readonly Outcome[];
  readonly chainStops: readonly ChainStop[];
  /** Valid records whose bytes do not say what their header says: nothing can be proved over them. */
  readonly unreadable: readonly { readonly partition: number; readonly offset: bigint }[];
  readonly validCount: number;
  readonly voidCount: number;
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const APPLIED_TYPES: ReadonlySet<string> = new Set(["DirectivesApplied", "HaltAcknowledged"]);
const HAPPENED_TYPES: ReadonlySet<string> = new Set(["EffectCommitted", "EffectCommittedInvalid"]);
const OTHER_OUTCOME_TYPES: ReadonlySet<string> = new Set(["EffectFailed", "EffectAbandoned", "EffectSettled"]);

const CHAIN_STOP_TYPES: ReadonlySet<string> = new Set(["ChainHalted", "ChainResumed"]);
const WANTED_TYPES: ReadonlySet<string> = new Set([
  "EffectAdmitted",
  ...APPLIED_TYPES,
  ...HAPPENED_TYPES,
  ...OTHER_OUTCOME_TYPES,
  ...CHAIN_STOP_TYPES,
]);

function admissionOf(position: Position, body: Fields): Admission {
  const meta = fieldsOf(body["meta"]);
  return {
    ...position,
    callId: textOf(body["callId"]),
    chainId: textOf(meta["chainId"]),
    lineage: listOf(meta["lineage"]).map(textOf),
    agent: textOf(meta["agent"]),
    tool: textOf(body["tool"]),
    toolClass: textOf(body["toolClass"]),
    effectClass: textOf(body["effectClass"]),
    effectKey: textOf(body["effectKey"]),
  };
}

function appliedOf(position: Position, body: Fields): Applied {
  const directives = listOf(body["applied"]).map((entry) => {
    const directive = fieldsOf(entry);
    return { kind: textOf(directive["kind"]), scope: textOf(directive["scope"]) };
  });
  const calls = listOf(body["inFlight"]).map(fieldsOf);
  const names = calls.flatMap((call) => [textOf(call["callId"]), textOf(call["effectKey"])]);
  return { ...position, directives, inFlight: new Set(names.filter((name) => name !== "")), named: calls.length };
}

function outcomeOf(position: Position, type: string, body: Fields): Outcome {
  const happened = HAPPENED_TYPES.has(type) || (type === "EffectSettled" && body["outcome"] === "committed");
  return { ...position, effectKey: textOf(body["effectKey"]), callId: textOf(body["callId"]), happened };
}

function bodyOf(record: RawRecord, type: string, decode: Decode): Fields | undefined {
  const body = record.value === null ? undefined : decode(record.value);
  return isFields(body) && body["type"] === type ? body : undefined;
}

interface Collected {
  readonly admissions: Admission[];
  readonly applied: Applied[];
  readonly outcomes: Outcome[];
  readonly chainStops: ChainStop[];
}

function collect(into: Collected, position: Position, type: string, body: Fields): void {
  if (type === "EffectAdmitted") into.admissions.push(admissionOf(position, body));
  else if (APPLIED_TYPES.has(type)) into.applied.push(appliedOf(position, body));
  else if (CHAIN_STOP_TYPES.has(type)) {
    const chainId = textOf(fieldsOf(body["meta"])["chainId"]);
    into.chainStops.push({ ...position, chainId, isHalted: type === "ChainHalted" });
  } else into.outcomes.push(outcomeOf(position, type, body));
}

/** Reads the facts out of raw records: placement first, then the headers' type, then the bytes. */
export function readLogFacts(records: Iterable<RawRecord>, decode: Decode): LogFacts {
  const { valid, voidCount } = placeRecords(records);
  const collected: Collected = { admissions: [], applied: [], outcomes: [], chainStops: [] };
  const unreadable: { partition: number; offset: bigint }[] = [];
  let validCount = 0;
  for (const record of [...valid.values()].flat()) {
    validCount += 1;
    const type = record.headers["type"] ?? "";
    if (!WANTED_TYPES.has(type)) continue;
    const { partition, offset } = record;
    const body = bodyOf(record, type, decode);
    const atMs = Number(fieldsOf(body?.["meta"])["atMs"]);
    if (body === undefined || !Number.isFinite(atMs)) unreadable.push({ partition, offset });
    else collect(collected, { partition, offset, atMs }, type, body);
  }
  return { ...collected, unreadable, validCount, voidCount };
}
