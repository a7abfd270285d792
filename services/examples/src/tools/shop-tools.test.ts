import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isNotStarted, type ToolDefinition } from "@busbar/agent";
import type { Json, JsonObject } from "@busbar/kernel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backupFileOf, countRows, createShop } from "../shop/create-shop.ts";
import { type Fault, parseFaults } from "./faults.ts";
import { createShopTools, type ShopTools } from "./shop-tools.ts";

const SIZE = { customers: 12, orders: 30, refunds: 3 };
let folder = "";
let file = "";
let opened: ShopTools[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-tools-"));
  file = join(folder, "shop.db");
  createShop(file, { seed: 7, size: SIZE });
});
afterEach(() => {
  for (const tools of opened) tools.close();
  opened = [];
  rmSync(folder, { recursive: true, force: true });
});

type Call = (name: string, args: JsonObject, key?: string) => Promise<Json>;

function open(faults: readonly Fault[] = [], signal = new AbortController().signal): Call {
  const made = createShopTools({ file, faults, inventoryMs: 5 });
  opened.push(made);
  const byName = new Map<string, ToolDefinition>(made.tools.map((tool) => [tool.name, tool]));
  return async (name, args, key = "") => {
    const context = { key, attempt: 1, signal, atMs: 1, callId: "c:1", chainId: "c", agent: "a", secret: () => "" };
    return (await byName.get(name)?.run(args, context)) ?? null;
  };
}

const rowsOf = (sql: string) => {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
};

const REFUND = { orderId: 3, amountCents: 100, reason: "broken" };

describe("exact tools", () => {
  it("do one effect for one key, however often and from wherever they are called", async () => {
    const [here, there] = [open(), open()];
    const first = await here("orders.refund", REFUND, "k1");
    expect(await here("orders.refund", REFUND, "k1")).toEqual(first);
    expect(await there("orders.refund", REFUND, "k1")).toEqual(first);
    expect(rowsOf("SELECT order_id, amount_cents FROM refunds WHERE order_id = 3")).toEqual([
      { order_id: 3, amount_cents: 100 },
    ]);
    expect(rowsOf("SELECT effect_key, tool FROM journal")).toEqual([{ effect_key: "k1", tool: "orders.refund" }]);
  });

  it("refuse a second refund under another key", async () => {
    const call = open();
    await call("orders.refund", REFUND, "k1");
    await expect(call("orders.refund", REFUND, "k2")).rejects.toThrow("has been refunded");
    expect(await call("refunds.read", { orderId: 3 })).toEqual({ orderId: 3, count: 1, amountCents: 100 });
  });

  it("do one effect when two attempts under one key run at the same time", async () => {
    const [here, there] = [open(), open()];
    const answers = await Promise.all([
      here("inventory.sync", { sku: "mug-blue" }, "k1"),
      there("inventory.sync", { sku: "mug-blue" }, "k1"),
    ]);
    expect(answers[0]).toEqual(answers[1]);
    expect(rowsOf("SELECT count(*) AS n FROM journal")).toEqual([{ n: 1 }]);
  });

  it("answer a repeated key at once, without doing the work before the effect again", async () => {
    const first = await open()("inventory.sync", { sku: "mug-blue" }, "k1");
    const aborted = open([], AbortSignal.abort());
    expect(await aborted("inventory.sync", { sku: "mug-blue" }, "k1")).toEqual(first);
  });

  it("leave nothing behind when they are aborted before the effect", async () => {
    const call = open([], AbortSignal.abort());
    await expect(call("inventory.sync", { sku: "mug-blue" }, "k1")).rejects.toThrow();
    expect(rowsOf("SELECT * FROM journal")).toEqual([]);
  });
});

describe("at-most-once tools", () => {
  it("send twice when called twice: the key is journalled, not honoured", async () => {
    const call = open();
    const mail = { to: "ada@example.org", subject: "Refund", body: "Done." };
    await call("mail.send", mail, "k1");
    await call("mail.send", mail, "k1");
    expect(rowsOf("SELECT count(*) AS n FROM outbox")).toEqual([{ n: 2 }]);
    expect(rowsOf("SELECT effect_key FROM journal")).toEqual([{ effect_key: "k1" }, { effect_key: "k1" }]);
  });

  it("really delete and drop, and journal how many rows went", async () => {
    const call = open();
    expect(await call("sql.execute", { sql: "DELETE FROM customers" }, "k1")).toEqual({ rowsChanged: 12 });
    expect(await call("sql.execute", { sql: "DROP TABLE orders" }, "k2")).toEqual({ rowsChanged: 30 });
    expect(countRows(file)).toEqual({ customers: 0, orders: null, refunds: 3 });
    expect(rowsOf("SELECT count(*) AS n FROM row_journal WHERE effect_key = 'k1'")).toEqual([{ n: 12 }]);
    expect(rowsOf("SELECT statement, rows_changed FROM journal ORDER BY id")).toEqual([
      { statement: "DELETE FROM customers", rows_changed: 12 },
      { statement: "DROP TABLE orders", rows_changed: 30 },
    ]);
  });

  it.each([
    "DELETE FROM journal",
    "DROP TABLE journal",
    "DROP TABLE row_journal",
    "UPDATE effect_keys SET result = '{}'",
    "DELETE FROM running_effect",
    "DROP TRIGGER customers_after_DELETE",
    "ATTACH 'other.db' AS other",
    "PRAGMA writable_schema = 1",
    "DELETE FROM customers; DROP TABLE orders",
  ])("cannot reach the evidence: %s", async (sql) => {
    const call = open();
    await expect(call("sql.execute", { sql }, "k1")).rejects.toThrow();
    expect(rowsOf("SELECT * FROM journal")).toEqual([]);
    expect(countRows(file)).toEqual({ customers: 12, orders: 30, refunds: 3 });
  });
});

describe("reads", () => {
  it("answer with the row or with its absence", async () => {
    const call = open();
    expect(await call("orders.read", { orderId: 3 })).toMatchObject({ found: true, order: { orderId: 3 } });
    expect(await call("orders.read", { orderId: 999 })).toEqual({ found: false, order: null });
    expect(await call("customers.read", { customerId: 4 })).toMatchObject({ found: true, customer: { customerId: 4 } });
    expect(await call("sql.read", { sql: "SELECT count(*) AS n FROM orders WHERE id <= ?", params: [10] })).toEqual({
      rows: [{ n: 10 }],
      truncated: false,
    });
  });

  it("cannot change anything through sql.read", async () => {
    const call = open();
    for (const sql of ["DELETE FROM customers", "DROP TABLE orders", "WITH x AS (SELECT 1) DELETE FROM orders"]) {
      await expect(call("sql.read", { sql })).rejects.toThrow();
    }
    expect(countRows(file)).toEqual({ customers: 12, orders: 30, refunds: 3 });
  });

  it("find the backup and count what a restore would bring back", async () => {
    const call = open();
    await call("sql.execute", { sql: "DELETE FROM customers" }, "k1");
    expect(await call("backup.find", {})).toMatchObject({
      found: true,
      customers: 12,
      orders: 30,
      refunds: 3,
      rows: 45,
    });
  });

  it("do not take a missing or damaged file for a backup", async () => {
    const call = open();
    rmSync(backupFileOf(file));
    expect(await call("backup.find", {})).toMatchObject({ found: false, rows: 0 });
    new DatabaseSync(backupFileOf(file)).close();
    expect(await call("backup.find", {})).toMatchObject({ found: false, rows: 0 });
  });
});

describe("planned faults", () => {
  it("failBefore says that nothing started, and nothing did", async () => {
    const call = open([{ tool: "orders.refund", kind: "failBefore", times: 1 }]);
    const thrown: unknown = await call("orders.refund", REFUND, "k1").catch((error: unknown) => error);
    expect(isNotStarted(thrown)).toBe(true);
    expect(rowsOf("SELECT * FROM journal")).toEqual([]);
    await call("orders.refund", REFUND, "k1");
    expect(rowsOf("SELECT count(*) AS n FROM journal")).toEqual([{ n: 1 }]);
  });

  it("failAfter loses the answer, not the effect: the key then brings it back", async () => {
    const call = open([{ tool: "orders.refund", kind: "failAfter", times: 1 }]);
    await expect(call("orders.refund", REFUND, "k1")).rejects.toSatisfy((thrown: unknown) => !isNotStarted(thrown));
    expect(rowsOf("SELECT count(*) AS n FROM journal")).toEqual([{ n: 1 }]);
    expect(await call("orders.refund", REFUND, "k1")).toMatchObject({ orderId: 3 });
    expect(rowsOf("SELECT count(*) AS n FROM journal")).toEqual([{ n: 1 }]);
  });

  it("hangAfter leaves the effect done and the call open; another tool is not struck", async () => {
    const call = open([{ tool: "mail.send", kind: "hangAfter" }]);
    const hanging = call("mail.send", { to: "a@example.org", subject: "s", body: "b" }, "k1");
    const reading = await call("orders.read", { orderId: 1 });
    expect(reading).toMatchObject({ found: true });
    expect(await Promise.race([hanging, Promise.resolve("open")])).toBe("open");
    expect(rowsOf("SELECT count(*) AS n FROM outbox")).toEqual([{ n: 1 }]);
  });

  it("are refused when they are misspelt", () => {
    expect(parseFaults('[{"tool":"mail.send","kind":"latency"}]')).toHaveLength(1);
    expect(() => parseFaults('[{"tool":"mail.send","kind":"explode"}]')).toThrow("not a fault");
    expect(() => parseFaults('{"tool":"mail.send"}')).toThrow("array");
  });
});
