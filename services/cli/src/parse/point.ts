/**
 * Points and ranges in a log as people type them; one grammar for every command that takes a position or a time.
 *
 *   earliest             the first kept record of each partition
 *   latest               the end: what comes from now on (also `end`)
 *   -100                 the last 100 positions of each partition
 *   o1500                offset 1500 of each partition
 *   3/1500               offset 1500 of partition 3, and no other partition (also `3/o1500`, as it is printed)
 *   -15m                 that long ago, by the broker's clock of the records (also `@-15m`)
 *   @2026-11-21T10:00Z   a time; without a zone it is UTC
 *
 * A range is `<from>..<to>`; a side that is left out is `earliest` or `latest`. A point stands before the record that it
 * names, so the end of a range is exclusive. What is wrong is said with a caret under it.
 */
import { busbarError } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { parseDuration } from "./duration.ts";

export type LogPoint =
  | { readonly kind: "earliest" }
  | { readonly kind: "latest" }
  | { readonly kind: "last"; readonly count: bigint }
  /** Of one partition, or with null of each. */
  | { readonly kind: "offset"; readonly offset: bigint; readonly partition: number | null }
  | { readonly kind: "time"; readonly atMs: number };

export interface LogRange {
  readonly from: LogPoint;
  readonly to: LogPoint;
}

/** Where in the text it stops being right (0-based), and why. */
export interface Fault {
  readonly at: number;
  readonly why: string;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Fault);

export const EARLIEST: LogPoint = { kind: "earliest" };
export const LATEST: LogPoint = { kind: "latest" };

/** For help texts. */
export const POINT_GRAMMAR = `Points: earliest, latest, -100 (the last 100 of each partition), o1500 (offset of each partition),
3/1500 (partition/offset), -15m (time ago), @2026-11-21T10:00:00Z (time). Ranges: <from>..<to>.`;

const FORMS = "earliest, latest, -100, o1500, 3/1500, -15m or @2026-11-21T10:00:00Z";
const OFFSET = /^(?:0|[1-9]\d{0,18})$/;
const PARTITION = /^\d{1,4}$/;

const right = <T>(value: T): Parsed<T> => ({ ok: true, value });
const wrong = (at: number, why: string): { readonly ok: false } & Fault => ({ ok: false, at, why });

// Any prefix that reaches the minutes is a time, a date alone is its midnight; then a fraction and a zone.
const SHAPE = "0000-00-00T00:00:00";
const LENGTHS: readonly number[] = ["0000-00-00", "0000-00-00T00:00", SHAPE].map(({ length }) => length);
const ZONE = /^(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})?$/;

/** Where a text leaves the shape of a time; -1 where it does not as far as it goes. */
function offShape(text: string): number {
  return Array.from(text.slice(0, SHAPE.length)).findIndex((character, index) => {
    const wanted = SHAPE[index] ?? "";
    return wanted === "0" ? !/\d/.test(character) : character !== wanted;
  });
}

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** The first field of a well-formed time that is out of its range. */
function outOfRange(text: string): Fault | null {
  const number = (at: number, length = 2): number => Number(text.slice(at, at + length) || "0");
  const [year, month] = [number(0, 4), number(5)];
  const fields: readonly (readonly [at: number, name: string, lowest: number, highest: number])[] = [
    [5, "month", 1, 12],
    [8, "day", 1, month >= 1 && month <= 12 ? daysIn(year, month) : 31],
    [11, "hour", 0, 23],
    [14, "minute", 0, 59],
    [17, "second", 0, 59],
  ];
  const bad = fields.find(([at, , lowest, highest]) => number(at) < lowest || number(at) > highest);
  if (bad === undefined) return null;
  const [at, name, lowest, highest] = bad;
  return { at, why: `the ${name} is from ${lowest} to ${highest}` };
}

/** How much of a text has the shape of a time: up to days, minutes or seconds. */
function bodyLength(text: string): number {
  const off = offShape(text);
  const reached = off < 0 ? Math.min(text.length, SHAPE.length) : off;
  return LENGTHS.findLast((length) => length <= reached) ?? 0;
}

function parseTime(text: string): Parsed<LogPoint> {
  const length = bodyLength(text);
  const [body, rest] = [text.slice(0, length), text.slice(length)];
  if (length === 0 || !ZONE.test(rest) || (length === LENGTHS[0] && rest !== "")) {
    const off = offShape(text);
    return wrong(
      off < 0 ? Math.min(text.length, Math.max(length, SHAPE.length)) : off,
      "a time is written like @2026-11-21T10:00:00Z",
    );
  }
  const fault = outOfRange(body);
  if (fault !== null) return wrong(fault.at, fault.why);
  const hasZone = /(?:Z|[+-]\d{2}:\d{2})$/.test(rest);
  const atMs = Date.parse(length === LENGTHS[0] || hasZone ? text : `${text}Z`);
  return Number.isNaN(atMs) ? wrong(length, "a zone is Z or like +01:00") : right({ kind: "time", atMs });
}

/** What follows a minus: a count, or a duration. */
function parseBack(text: string, nowMs: number): Parsed<LogPoint> {
  if (OFFSET.test(text)) return right({ kind: "last", count: BigInt(text) });
  const backMs = parseDuration(text);
  if (backMs !== null) return right({ kind: "time", atMs: Math.max(0, nowMs - backMs) });
  const good = /^(?:\d+(?:ms|s|m|h|d))*\d*/.exec(text)?.[0].length ?? 0;
  return wrong(good, "after a minus stands a count like -100, or a time like -15m or -1h30m");
}

function parsePlace(text: string): Parsed<LogPoint> {
  const slash = text.indexOf("/");
  const [partition, named] = [text.slice(0, slash), text.slice(slash + 1)];
  if (!PARTITION.test(partition)) return wrong(0, "before the slash stands the number of a partition");
  const offset = named.startsWith("o") ? named.slice(1) : named;
  if (!OFFSET.test(offset)) return wrong(slash + 1, "after the slash stands an offset");
  return right({ kind: "offset", offset: BigInt(offset), partition: Number(partition) });
}

function shifted<T>(by: number, parsed: Parsed<T>): Parsed<T> {
  return parsed.ok ? parsed : wrong(parsed.at + by, parsed.why);
}

export function parsePoint(text: string, nowMs: number): Parsed<LogPoint> {
  if (text === "earliest") return right(EARLIEST);
  if (text === "latest" || text === "end") return right(LATEST);
  if (text.startsWith("@-")) return shifted(2, parseAgo(text.slice(2), nowMs));
  if (text.startsWith("@")) return shifted(1, parseTime(text.slice(1)));
  if (text.startsWith("-")) return shifted(1, parseBack(text.slice(1), nowMs));
  if (text.includes("/")) return parsePlace(text);
  const offset = /^o(.*)$/.exec(text)?.[1];
  if (offset !== undefined) {
    if (!OFFSET.test(offset)) return wrong(1, "after the o stands an offset");
    return right({ kind: "offset", offset: BigInt(offset), partition: null });
  }
  if (OFFSET.test(text))
    return wrong(0, `a bare number says too little: o${text} is an offset, -${text} the last ones`);
  return wrong(0, `a point is ${FORMS}`);
}

/** After `@-` stands a time only: `@-100` would be a count behind a sign for times. */
function parseAgo(text: string, nowMs: number): Parsed<LogPoint> {
  if (OFFSET.test(text)) return wrong(text.length, "a unit is missing: ms, s, m, h or d");
  return parseBack(text, nowMs);
}

/** `<from>..<to>`, each side a point or nothing. A single point is a range from there to the end. */
export function parseRange(text: string, nowMs: number): Parsed<LogRange> {
  const dots = text.indexOf("..");
  const [left, rest] = dots < 0 ? [text, ""] : [text.slice(0, dots), text.slice(dots + 2)];
  const from = left === "" && dots >= 0 ? right(EARLIEST) : parsePoint(left, nowMs);
  if (!from.ok) return from;
  const to = rest === "" ? right(LATEST) : shifted(dots + 2, parsePoint(rest, nowMs));
  return to.ok ? right({ from: from.value, to: to.value }) : to;
}

function option<T>(name: string, what: string, parse: (text: string, nowMs: number) => Parsed<T>): (text: string) => T {
  return (text) => {
    const parsed = parse(text, Date.now());
    if (parsed.ok) return parsed.value;
    const indent = " ".repeat(name.length + 1 + parsed.at);
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: name,
      reason: `"${text}" is no ${what} in the log: ${parsed.why}\n${name} ${text}\n${indent}^`,
      at: parsed.at,
      next: `write it like ${FORMS}`,
    });
  };
}

/** For an option that takes a point. Throws BUSBAR_INPUT_INVALID. */
export const pointOption = (name: string): ((text: string) => LogPoint) => option(name, "point", parsePoint);

/** For an option that takes a range. Throws BUSBAR_INPUT_INVALID. */
export const rangeOption = (name: string): ((text: string) => LogRange) => option(name, "range", parseRange);

const partitionIn = (point: LogPoint): number | null => (point.kind === "offset" ? point.partition : null);

/**
 * The one partition that a range or `chosen` (an option) names; null where neither does. Throws BUSBAR_INPUT_INVALID
 * where they name two.
 */
export function partitionNamed({ from, to }: LogRange, chosen?: number): number | null {
  const named = [chosen ?? null, partitionIn(from), partitionIn(to)].filter((one) => one !== null);
  const [first, ...more] = [...new Set(named)];
  if (more.length === 0) return first ?? null;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "the range",
    reason: `it names partitions ${[first, ...more].join(" and ")}; offsets of two partitions span no range`,
    next: "name one partition, or give times",
  });
}

type Offsets = Pick<EventLog, "offsets" | "offsetAt">;

/** The offset of a point in one partition, within what the partition holds. */
export async function offsetOfPoint(log: Offsets, topic: string, partition: number, point: LogPoint): Promise<bigint> {
  const { low, end } = await log.offsets(topic, partition);
  const within = (offset: bigint): bigint => (offset < low ? low : offset > end ? end : offset);
  switch (point.kind) {
    case "earliest":
      return low;
    case "latest":
      return end;
    case "last":
      return within(end - point.count);
    case "offset":
      return within(point.offset);
    case "time":
      return within(await log.offsetAt(topic, partition, point.atMs));
  }
}

/** Both offsets of a range in one partition; an end before its beginning is an empty range. */
export async function offsetsOfRange(
  log: Offsets,
  topic: string,
  partition: number,
  { from, to }: LogRange,
): Promise<{ readonly from: bigint; readonly to: bigint }> {
  const begin = await offsetOfPoint(log, topic, partition, from);
  const end = await offsetOfPoint(log, topic, partition, to);
  return { from: begin, to: end < begin ? begin : end };
}
