import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backupFileOf, countRows, createShop, ensureShop, sumRows } from "./create-shop.ts";
import { EVIDENCE_SCHEMA } from "./schema.ts";
import { openShop, type Shop } from "./shop.ts";

const SIZE = { customers: 12, orders: 30, refunds: 3 };
let folder = "";
let file = "";
let shop: Shop;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-shop-"));
  file = join(folder, "shop.db");
  createShop(file, { seed: 7, size: SIZE });
  shop = openShop(file);
});
afterEach(() => {
  shop.close();
  rmSync(folder, { recursive: true, force: true });
});

const rowsOf = (sql: string) => {
  const database = new DatabaseSync(file);
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
};

const deleteOne = (database: DatabaseSync) => {
  database.exec("DELETE FROM customers WHERE id = 1");
  return { result: { gone: 1 }, statement: "DELETE", rowsChanged: 1 };
};

describe("the shop's database", () => {
  it("has at least 1200 customers and 5000 orders, and a backup with as many rows", () => {
    const created = createShop(join(folder, "full.db"));
    expect(created.counts).toEqual({ customers: 1240, orders: 5180, refunds: 96 });
    expect(created.backupCounts).toEqual(created.counts);
    expect(sumRows(created.counts)).toBe(6516);
  });

  it("is made with its backup where it is missing, and left alone where it is there", () => {
    const folder = mkdtempSync(join(tmpdir(), "busbar-shop-"));
    try {
      const file = join(folder, "new", "shop.db");
      ensureShop(file);
      const made = new DatabaseSync(file);
      made.exec("DELETE FROM refunds; DELETE FROM orders");
      made.close();
      ensureShop(file);
      expect(countRows(file).orders).toBe(0);
      expect(countRows(backupFileOf(file)).orders).toBeGreaterThanOrEqual(5000);
      expect(readdirSync(join(folder, "new")).filter((name) => !name.startsWith("shop.db"))).toEqual([]);
      expect(readdirSync(join(folder, "new")).filter((name) => name.includes(`.${process.pid}`))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("is the same for the same seed and another for another seed", () => {
    const names = (seed: number) => {
      const path = join(folder, `seed-${seed}.db`);
      createShop(path, { seed, size: SIZE });
      const database = new DatabaseSync(path, { readOnly: true });
      const rows = database.prepare("SELECT name, email, city FROM customers").all();
      database.close();
      return JSON.stringify(rows);
    };
    expect(names(3)).toBe(names(3));
    expect(names(3)).not.toBe(names(4));
  });

  it("journals an effect in the transaction of the effect: one that fails leaves neither", () => {
    const request = { tool: "t", effectKey: "k1", beganAtMs: 5, honoursKey: false };
    expect(() =>
      shop.effect(request, (database) => {
        deleteOne(database);
        throw new Error("after the delete");
      }),
    ).toThrow("after the delete");
    expect(countRows(file).customers).toBe(12);
    expect(rowsOf("SELECT * FROM journal")).toEqual([]);
    shop.effect(request, deleteOne);
    expect(countRows(file).customers).toBe(11);
    expect(rowsOf("SELECT began_at_ms, effect_key, tool, rows_changed FROM journal")).toEqual([
      { began_at_ms: 5, effect_key: "k1", tool: "t", rows_changed: 1 },
    ]);
  });

  it("records each changed row by trigger with the effect that was running", () => {
    shop.effect({ tool: "t", effectKey: "k1", beganAtMs: 5, honoursKey: false }, deleteOne);
    const outside = new DatabaseSync(file);
    outside.exec("UPDATE orders SET quantity = 9 WHERE id = 2");
    outside.exec("INSERT INTO refunds (order_id, amount_cents, reason, at_ms) VALUES (3, 1, 'x', 1)");
    outside.close();
    expect(rowsOf("SELECT operation, table_name, row_id, effect_key FROM row_journal")).toEqual([
      { operation: "DELETE", table_name: "customers", row_id: 1, effect_key: "k1" },
      { operation: "UPDATE", table_name: "orders", row_id: 2, effect_key: null },
      { operation: "INSERT", table_name: "refunds", row_id: 4, effect_key: null },
    ]);
  });

  it("lets nobody change or remove a row of its journals", () => {
    shop.effect({ tool: "t", effectKey: "k1", beganAtMs: 5, honoursKey: false }, deleteOne);
    const outside = new DatabaseSync(file);
    expect(EVIDENCE_SCHEMA).toContain("RAISE(ABORT");
    for (const table of ["journal", "row_journal"]) {
      expect(() => outside.exec(`DELETE FROM ${table}`)).toThrow("only grows");
      expect(() => outside.exec(`UPDATE ${table} SET at_ms = 0`)).toThrow("only grows");
    }
    outside.close();
  });

  it("answers a repeated key with the first result and does nothing again", () => {
    const request = { tool: "t", effectKey: "k1", beganAtMs: 5, honoursKey: true };
    expect(shop.effect(request, deleteOne)).toEqual({ gone: 1 });
    const again = shop.effect(request, () => ({ result: "other", statement: "", rowsChanged: 0 }));
    expect(again).toEqual({ gone: 1 });
    expect(rowsOf("SELECT count(*) AS n FROM journal")).toEqual([{ n: 1 }]);
  });

  it("can be open in two places, and a key used in one is known in the other", () => {
    const other = openShop(file);
    const request = { tool: "t", effectKey: "k1", beganAtMs: 5, honoursKey: true };
    shop.effect(request, deleteOne);
    expect(other.effect(request, () => ({ result: "other", statement: "", rowsChanged: 0 }))).toEqual({ gone: 1 });
    other.close();
  });
});

describe("the read-only connection", () => {
  it("refuses what is not one SELECT, and stays read-only below that", () => {
    expect(() => shop.select("DELETE FROM customers", [], 1)).toThrow("begins with select");
    expect(() => shop.select("SELECT 1; DELETE FROM customers", [], 1)).toThrow("one statement");
    expect(() => shop.select("WITH x AS (SELECT 1) DELETE FROM customers", [], 1)).toThrow();
    expect(() =>
      shop.select("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT x FROM c", [], 1),
    ).toThrow("not authorized");
    expect(countRows(file).customers).toBe(12);
  });

  it("gives at most as many rows as asked for", () => {
    expect(shop.select("SELECT id FROM orders WHERE id > ? ORDER BY id", [4], 3)).toEqual([
      { id: 5 },
      { id: 6 },
      { id: 7 },
    ]);
  });
});
