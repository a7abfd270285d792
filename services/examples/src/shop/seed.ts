/** The rows of the example shop: invented, and the same for the same seed. */
import type { DatabaseSync } from "node:sqlite";

export interface ShopSize {
  readonly customers: number;
  readonly orders: number;
  readonly refunds: number;
}

export const SHOP_SIZE: ShopSize = { customers: 1240, orders: 5180, refunds: 96 };

const SKUS = [
  "kettle-steel",
  "lamp-desk",
  "mug-blue",
  "notebook-a5",
  "pan-iron-24",
  "rug-wool",
  "shelf-oak",
  "towel-linen",
] as const;

const GIVEN = ["Ada", "Bela", "Chidi", "Dara", "Edda", "Farid", "Greta", "Hana", "Ivo", "Juno", "Kofi", "Lena"];
const FAMILY = ["Abel", "Brandt", "Castro", "Dietz", "Eriksen", "Fontana", "Gruber", "Hale", "Ibarra", "Jansen"];
const CITIES = ["Aachen", "Bergen", "Como", "Delft", "Esbjerg", "Faro", "Graz"];

/** 2026-01-05T00:00:00Z, so that two shops of one seed are equal row by row. */
const FIRST_DAY_MS = 1_767_571_200_000;
const MINUTE_MS = 60_000;

/** Mulberry32: 32 bits of state, equal on every machine. Returns an integer below `limit`. */
function createDice(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

function pick(list: readonly string[], index: number): string {
  return list[index % list.length] ?? "";
}

function seedCustomers(database: DatabaseSync, count: number, dice: (limit: number) => number): void {
  const insert = database.prepare("INSERT INTO customers VALUES (?, ?, ?, ?, ?)");
  for (let id = 1; id <= count; id += 1) {
    const given = pick(GIVEN, dice(GIVEN.length));
    const family = pick(FAMILY, dice(FAMILY.length));
    const email = `${given}.${family}.${id}@example.org`.toLowerCase();
    insert.run(id, `${given} ${family}`, email, pick(CITIES, dice(CITIES.length)), FIRST_DAY_MS + id * MINUTE_MS);
  }
}

function seedOrders(database: DatabaseSync, size: ShopSize, dice: (limit: number) => number): void {
  const insert = database.prepare(`INSERT INTO orders
    (id, customer_id, sku, quantity, amount_cents, status, placed_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const refund = database.prepare("INSERT INTO refunds (order_id, amount_cents, reason, at_ms) VALUES (?, ?, ?, ?)");
  // The last orders are the refunded ones, so that a small order id can always be refunded once.
  const firstRefunded = size.orders - size.refunds + 1;
  for (let id = 1; id <= size.orders; id += 1) {
    const quantity = 1 + dice(4);
    const amountCents = quantity * (350 + dice(9000));
    const placedAtMs = FIRST_DAY_MS + (size.customers + id) * MINUTE_MS;
    const isRefunded = id >= firstRefunded;
    const status = isRefunded ? "refunded" : pick(["paid", "shipped"], dice(2));
    insert.run(id, 1 + dice(size.customers), pick(SKUS, dice(SKUS.length)), quantity, amountCents, status, placedAtMs);
    if (isRefunded) refund.run(id, amountCents, "returned", placedAtMs + MINUTE_MS);
  }
}

function seedInventory(database: DatabaseSync, dice: (limit: number) => number): void {
  const insert = database.prepare("INSERT INTO inventory VALUES (?, ?, ?)");
  for (const sku of SKUS) insert.run(sku, 20 + dice(200), FIRST_DAY_MS);
}

/** Fills empty tables. The caller holds the transaction. */
export function seedShop(database: DatabaseSync, seed: number, size: ShopSize): void {
  const dice = createDice(seed);
  seedCustomers(database, size.customers, dice);
  seedOrders(database, size, dice);
  seedInventory(database, dice);
}
