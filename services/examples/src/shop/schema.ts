/**
 * The tables of the example shop. Beside its own data the database keeps its own evidence, so that it can be asked
 * what happened without asking the bus:
 *
 * S1 `journal` gets one row per effect, written by the tool in the same transaction as the effect.
 * S2 `row_journal` gets one row per customer, order or refund changed, written by triggers; it names the effect that
 *    was running (`running_effect`), or nothing when a row was changed outside of any tool.
 * S3 Rows of both can be added, never changed or deleted: triggers refuse it.
 *
 * Like many shops it declares no foreign keys, so nothing but the bus keeps `DELETE FROM customers` from working.
 */

/** Tables whose rows the triggers watch. */
export const WATCHED_TABLES = ["customers", "orders", "refunds"] as const;
export type WatchedTable = (typeof WATCHED_TABLES)[number];

/** Tables that a statement of `sql.execute` may change or drop; the evidence is not among them. */
export const DATA_TABLES = [...WATCHED_TABLES, "inventory", "order_notes"] as const;

/** SQL for "now" in ms since the epoch, as the triggers need it. */
const NOW_MS = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** What an order says, without the count of its changes: counting is no change. */
const ORDER_COLUMNS = "id, customer_id, sku, quantity, amount_cents, status, placed_at_ms";

export const DATA_SCHEMA = `
CREATE TABLE shop_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT NOT NULL, created_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL,
  amount_cents INTEGER NOT NULL, status TEXT NOT NULL CHECK (status IN ('paid', 'shipped', 'refunded')),
  placed_at_ms INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1 -- counts the changes of the row, whoever makes them
) STRICT;
CREATE TRIGGER orders_version AFTER UPDATE OF ${ORDER_COLUMNS} ON orders
  BEGIN UPDATE orders SET version = version + 1 WHERE id = NEW.id; END;
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE refunds (
  id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, amount_cents INTEGER NOT NULL, reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE TABLE inventory (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL, synced_at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE order_notes (
  id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, n INTEGER NOT NULL, text TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
`;

const EVIDENCE_TABLES = `
CREATE TABLE effect_keys (
  effect_key TEXT PRIMARY KEY, tool TEXT NOT NULL, result TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  began_at_ms INTEGER NOT NULL, -- the tool was handed the call
  at_ms INTEGER NOT NULL,       -- the transaction that holds the effect and this row was written
  effect_key TEXT NOT NULL, tool TEXT NOT NULL, statement TEXT NOT NULL, rows_changed INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_by_key ON journal (effect_key);
CREATE TABLE running_effect (id INTEGER PRIMARY KEY CHECK (id = 1), effect_key TEXT NOT NULL) STRICT;
CREATE TABLE row_journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, operation TEXT NOT NULL, table_name TEXT NOT NULL,
  row_id INTEGER NOT NULL, effect_key TEXT
) STRICT;
`;

function keepForEver(table: string): string {
  const refuse = (operation: string): string =>
    `CREATE TRIGGER ${table}_no_${operation} BEFORE ${operation} ON ${table} ` +
    `BEGIN SELECT RAISE(ABORT, '${table} only grows'); END;`;
  return `${refuse("DELETE")}\n${refuse("UPDATE")}`;
}

function watch(table: WatchedTable): string {
  const changed = table === "orders" ? `UPDATE OF ${ORDER_COLUMNS}` : "UPDATE";
  const record = (operation: string, row: string): string =>
    `CREATE TRIGGER ${table}_after_${operation} AFTER ${operation === "UPDATE" ? changed : operation} ON ${table} BEGIN
       INSERT INTO row_journal (at_ms, operation, table_name, row_id, effect_key)
       VALUES (${NOW_MS}, '${operation}', '${table}', ${row}.id, (SELECT effect_key FROM running_effect));
     END;`;
  return [record("INSERT", "NEW"), record("UPDATE", "NEW"), record("DELETE", "OLD")].join("\n");
}

/** The evidence: tables, and the triggers that fill and keep them. Applied after the seed, so both start empty. */
export const EVIDENCE_SCHEMA = [
  EVIDENCE_TABLES,
  ...WATCHED_TABLES.map(watch),
  keepForEver("journal"),
  keepForEver("row_journal"),
].join("\n");
