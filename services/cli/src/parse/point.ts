/**
 * Points in a partition as people type them: `o10` an offset, `@-15m` a time ago, `@2026-11-21T07:00:00Z` a time, `end`.
 * One grammar for every command; a point stands before the record that it names.
 */
import { busbarError } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { parseDuration } from "./duration.ts";

export type LogPoint =
  | { readonly kind: "offset"; readonly offset: bigint }
  | { readonly kind: "time"; readonly atMs: number }
  | { readonly kind: "end" };

const OFFSET = /^o(0|[1-9]\d{0,18})$/;
// A date with a time zone or none (then UTC): what Date.parse takes beyond this differs between machines.
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

function timeOf(text: string, nowMs: number): number | null {
  if (text.startsWith("-")) {
    const backMs = parseDuration(text.slice(1));
    return backMs === null ? null : Math.max(0, nowMs - backMs);
  }
  if (!TIME.test(text)) return null;
  const hasZone = /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  const atMs = Date.parse(text.includes("T") && !hasZone ? `${text}Z` : text);
  return Number.isNaN(atMs) ? null : atMs;
}

/** Null for what is no point. */
export function parsePoint(text: string, nowMs: number): LogPoint | null {
  if (text === "end") return { kind: "end" };
  const offset = OFFSET.exec(text)?.[1];
  if (offset !== undefined) return { kind: "offset", offset: BigInt(offset) };
  if (!text.startsWith("@")) return null;
  const atMs = timeOf(text.slice(1), nowMs);
  return atMs === null ? null : { kind: "time", atMs };
}

/** For an option. Throws BUSBAR_INPUT_INVALID. */
export function pointOption(name: string): (text: string) => LogPoint {
  return (text) => {
    const point = parsePoint(text, Date.now());
    if (point !== null) return point;
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: name,
      reason: `"${text}" is no point in the log`,
      next: "write it like o10 (offset), @-15m (time ago), @2026-11-21T07:00:00Z (time) or end",
    });
  };
}

/** The offset of a point in one partition, within what the partition holds. */
export async function offsetOfPoint(
  log: Pick<EventLog, "offsets" | "offsetAt">,
  topic: string,
  partition: number,
  point: LogPoint,
): Promise<bigint> {
  const { low, end } = await log.offsets(topic, partition);
  if (point.kind === "end") return end;
  const found = point.kind === "offset" ? point.offset : await log.offsetAt(topic, partition, point.atMs);
  if (found < low) return low;
  return found > end ? end : found;
}
