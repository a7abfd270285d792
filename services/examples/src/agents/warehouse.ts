/** The third agent: takes a sub-task about an article, brings the stock up to date and reads it back. */
import { defineAgent } from "@busbar/agent";

type WarehouseInput = { readonly sku: string };
type WarehouseOutput = { readonly sku: string; readonly onHand: number; readonly isConfirmed: boolean };
type StockRow = { readonly onHand: number };

export const warehouse = defineAgent<WarehouseInput, WarehouseOutput>({
  name: "warehouse",
  version: "1.0.0",
  description: "Brings the stock of an article up to date and reads it back.",
  async handler(task, ctx) {
    const { sku } = task.input;
    const synced = await ctx.tool<StockRow>("inventory.sync", { sku });
    const sql = "SELECT on_hand AS onHand FROM inventory WHERE sku = ?";
    const read = await ctx.tool<{ readonly rows: readonly StockRow[] }>("sql.read", { sql, params: [sku] });
    return { sku, onHand: synced.onHand, isConfirmed: read.rows[0]?.onHand === synced.onHand };
  },
});
