/** Durations as people type them: `500ms`, `30s`, `15m`, `1h30m`, `2d`. */
import { busbarError } from "@busbar/kernel";

const DAY_MS = 86_400_000;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS };
const WHOLE = /^(?:\d{1,12}(?:ms|s|m|h|d))+$/;
const PART = /(\d+)(ms|s|m|h|d)/g;
/** Ten years: longer is a slip of the finger. */
const LONGEST_MS = 3650 * DAY_MS;

/** Milliseconds of a duration; null for anything else, also for what is longer than ten years. */
export function parseDuration(text: string): number | null {
  if (!WHOLE.test(text)) return null;
  let totalMs = 0;
  for (const [, count = "", unit = ""] of text.matchAll(PART)) totalMs += Number(count) * (UNITS_MS[unit] ?? 0);
  return totalMs <= LONGEST_MS ? totalMs : null;
}

/** For an option: a plain number counts as milliseconds. Throws BUSBAR_INPUT_INVALID. */
export function durationOption(name: string): (text: string) => number {
  return (text) => {
    const found = parseDuration(/^\d+$/.test(text) ? `${text}ms` : text);
    if (found !== null) return found;
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: name,
      reason: `"${text}" is no duration`,
      next: `write it like 500ms, 30s, 15m, 1h30m or 2d`,
    });
  };
}

/** A duration for a person: the two largest units. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
