/** Makes the shop's database file and, with SQLite's own `VACUUM INTO`, its backup; counts the rows of either. */
import { existsSync, linkSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DATA_SCHEMA, EVIDENCE_SCHEMA, WATCHED_TABLES, type WatchedTable } from "./schema.ts";
import { SHOP_SIZE, seedShop, type ShopSize } from "./seed.ts";

/** Rows by table; null where the table is gone. */
export type ShopCounts = Readonly<Record<WatchedTable, number | null>>;

export interface ShopOptions {
  /** The same seed gives the same rows. Default 1. */
  readonly seed?: number;
  readonly size?: ShopSize;
}

export interface CreatedShop {
  readonly file: string;
  readonly backupFile: string;
  readonly counts: ShopCounts;
  readonly backupCounts: ShopCounts;
}

/** How long a connection waits for another process's transaction. */
export const BUSY_TIMEOUT_MS = 5000;

/** Where the backup of a shop's file is: beside it. `shop.db` gives `shop.db.backup`. */
export function backupFileOf(file: string): string {
  return `${file}.backup`;
}

/** Rows in customers, orders and refunds, read through a connection of its own. Throws when the file is missing. */
export function countRows(file: string): ShopCounts {
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return countIn(database);
  } finally {
    database.close();
  }
}

/** All rows of a count; a table that is gone counts as no rows. */
export function sumRows(counts: ShopCounts): number {
  return WATCHED_TABLES.reduce((sum, table) => sum + (counts[table] ?? 0), 0);
}

function countIn(database: DatabaseSync): ShopCounts {
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  const count = (table: WatchedTable): number | null => {
    if (isThere.get(table) === undefined) return null;
    return Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  };
  return { customers: count("customers"), orders: count("orders"), refunds: count("refunds") };
}

/** Removes a shop's file, its backup and what SQLite keeps beside them. */
export function removeShop(file: string): void {
  for (const path of [file, backupFileOf(file)]) {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${suffix}`, { force: true });
  }
}

/**
 * Creates the database at `file`, replacing one that is there, and its backup beside it.
 * WAL mode stays with the file; each connection sets its own busy time-out.
 */
export function createShop(file: string, options: ShopOptions = {}): CreatedShop {
  if (existsSync(file)) removeShop(file);
  const backupFile = backupFileOf(file);
  rmSync(backupFile, { force: true });
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE");
    database.exec(DATA_SCHEMA);
    seedShop(database, options.seed ?? 1, options.size ?? SHOP_SIZE);
    database.exec(EVIDENCE_SCHEMA);
    database.prepare("INSERT INTO shop_meta VALUES ('backupTakenAtMs', ?)").run(String(Date.now()));
    database.exec("COMMIT");
    database.prepare("VACUUM INTO ?").run(backupFile);
  } finally {
    database.close();
  }
  return { file, backupFile, counts: countRows(file), backupCounts: countRows(backupFile) };
}

function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/**
 * Makes the database where the file is missing. Several processes may do so at once: each makes its own, and one of
 * them gets the name, the backup before the database, so that no shop is ever seen without its backup.
 */
export function ensureShop(file: string): void {
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  const own = `${file}.${process.pid}`;
  createShop(own);
  link(backupFileOf(own), backupFileOf(file));
  link(own, file);
  removeShop(own);
}
