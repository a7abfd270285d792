/**
 * One SQLite database on which many chains move money between the two purses of accounts, and a journal that the
 * database keeps of who had seen what. The journal is the oracle's: it holds what was seen and what was there at the
 * moment of each attempt, and knows nothing of versions or of the bus.
 */
import { DatabaseSync } from "node:sqlite";

export const SUM = 1000;
export const ACCOUNTS = 40;

export interface Purses {
  readonly a: number;
  readonly b: number;
}

/** One attempt to change an account. */
export interface Attempt {
  readonly account: number;
  readonly by: string;
  readonly seen: Purses;
  readonly before: Purses;
  readonly landed: boolean;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE accounts (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER NOT NULL, version INTEGER NOT NULL);
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, account INTEGER, by TEXT, seen_a INTEGER, seen_b INTEGER, before_a INTEGER, before_b INTEGER,
    landed INTEGER
  );
`;

export function openAccounts(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: 10_000 });
}

export function createAccounts(file: string): DatabaseSync {
  const database = openAccounts(file);
  database.exec(SCHEMA);
  const insert = database.prepare("INSERT INTO accounts (id, a, b, version) VALUES (?, ?, ?, 1)");
  for (let id = 0; id < ACCOUNTS; id += 1) insert.run(id, SUM / 2, SUM / 2);
  return database;
}

export interface Row extends Purses {
  readonly version: number;
}

export function rowOf(database: DatabaseSync, id: number): Row {
  const row = database.prepare("SELECT a, b, version FROM accounts WHERE id = ?").get(id);
  return { a: Number(row?.["a"]), b: Number(row?.["b"]), version: Number(row?.["version"]) };
}

/** Writes what an author wants to be there, in one transaction; `refuses` may say no to what is there now. */
export function change(
  database: DatabaseSync,
  { account, by, seen, next }: Pick<Attempt, "account" | "by" | "seen"> & { readonly next: Purses },
  refuses: (now: Row) => boolean,
): { readonly landed: boolean; readonly now: Row } {
  database.exec("BEGIN IMMEDIATE");
  try {
    const now = rowOf(database, account);
    const landed = !refuses(now);
    if (landed) {
      const update = database.prepare("UPDATE accounts SET a = ?, b = ?, version = version + 1 WHERE id = ?");
      update.run(next.a, next.b, account);
    }
    database
      .prepare(
        "INSERT INTO journal (account, by, seen_a, seen_b, before_a, before_b, landed) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(account, by, seen.a, seen.b, now.a, now.b, landed ? 1 : 0);
    database.exec("COMMIT");
    return { landed, now };
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

export function journalOf(database: DatabaseSync): readonly Attempt[] {
  return database
    .prepare("SELECT * FROM journal ORDER BY seq")
    .all()
    .map((row) => ({
      account: Number(row["account"]),
      by: String(row["by"]),
      seen: { a: Number(row["seen_a"]), b: Number(row["seen_b"]) },
      before: { a: Number(row["before_a"]), b: Number(row["before_b"]) },
      landed: Number(row["landed"]) === 1,
    }));
}

/** Accounts whose purses do not add up any more. */
export function brokenAccounts(database: DatabaseSync): number {
  return Number(database.prepare("SELECT count(*) AS n FROM accounts WHERE a + b <> ?").get(SUM)?.["n"]);
}
