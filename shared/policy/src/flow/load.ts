/**
 * Load, as stage 1 of the supervisor reads it from an events partition: open chains, and chains that their agent has not
 * begun, per agent and for the partition as a whole. All of it is a fold of valid records in event time.
 *
 * L1 A report is due when a number has moved by a quarter of the distance between its marks, shared by the partitions, or
 *    has come to nothing: so the sum of what is known is off by less than that distance.
 * L2 State is bounded by the open chains.
 */
import { own } from "@busbar/kernel";
import type { ChainState } from "../partition-state.ts";
import type { FlowMarks } from "../policy-document.ts";

/** What a partition tells of a key. */
export interface Load {
  readonly open: number;
  /** Of these, chains of which their agent has not begun anything. */
  readonly waiting: number;
  /** Event time at which the first of them was submitted, ms; 0: none waits. */
  readonly oldestAtMs: number;
}

export interface LoadEntry {
  open: number;
  /** Event time of submission of each chain that waits, ms, the first submitted first. */
  readonly since: Record<string, number>;
  waiting: number;
  told: Load & { readonly atMs: number };
}

/** By key of flow control: `agent:<name>` or `partition:<number>`. Changed in place. */
export type LoadBook = Record<string, LoadEntry>;

const NOTHING = { open: 0, waiting: 0, oldestAtMs: 0 } as const;

const hasBegun = (chain: ChainState): boolean => chain.sequence > 0 || Object.keys(chain.calls).length > 0;

function entryOf(book: LoadBook, key: string): LoadEntry {
  const known = own(book, key);
  if (known !== undefined) return known;
  const entry: LoadEntry = { open: 0, since: {}, waiting: 0, told: { ...NOTHING, atMs: 0 } };
  book[key] = entry;
  return entry;
}

function begin(entry: LoadEntry, chainId: string): void {
  if (own(entry.since, chainId) === undefined) return;
  delete entry.since[chainId];
  entry.waiting -= 1;
}

/** Notes what a record made of a chain: absent before, absent after, or changed. */
export function noteLoad(
  book: LoadBook,
  keys: readonly string[],
  before: ChainState | undefined,
  after: ChainState | undefined,
): void {
  if (before === after) return;
  for (const key of keys) {
    const entry = entryOf(book, key);
    if (before === undefined && after !== undefined) {
      entry.open += 1;
      entry.since[after.chainId] = after.openedAtMs;
      entry.waiting += 1;
    }
    if (before !== undefined && (after === undefined || hasBegun(after))) begin(entry, before.chainId);
    if (before !== undefined && after === undefined) entry.open -= 1;
  }
}

function loadOf({ open, waiting, since }: LoadEntry): Load {
  for (const atMs of Object.values(since)) return { open, waiting, oldestAtMs: atMs };
  return { open, waiting, oldestAtMs: 0 };
}

/** Least change that is told. */
function stepOf(marks: FlowMarks, partitions: number): number {
  return Math.max(1, Math.floor((marks.upper - marks.lower) / (4 * partitions)));
}

function isDue(now: Load, told: LoadEntry["told"], atMs: number, marks: FlowMarks, partitions: number): boolean {
  if (marks.upper > 0) {
    if (Math.abs(now.open - told.open) >= stepOf(marks, partitions)) return true;
    if (now.open === 0 && told.open > 0) return true;
  }
  if (marks.lagUpperMs === 0) return false;
  const moved = Math.max(1, Math.floor((marks.lagUpperMs - marks.lagLowerMs) / 4));
  if ((now.waiting === 0) !== (told.waiting === 0) || Math.abs(now.oldestAtMs - told.oldestAtMs) >= moved) return true;
  // What waits grows older with each record, whether or not anything else changes.
  return now.waiting > 0 && atMs - told.atMs >= moved;
}

/** The report of a key that is due after a record of that time, which is then told; null where none is. */
export function takeReport(
  book: LoadBook,
  key: string,
  atMs: number,
  marks: FlowMarks,
  partitions: number,
): Load | null {
  const entry = own(book, key);
  if (entry === undefined) return null;
  const now = loadOf(entry);
  if (!isDue(now, entry.told, atMs, marks, partitions)) {
    // Nobody speaks of it, and nobody was told of it.
    if (now.open === 0 && entry.told.open === 0) delete book[key];
    return null;
  }
  entry.told = { ...now, atMs };
  if (now.open === 0) delete book[key];
  return now;
}
