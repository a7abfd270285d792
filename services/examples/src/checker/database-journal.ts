/** What the shop's database itself says about effects: its journal and the rows that its triggers recorded. */
import { DatabaseSync } from "node:sqlite";

export interface JournalRow {
  readonly id: number;
  /** When the tool was handed the call. */
  readonly beganAtMs: number;
  /** When the effect and this row were written. */
  readonly atMs: number;
  readonly effectKey: string;
  readonly tool: string;
  readonly statement: string;
}

export interface DatabaseJournal {
  readonly rows: readonly JournalRow[];
  /** Changed rows by the effect that the database says it was in; null: in none. */
  readonly changedRows: readonly { readonly effectKey: string | null; readonly rows: number }[];
}

/** Reads both journals through a read-only connection. Throws when the file is missing. */
export function readJournal(file: string): DatabaseJournal {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    const rows = database
      .prepare("SELECT id, began_at_ms, at_ms, effect_key, tool, statement FROM journal ORDER BY id")
      .all()
      .map((row) => ({
        id: Number(row["id"]),
        beganAtMs: Number(row["began_at_ms"]),
        atMs: Number(row["at_ms"]),
        effectKey: String(row["effect_key"]),
        tool: String(row["tool"]),
        statement: String(row["statement"]),
      }));
    const changedRows = database
      .prepare("SELECT effect_key, count(*) AS n FROM row_journal GROUP BY effect_key")
      .all()
      .map((row) => ({
        effectKey: typeof row["effect_key"] === "string" ? row["effect_key"] : null,
        rows: Number(row["n"]),
      }));
    return { rows, changedRows };
  } finally {
    database.close();
  }
}
