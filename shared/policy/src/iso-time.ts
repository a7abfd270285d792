/** Points in time as sources write them. Pure: no clock and no calendar of the platform. */
import type { Json } from "@busbar/kernel";

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/i;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Days since 1970-01-01 of a date of the Gregorian calendar (months from 1). */
function daysOf(year: number, month: number, day: number): number {
  // Years that begin in March: the leap day is the last day of one.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === "Z") return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}

const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Null where the calendar has no such day. */
function dateMs(year: number, month: number, day: number): number | null {
  const days = MONTH_DAYS[month - 1] ?? 0;
  return day >= 1 && day <= days ? daysOf(year, month, day) * DAY_MS : null;
}

/** Null where a day has no such time. */
function timeOfDayMs(hour: number, minute: number, second: number): number | null {
  return hour <= 23 && minute <= 59 && second <= 60 ? (hour * 60 + minute) * MINUTE_MS + second * 1000 : null;
}

/**
 * Ms since the epoch of a date or time in ISO 8601 (`2024-05-20`, `2024-05-20T10:00:00-05:00`); without a zone it is
 * taken for UTC. Null where the text is no such time.
 */
export function isoMs(text: string): number | null {
  const parts = ISO.exec(text.trim());
  if (parts === null) return null;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = parts;
  const date = dateMs(Number(year), Number(month), Number(day));
  const time = timeOfDayMs(Number(hour), Number(minute), Number(second));
  if (date === null || time === null) return null;
  return date + time + Number(fraction.padEnd(3, "0").slice(0, 3)) - zoneMs(zone);
}

/** The time that a value of a source names: ms as a number, or a text of ISO 8601; 0 where it names none. */
export function timeOf(value: Json | undefined): number {
  if (typeof value === "number") return Number.isFinite(value) ? Math.trunc(value) : 0;
  return typeof value === "string" ? (isoMs(value) ?? 0) : 0;
}
