/** The reading tools: orders, customers, refunds, one SELECT, and the authority on whether a rollback is possible. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { defineTool } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { countRows, sumRows } from "../shop/create-shop.ts";
import { runRead, type ToolKit } from "./kit.ts";
import { BOOLEAN, COUNT, ID, INTEGER, nullable, objectOf, text } from "./schema.ts";

const ROWS_MAX = 200;

const ORDER = objectOf({
  orderId: ID,
  customerId: ID,
  sku: text(64),
  quantity: COUNT,
  amountCents: COUNT,
  status: text(16),
  placedAtMs: INTEGER,
  version: COUNT,
});
const CUSTOMER = objectOf({ customerId: ID, name: text(200), email: text(200), city: text(200) });

export function ordersRead(kit: ToolKit) {
  const sql = `SELECT id AS orderId, customer_id AS customerId, sku, quantity, amount_cents AS amountCents, status,
    placed_at_ms AS placedAtMs, version FROM orders WHERE id = ?`;
  return defineTool<{ orderId: number }>({
    name: "orders.read",
    description: "One order by its id; null where there is none.",
    effect: "read",
    args: objectOf({ orderId: ID }),
    result: objectOf({ found: BOOLEAN, order: nullable(ORDER) }),
    subject: ["orderId"],
    // What depends on an order carries the version that was read here.
    version: "$result.order.version",
    timeoutMs: 5000,
    run: ({ orderId }) =>
      runRead(kit, "orders.read", (shop) => {
        const order = shop.select(sql, [orderId], 1)[0] ?? null;
        return { found: order !== null, order };
      }),
  });
}

export function customersRead(kit: ToolKit) {
  const sql = "SELECT id AS customerId, name, email, city FROM customers WHERE id = ?";
  return defineTool<{ customerId: number }>({
    name: "customers.read",
    description: "One customer by id; null where there is none.",
    effect: "read",
    args: objectOf({ customerId: ID }),
    result: objectOf({ found: BOOLEAN, customer: nullable(CUSTOMER) }),
    subject: ["customerId"],
    timeoutMs: 5000,
    run: ({ customerId }) =>
      runRead(kit, "customers.read", (shop) => {
        const customer = shop.select(sql, [customerId], 1)[0] ?? null;
        return { found: customer !== null, customer };
      }),
  });
}

export function refundsRead(kit: ToolKit) {
  const sql = `SELECT count(*) AS count, coalesce(sum(amount_cents), 0) AS amountCents FROM refunds WHERE order_id = ?`;
  return defineTool<{ orderId: number }>({
    name: "refunds.read",
    description: "How often, and with how much in all, an order was refunded.",
    effect: "read",
    args: objectOf({ orderId: ID }),
    result: objectOf({ orderId: ID, count: COUNT, amountCents: COUNT }),
    subject: ["orderId"],
    timeoutMs: 5000,
    run: ({ orderId }) =>
      runRead(kit, "refunds.read", (shop) => {
        const row = shop.select(sql, [orderId], 1)[0] ?? {};
        return { orderId, count: row["count"] ?? 0, amountCents: row["amountCents"] ?? 0 };
      }),
  });
}

export function sqlRead(kit: ToolKit) {
  return defineTool<{ sql: string; params?: (string | number | null)[] }>({
    name: "sql.read",
    description: `One SELECT over a connection that can only read; at most ${ROWS_MAX} rows.`,
    effect: "read",
    args: objectOf(
      { sql: text(4000), params: { type: "array", maxItems: 32, items: { type: ["string", "number", "null"] } } },
      ["params"],
    ),
    result: objectOf({ rows: { type: "array", maxItems: ROWS_MAX, items: { type: "object" } }, truncated: BOOLEAN }),
    // Any table may be asked, so what other chains do shows here and is no contradiction.
    volatile: true,
    timeoutMs: 5000,
    run: ({ sql, params }) =>
      runRead(kit, "sql.read", (shop) => {
        const rows = shop.select(sql, params ?? [], ROWS_MAX + 1);
        return { rows: rows.slice(0, ROWS_MAX), truncated: rows.length > ROWS_MAX };
      }),
  });
}

/** What `backup.find` tells about a file: whether a restore from it would work, and what would come back. */
export function inspectBackup(file: string): Json {
  const missing = { found: false, file: basename(file), customers: 0, orders: 0, refunds: 0, rows: 0, takenAtMs: 0 };
  if (!existsSync(file)) return missing;
  try {
    const takenAtMs = readTakenAtMs(file);
    const { customers, orders, refunds } = countRows(file);
    const rows = sumRows({ customers, orders, refunds });
    const found = takenAtMs > 0 && rows > 0;
    return {
      ...missing,
      found,
      customers: customers ?? 0,
      orders: orders ?? 0,
      refunds: refunds ?? 0,
      rows,
      takenAtMs,
    };
  } catch {
    // A file that SQLite cannot read is no backup.
    return missing;
  }
}

/** The time in the backup itself; 0 where SQLite finds the file damaged. */
function readTakenAtMs(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const isWhole = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"] === "ok";
    const row = database.prepare("SELECT value FROM shop_meta WHERE name = 'backupTakenAtMs'").get();
    return isWhole ? Number(row?.["value"] ?? 0) : 0;
  } finally {
    database.close();
  }
}

export function backupFind(kit: ToolKit) {
  return defineTool({
    name: "backup.find",
    description: "Looks for the backup file, opens it, checks it and counts its rows.",
    effect: "read",
    args: objectOf({}),
    result: objectOf({
      found: BOOLEAN,
      file: text(300),
      customers: COUNT,
      orders: COUNT,
      refunds: COUNT,
      rows: COUNT,
      takenAtMs: INTEGER,
    }),
    timeoutMs: 5000,
    run: () => runRead(kit, "backup.find", (shop) => inspectBackup(shop.backupFile)),
  });
}
