/**
 * The bench's tools. They work in memory, so that a chain costs what the bus costs; their schemas are checked like any
 * other tool's, arguments and results.
 */
import { defineTool, type ToolDefinition } from "@busbar/agent";

const STOCK = 1000;

/** Orders that a reservation or a note named last; bounded, so that a long run does not measure its own garbage. */
const reserved = new Map<string, number>();
const notes = new Map<string, string>();
const KEPT = 10_000;

function keep<T>(rows: Map<string, T>, key: string, value: T): void {
  rows.set(key, value);
  const oldest = rows.keys().next().value;
  if (rows.size > KEPT && oldest !== undefined) rows.delete(oldest);
}

const order = { type: "string", minLength: 1, maxLength: 100 };
const sku = { type: "string", minLength: 1, maxLength: 40 };

const stockRead = defineTool<{ readonly sku: string }>({
  name: "stock.read",
  description: "How many pieces of an article are in stock.",
  effect: "read",
  args: { type: "object", properties: { sku }, required: ["sku"], additionalProperties: false },
  result: {
    type: "object",
    properties: { sku, available: { type: "integer", minimum: 0 } },
    required: ["sku", "available"],
  },
  timeoutMs: 5000,
  run: (args) => ({ sku: args.sku, available: STOCK }),
});

const stockReserve = defineTool<{ readonly order: string; readonly sku: string; readonly quantity: number }>({
  name: "stock.reserve",
  description: "Reserves pieces of an article for an order.",
  effect: "write",
  args: {
    type: "object",
    properties: { order, sku, quantity: { type: "integer", minimum: 1 } },
    required: ["order", "sku", "quantity"],
    additionalProperties: false,
  },
  identity: ["order", "sku"],
  subject: ["sku"],
  result: { type: "object", properties: { reserved: { type: "integer" } }, required: ["reserved"] },
  timeoutMs: 5000,
  run: (args, { key }) => {
    keep(reserved, key, args.quantity);
    return { reserved: args.quantity };
  },
});

const noteWrite = defineTool<{ readonly order: string; readonly text: string }>({
  name: "note.write",
  description: "Writes a note on an order.",
  effect: "write",
  args: {
    type: "object",
    properties: { order, text: { type: "string", maxLength: 1000 } },
    required: ["order", "text"],
    additionalProperties: false,
  },
  result: { type: "object", properties: { length: { type: "integer" } }, required: ["length"] },
  timeoutMs: 5000,
  run: (args) => {
    keep(notes, args.order, args.text);
    return { length: args.text.length };
  },
});

export const tools = [stockRead, stockReserve, noteWrite] as unknown as readonly ToolDefinition[];
