/**
 * A process beside the bus that writes to the same database: moves small amounts, each in one transaction, until it is
 * told to stop. Arguments: file of the database, seed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ACCOUNTS, change, openAccounts, rowOf } from "./accounts.ts";
import { chance } from "./chance.ts";

const [file = "", seed = "1"] = process.argv.slice(2);
const database = openAccounts(file);
const random = chance(Number(seed));
let isStopped = false;
process.once("SIGTERM", () => (isStopped = true));

while (!isStopped) {
  const account = Math.floor(random() * ACCOUNTS);
  const seen = rowOf(database, account);
  const amount = 1 + Math.floor(random() * 5);
  const next = { a: seen.a - amount, b: seen.b + amount };
  change(database, { account, by: "clerk", seen, next }, (now) => now.version !== seen.version);
  await sleep(2 + random() * 6);
}
database.close();
