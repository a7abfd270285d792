/**
 * Checks effects by the database's own journal: each key at most once, each key of a committed effect exactly once,
 * no effect that the log has not admitted, and no customer, order or refund changed outside of an effect.
 */
import type { DatabaseJournal, JournalRow } from "./database-journal.ts";
import { type Finding, finding } from "./finding.ts";
import type { LogFacts } from "./log-facts.ts";

export interface EffectsReport {
  /** Rows of the database's journal. */
  readonly effects: number;
  /** Mutating admissions of the log by key. */
  readonly admittedKeys: number;
  readonly committedKeys: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly findings: readonly Finding[];
}

export interface EffectsOptions {
  /** Whether a tool writes to this database's journal. Default: every tool does. */
  readonly isJournalled?: (tool: string) => boolean;
}

function rowsByKey(rows: readonly JournalRow[]): ReadonlyMap<string, readonly JournalRow[]> {
  return Map.groupBy(rows, (row) => row.effectKey);
}

function rowFindings(rows: ReadonlyMap<string, readonly JournalRow[]>, admitted: ReadonlySet<string>): Finding[] {
  return [...rows].flatMap(([key, entries]) => {
    const what = entries.map(({ id, tool }) => `${tool} (row ${id})`).join(", ");
    const twice = entries.length > 1 ? [finding("effect-twice", key, what)] : [];
    const unknown = admitted.has(key) ? [] : [finding("effect-without-admission", key, what)];
    return [...twice, ...unknown];
  });
}

function changedRowFindings(journal: DatabaseJournal): Finding[] {
  const keys = new Set(journal.rows.map(({ effectKey }) => effectKey));
  return journal.changedRows
    .filter(({ effectKey }) => effectKey === null || !keys.has(effectKey))
    .map(({ effectKey, rows }) =>
      finding("row-changed-outside-effect", effectKey ?? "", `${rows} row(s) changed by no effect of the journal`),
    );
}

/** Compares the journal with the whole log it belongs to. */
export function checkEffects(
  facts: LogFacts,
  journal: DatabaseJournal,
  { isJournalled = () => true }: EffectsOptions = {},
): EffectsReport {
  const mutating = facts.admissions.filter(({ effectClass, tool }) => effectClass !== "read" && isJournalled(tool));
  const admitted = new Set(mutating.map(({ effectKey }) => effectKey));
  const rows = rowsByKey(journal.rows);
  const committed = facts.outcomes.filter(({ happened, effectKey }) => happened && admitted.has(effectKey));
  const committedKeys = new Map(committed.map((outcome) => [outcome.effectKey, outcome]));
  const lost = [...committedKeys]
    .filter(([key]) => !rows.has(key))
    .map(([key, outcome]) => finding("effect-lost", key, "committed by the log, absent from the journal", outcome));
  const unreadable = facts.unreadable.map((position) =>
    finding("unreadable-record", "", "a valid record that cannot be read", position),
  );
  const fromRows = rowFindings(rows, admitted);
  return {
    effects: journal.rows.length,
    admittedKeys: admitted.size,
    committedKeys: committedKeys.size,
    duplicated: fromRows.filter(({ kind }) => kind === "effect-twice").length,
    lost: lost.length,
    findings: [...unreadable, ...fromRows, ...lost, ...changedRowFindings(journal)],
  };
}
