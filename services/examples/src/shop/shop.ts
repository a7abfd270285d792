/**
 * The open shop: what the tools use. One connection writes, one can only read; several processes may have the same
 * file open (WAL, busy time-out).
 *
 * E1 An effect, its row in `journal` and (for a tool that honours keys) its row in `effect_keys` are one transaction.
 * E2 With `honoursKey`, a key that was seen is answered with the first result and nothing else happens.
 * E3 Calls here are synchronous: a process that dies leaves a transaction whole or not there at all.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Json, JsonObject } from "@busbar/kernel";
import { backupFileOf, BUSY_TIMEOUT_MS } from "./create-shop.ts";
import { guardStatement, READ_ONLY_GUARD } from "./statement-guard.ts";

/** What an effect did: the tool's answer, the statement for the journal, and the rows it changed. */
export interface EffectDone {
  readonly result: Json;
  readonly statement: string;
  readonly rowsChanged: number;
}

interface EffectRequest {
  readonly tool: string;
  readonly effectKey: string;
  /** When the tool was handed the call, ms since the epoch. */
  readonly beganAtMs: number;
  readonly honoursKey: boolean;
}

export interface Shop {
  readonly file: string;
  readonly backupFile: string;
  /** The recorded answer of an effect key, undefined when this database has not seen it. */
  answerOf(effectKey: string): Json | undefined;
  /** Runs one effect (E1, E2). What `act` throws rolls everything back. */
  effect(request: EffectRequest, act: (database: DatabaseSync) => EffectDone): Json;
  /** Rows of one SELECT through the read-only connection, at most `rowsMax`. Throws on anything but a SELECT. */
  select(sql: string, params: readonly SQLInputValue[], rowsMax: number): readonly JsonObject[];
  close(): void;
}

function toJson(value: unknown): Json {
  if (typeof value === "number" || typeof value === "string" || value === null) return value;
  if (typeof value === "bigint") return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : null;
}

function toRow(row: object): JsonObject {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, toJson(value)]));
}

function answerIn(database: DatabaseSync, effectKey: string): Json | undefined {
  const row = database.prepare("SELECT result FROM effect_keys WHERE effect_key = ?").get(effectKey);
  return row === undefined ? undefined : (JSON.parse(String(row["result"])) as Json);
}

function recordEffect(database: DatabaseSync, request: EffectRequest, done: EffectDone): void {
  const atMs = Date.now();
  database
    .prepare(
      "INSERT INTO journal (began_at_ms, at_ms, effect_key, tool, statement, rows_changed) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .run(request.beganAtMs, atMs, request.effectKey, request.tool, done.statement, done.rowsChanged);
  if (!request.honoursKey) return;
  database
    .prepare("INSERT INTO effect_keys VALUES (?, ?, ?, ?)")
    .run(request.effectKey, request.tool, JSON.stringify(done.result), atMs);
}

function runEffect(database: DatabaseSync, request: EffectRequest, act: (database: DatabaseSync) => EffectDone): Json {
  database.exec("BEGIN IMMEDIATE");
  try {
    const known = request.honoursKey ? answerIn(database, request.effectKey) : undefined;
    if (known !== undefined) {
      database.exec("ROLLBACK");
      return known;
    }
    database.prepare("INSERT INTO running_effect VALUES (1, ?)").run(request.effectKey);
    const done = act(database);
    database.exec("DELETE FROM running_effect");
    recordEffect(database, request, done);
    database.exec("COMMIT");
    return done.result;
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  }
}

/** Opens an existing shop. Throws when the file is missing. */
export function openShop(file: string): Shop {
  const reader = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  reader.setAuthorizer(READ_ONLY_GUARD);
  const writer = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  writer.exec("PRAGMA synchronous = NORMAL");
  return {
    file,
    backupFile: backupFileOf(file),
    answerOf: (effectKey) => answerIn(writer, effectKey),
    effect: (request, act) => runEffect(writer, request, act),
    select(sql, params, rowsMax) {
      guardStatement(sql, ["select", "with"]);
      const rows: JsonObject[] = [];
      for (const row of reader.prepare(sql).iterate(...params)) {
        if (rows.length === rowsMax) break;
        rows.push(toRow(row));
      }
      return rows;
    },
    close() {
      reader.close();
      writer.close();
    },
  };
}
