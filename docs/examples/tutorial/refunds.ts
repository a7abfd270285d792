/** The tool of the tutorial: refunds in a SQLite file, each named by the key of its effect. */
import { DatabaseSync } from "node:sqlite";
import { defineTool } from "@busbar/agent";

const pay = defineTool<{ readonly orderId: number }>({
  name: "refunds.pay",
  description: "Pays an order back.",
  effect: "write",
  // It stores the key with the refund, so that the same effect, fired again after a crash, changes nothing.
  toolClass: "exact",
  keyLifetimeMs: 365 * 24 * 3600 * 1000,
  identity: ["orderId"],
  args: {
    type: "object",
    properties: { orderId: { type: "integer", minimum: 1 } },
    required: ["orderId"],
    additionalProperties: false,
  },
  result: { type: "object", properties: { refund: { type: "integer", minimum: 1 } }, required: ["refund"] },
  timeoutMs: 2000,
  run({ orderId }, { key }) {
    const database = new DatabaseSync(process.env["REFUNDS_DB"] ?? "refunds.db");
    try {
      database.exec("CREATE TABLE IF NOT EXISTS refunds (id INTEGER PRIMARY KEY, key TEXT UNIQUE, order_id INTEGER)");
      database.prepare("INSERT INTO refunds (key, order_id) VALUES (?, ?) ON CONFLICT DO NOTHING").run(key, orderId);
      const row = database.prepare("SELECT id FROM refunds WHERE key = ?").get(key);
      return { refund: Number(row?.["id"]) };
    } finally {
      database.close();
    }
  },
});

export const tools = [pay];
