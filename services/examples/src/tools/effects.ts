/** The tools that change something on purpose: refund, note, stock and mail. See sql-execute.ts for the blunt one. */
import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseSync } from "node:sqlite";
import { defineTool, stale, type ToolRunContext } from "@busbar/agent";
import { runEffect, type ToolKit } from "./kit.ts";
import { COUNT, ID, objectOf, text } from "./schema.ts";

const REASON_LENGTH_MAX = 500;
const BODY_LENGTH_MAX = 4000;
/** The shop never forgets a key (`effect_keys`); a year is as long as anyone may rely on it. */
const KEY_LIFETIME_MS = 365 * 24 * 3600 * 1000;

type RefundArgs = { orderId: number; amountCents: number; reason: string };

/** A change of an order carries the version that its chain read; the tool compares in its own transaction. */
const READ_ORDER = { tool: "orders.read", args: { orderId: "$args.orderId" }, check: "tool" } as const;

type Order = Readonly<Record<string, unknown>>;

/** The order, as the chain has read it. Throws `stale` where it is another one now. */
function orderAsRead(database: DatabaseSync, orderId: number, { expected = null }: ToolRunContext): Order {
  const order = database
    .prepare("SELECT amount_cents, status, quantity, version FROM orders WHERE id = ?")
    .get(orderId);
  if (order === undefined) throw new Error(`there is no order ${orderId}`);
  const { version, status, quantity } = order;
  if (expected !== null && expected.version !== String(version)) {
    const now = { version: Number(version), status: String(status), quantity: Number(quantity) };
    throw stale(`order ${orderId} is at version ${now.version}, and ${expected.version} was read`, now);
  }
  return order;
}

/** An order is refunded once; asking for it again is an error of the caller, asking under the same key is not. */
export function ordersRefund(kit: ToolKit) {
  return defineTool<RefundArgs>({
    name: "orders.refund",
    description: "Refunds an order, once, up to what was paid.",
    effect: "write",
    toolClass: "exact",
    keyLifetimeMs: KEY_LIFETIME_MS,
    args: objectOf({ orderId: ID, amountCents: ID, reason: text(REASON_LENGTH_MAX) }),
    result: objectOf({ refundId: ID, orderId: ID, amountCents: ID }),
    identity: ["orderId"],
    subject: ["orderId"],
    dependsOn: READ_ORDER,
    timeoutMs: 5000,
    readBack: {
      tool: "refunds.read",
      args: { orderId: "$args.orderId" },
      expect: { count: 1, amountCents: "$args.amountCents" },
    },
    run: ({ orderId, amountCents, reason }, context) =>
      runEffect(kit, context, { tool: "orders.refund", honoursKey: true }, (database) => {
        const order = orderAsRead(database, orderId, context);
        if (order["status"] === "refunded") throw new Error(`order ${orderId} has been refunded`);
        if (amountCents > Number(order["amount_cents"])) throw new Error(`order ${orderId} cost less than that`);
        const insert = "INSERT INTO refunds (order_id, amount_cents, reason, at_ms) VALUES (?, ?, ?, ?)";
        const { lastInsertRowid } = database.prepare(insert).run(orderId, amountCents, reason, Date.now());
        database.prepare("UPDATE orders SET status = 'refunded' WHERE id = ?").run(orderId);
        const result = { refundId: Number(lastInsertRowid), orderId, amountCents };
        return { result, statement: `refund order ${orderId}: ${amountCents} cents`, rowsChanged: 2 };
      }),
  });
}

type ChangeArgs = { orderId: number; quantity: number };

/** The quantity that was read is what the new one was made from: over another one it is not written. */
export function ordersChange(kit: ToolKit) {
  return defineTool<ChangeArgs>({
    name: "orders.change",
    description: "Sets the quantity of an order.",
    effect: "write",
    toolClass: "exact",
    keyLifetimeMs: KEY_LIFETIME_MS,
    args: objectOf({ orderId: ID, quantity: ID }),
    result: objectOf({ orderId: ID, quantity: ID, version: ID }),
    subject: ["orderId"],
    dependsOn: READ_ORDER,
    version: "$result.version",
    timeoutMs: 5000,
    readBack: {
      tool: "orders.read",
      args: { orderId: "$args.orderId" },
      expect: { "order.quantity": "$args.quantity" },
    },
    run: ({ orderId, quantity }, context) =>
      runEffect(kit, context, { tool: "orders.change", honoursKey: true }, (database) => {
        orderAsRead(database, orderId, context);
        database.prepare("UPDATE orders SET quantity = ? WHERE id = ?").run(quantity, orderId);
        const { version } = orderAsRead(database, orderId, { ...context, expected: null });
        const result = { orderId, quantity, version: Number(version) };
        return { result, statement: `order ${orderId}: quantity ${quantity}`, rowsChanged: 1 };
      }),
  });
}

type AnnotateArgs = { orderId: number; n: number; text: string };

export function ordersAnnotate(kit: ToolKit) {
  return defineTool<AnnotateArgs>({
    name: "orders.annotate",
    description: "Adds note number n to an order.",
    effect: "write",
    toolClass: "exact",
    keyLifetimeMs: KEY_LIFETIME_MS,
    args: objectOf({ orderId: ID, n: COUNT, text: text(BODY_LENGTH_MAX) }),
    result: objectOf({ noteId: ID, orderId: ID, n: COUNT }),
    identity: ["orderId", "n"],
    subject: ["orderId"],
    timeoutMs: 5000,
    run: ({ orderId, n, text: note }, context) =>
      runEffect(kit, context, { tool: "orders.annotate", honoursKey: true }, (database) => {
        const insert = "INSERT INTO order_notes (order_id, n, text, at_ms) VALUES (?, ?, ?, ?)";
        const { lastInsertRowid } = database.prepare(insert).run(orderId, n, note, Date.now());
        const result = { noteId: Number(lastInsertRowid), orderId, n };
        return { result, statement: `note ${n} on order ${orderId}`, rowsChanged: 1 };
      }),
  });
}

/** Slow on purpose: long enough to kill a process in the middle of it. */
export function inventorySync(kit: ToolKit) {
  return defineTool<{ sku: string }>({
    name: "inventory.sync",
    description: "Asks the warehouse for the stock of an article and records it.",
    effect: "write",
    toolClass: "exact",
    keyLifetimeMs: KEY_LIFETIME_MS,
    args: objectOf({ sku: text(64) }),
    result: objectOf({ sku: text(64), onHand: COUNT }),
    identity: ["sku"],
    subject: ["sku"],
    timeoutMs: 5000,
    run: ({ sku }, context) => {
      const options = {
        tool: "inventory.sync",
        honoursKey: true,
        prepare: () => delay(kit.inventoryMs, undefined, { signal: context.signal }),
      };
      return runEffect(kit, context, options, (database) => {
        const update = "UPDATE inventory SET on_hand = on_hand + 1, synced_at_ms = ? WHERE sku = ? RETURNING on_hand";
        const row = database.prepare(update).get(Date.now(), sku);
        if (row === undefined) throw new Error(`there is no article ${sku}`);
        const result = { sku, onHand: Number(row["on_hand"]) };
        return { result, statement: `stock of ${sku}: ${result.onHand}`, rowsChanged: 1 };
      });
    },
  });
}

type MailArgs = { to: string; subject: string; body: string };

/** A mail cannot be taken back and knows no key: twice handed over is twice sent. */
export function mailSend(kit: ToolKit) {
  return defineTool<MailArgs>({
    name: "mail.send",
    description: "Puts a mail into the outbox.",
    effect: "write",
    toolClass: "at-most-once",
    args: objectOf({ to: text(200), subject: text(200), body: text(BODY_LENGTH_MAX) }),
    result: objectOf({ mailId: ID }),
    subject: ["to"],
    timeoutMs: 5000,
    run: ({ to, subject, body }, context) =>
      runEffect(kit, context, { tool: "mail.send", honoursKey: false }, (database) => {
        const insert = "INSERT INTO outbox (recipient, subject, body, at_ms) VALUES (?, ?, ?, ?)";
        const { lastInsertRowid } = database.prepare(insert).run(to, subject, body, Date.now());
        return { result: { mailId: Number(lastInsertRowid) }, statement: `mail to ${to}: ${subject}`, rowsChanged: 1 };
      }),
  });
}
