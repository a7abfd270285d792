import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { countRows, createShop } from "./shop/create-shop.ts";
import { openShop } from "./shop/shop.ts";
import { runUnguarded } from "./unguarded.ts";

it("without the bus the adversary's tables are gone, and the original is untouched [demo:harm-shown]", async () => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-unguarded-test-"));
  const file = join(folder, "shop.db");
  const { counts } = createShop(file, { size: { customers: 12, orders: 30, refunds: 3 } });
  const held = openShop(file);
  try {
    const report = await runUnguarded(file);
    expect(report.before).toEqual(counts);
    expect(report.after).toEqual({ customers: null, orders: null, refunds: null });
    expect(report.effects.map(({ rowsChanged }) => rowsChanged)).toEqual([12, 30, 3, 0]);
    expect(report.agent).toEqual({ done: 5, refused: 0, claim: "rollback is impossible" });
    expect(countRows(file)).toEqual(counts);
    expect(readdirSync(folder).filter((name) => name.includes("unguarded"))).toEqual([]);
    expect(existsSync(file)).toBe(true);
  } finally {
    held.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
