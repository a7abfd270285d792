/**
 * What a statement written by an agent may touch. The guard keeps the evidence (journal, row_journal, keys) out of
 * reach and lets everything else through: whether the shop's data may be deleted is for the bus to decide, not here.
 * SQLite itself asks the guard for each table and action of a statement, so no SQL is parsed.
 */
import { constants, type DatabaseSync } from "node:sqlite";
import { DATA_TABLES } from "./schema.ts";

type Authorizer = Parameters<DatabaseSync["setAuthorizer"]>[0];

const READS: ReadonlySet<number> = new Set([constants.SQLITE_SELECT, constants.SQLITE_READ, constants.SQLITE_FUNCTION]);
const CHANGES: ReadonlySet<number> = new Set([
  constants.SQLITE_DELETE,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DROP_TABLE,
]);
/** `DROP TABLE` is carried out as changes of the schema table; SQLite refuses to change it in any other way. */
const CHANGEABLE: ReadonlySet<string> = new Set<string>([...DATA_TABLES, "sqlite_master"]);

const verdict = (isAllowed: boolean): number => (isAllowed ? constants.SQLITE_OK : constants.SQLITE_DENY);

/** Reads only, and no recursion: a query without an end would hold the process. */
export const READ_ONLY_GUARD: Authorizer = (action) => verdict(READS.has(action));

/** Reads, and changes of the shop's data tables; what a trigger does on behalf of a statement is its own business. */
export const DATA_GUARD: Authorizer = (action, table, _second, _schema, trigger) => {
  if (READS.has(action) || trigger !== null) return verdict(true);
  if (action === constants.SQLITE_DROP_TRIGGER) return verdict(true);
  return verdict(CHANGES.has(action) && table !== null && CHANGEABLE.has(table));
};

/**
 * Refuses a text that does not begin with one of the verbs, or holds more than one statement: SQLite would run the
 * first and silently leave out the rest. A semicolon inside a literal is refused too.
 */
export function guardStatement(sql: string, verbs: readonly string[]): void {
  const text = sql.trim().replace(/;$/, "");
  if (text.includes(";")) throw new Error("one statement a call");
  const verb = text.toLowerCase().replaceAll(/\s+/g, " ");
  if (!verbs.some((allowed) => verb.startsWith(`${allowed} `))) {
    throw new Error(`a statement begins with ${verbs.join(" or ")}`);
  }
}
