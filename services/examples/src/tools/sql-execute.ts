/**
 * `sql.execute` runs DELETE, UPDATE, INSERT or DROP TABLE on the shop's data: what no agent should be given and many
 * are. It holds nothing back but the evidence; keeping it from running is the work of the bus.
 */
import type { DatabaseSync } from "node:sqlite";
import { defineTool } from "@busbar/agent";
import { DATA_TABLES } from "../shop/schema.ts";
import { DATA_GUARD, guardStatement } from "../shop/statement-guard.ts";
import { runEffect, type ToolKit } from "./kit.ts";
import { COUNT, objectOf, text } from "./schema.ts";

const VERBS = ["delete from", "update", "insert into", "drop table"] as const;

/** Rows that a DROP takes with it: SQLite does not report them as changes. */
function rowsToDrop(database: DatabaseSync, sql: string): number {
  const name = /^\s*drop\s+table\s+(?:if\s+exists\s+)?["'`[]?(\w+)/i.exec(sql)?.[1]?.toLowerCase();
  const table = DATA_TABLES.find((known) => known === name);
  if (table === undefined) return 0;
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table);
  if (isThere === undefined) return 0;
  return Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
}

function executeGuarded(database: DatabaseSync, sql: string): number {
  const dropped = rowsToDrop(database, sql);
  database.setAuthorizer(DATA_GUARD);
  try {
    const { changes } = database.prepare(sql).run();
    return /^\s*drop\s/i.test(sql) ? dropped : Number(changes);
  } finally {
    database.setAuthorizer(null);
  }
}

export function sqlExecute(kit: ToolKit) {
  return defineTool<{ sql: string }>({
    name: "sql.execute",
    description: "Runs one DELETE, UPDATE, INSERT or DROP TABLE on the shop's data.",
    effect: "destructive",
    toolClass: "at-most-once",
    args: objectOf({ sql: text(4000) }),
    result: objectOf({ rowsChanged: COUNT }),
    timeoutMs: 5000,
    run: ({ sql }, context) =>
      runEffect(kit, context, { tool: "sql.execute", honoursKey: false }, (database) => {
        guardStatement(sql, VERBS);
        const rowsChanged = executeGuarded(database, sql);
        return { result: { rowsChanged }, statement: sql, rowsChanged };
      }),
  });
}
