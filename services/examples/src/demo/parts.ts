/** The three runs of the adversary, each shown with what it did to the database. */
import type { TaskHandle } from "@busbar/agent";
import type { BusEvent, MessageOf } from "@busbar/events";
import { isJsonObject, parseJson, type Json } from "@busbar/kernel";
import { countRows, type ShopCounts } from "../shop/create-shop.ts";
import { runUnguarded } from "../unguarded.ts";
import type { DemoBus } from "./demo-bus.ts";
import { type Acknowledgement, order, orderAndAwait } from "./orders.ts";
import { eventsOf } from "./records.ts";
import { bold, chapter, dim, during, green, red, say } from "./screen.ts";

const shown = (count: number | null): string => (count === null ? "GONE" : String(count));
const counts = ({ customers, orders }: ShopCounts): string => `customers ${shown(customers)}, orders ${shown(orders)}`;

/** Part one: the harm, on a scratch copy. */
export async function withoutTheBus(shop: string): Promise<ShopCounts> {
  chapter("1. Without the bus, on a scratch copy of the database");
  const report = await runUnguarded(shop);
  for (const { statement, rowsChanged } of report.effects) say(`   ${statement} ${dim(`(${rowsChanged} rows)`)}`);
  say(`   before: ${counts(report.before)}   after: ${red(counts(report.after))}`);
  say(`   the agent says: "${report.agent.claim}"`);
  return report.after;
}

export interface FrozenReport {
  readonly handle: TaskHandle;
  readonly refusals: number;
  readonly haltedBy: string;
  readonly claim: string;
  readonly fact: string;
}

const HALT_BOUND_MS = 20_000;

/** Part two: the same agent under a freeze. */
export async function underAFreeze(bus: DemoBus, shop: string): Promise<FrozenReport> {
  chapter("2. On the bus, with a freeze of destructive effects");
  const reason = "code freeze until Monday";
  const body = {
    freezeId: "demo-freeze",
    scope: "fleet",
    effects: ["destructive"],
    fromMs: 0,
    untilMs: 0,
    reason,
    by: "operator:demo",
  };
  await orderAndAwait(bus, "Freeze", "demo-freeze", body);
  say(`   freeze in force on all ${bus.partitions} partitions: ${reason}`);
  await bus.startAgents("cleaner");
  const handle = await bus.client.submit({ agent: "cleaner", input: null, key: "demo-cleaner" });
  await during("the adversary runs", bus.client.awaitOutcome(handle, { timeoutMs: HALT_BOUND_MS }));
  const checked = await awaitChecked(bus, handle);
  const events = await eventsOf(bus, handle.chainId, handle.partition);
  const refusals = events.filter((event) => event.type === "EffectRefused" && event.code === "BUSBAR_FREEZE_ACTIVE");
  for (const refusal of refusals) sayRefusal(refusal);
  const halted = events.find((event) => event.type === "ChainHalted");
  const haltedBy = halted?.type === "ChainHalted" ? halted.reason : "not halted";
  say(`   chain halted: ${bold(haltedBy)}`);
  say(`   database: ${green(counts(countRows(shop)))}`);
  const claim = checked?.statement ?? "(no statement)";
  const fact = checked === null ? "(not checked)" : factText(parseJson(checked.fact));
  say(`   the agent says: "${claim}"   the fact: ${green(fact)}`);
  await order(bus, "Unfreeze", "demo-freeze", {
    freezeId: "demo-freeze",
    reason: "the demo goes on",
    by: "operator:demo",
  });
  return { handle, refusals: refusals.length, haltedBy, claim, fact };
}

function sayRefusal(event: BusEvent): void {
  if (event.type !== "EffectRefused") return;
  const args = parseJson(event.args);
  const sql = isJsonObject(args) && typeof args["sql"] === "string" ? args["sql"] : event.args;
  say(`   ${red("refused")} ${event.tool} ${sql} ${dim(`(${event.code})`)}`);
}

function factText(fact: Json | undefined): string {
  if (!isJsonObject(fact) || fact["found"] !== true) return "no backup found";
  const rows = typeof fact["rows"] === "number" ? fact["rows"] : 0;
  return `backup found, ${rows} rows`;
}

const CHECK_BOUND_MS = 10_000;

/** The agent states its claim after it was halted; the gateway asks who knows, and records both. */
async function awaitChecked(bus: DemoBus, handle: TaskHandle): Promise<MessageOf<"StatementChecked"> | null> {
  const endMs = performance.now() + CHECK_BOUND_MS;
  while (performance.now() < endMs) {
    const found = (await eventsOf(bus, handle.chainId, handle.partition)).find(
      (event) => event.type === "StatementChecked",
    );
    if (found?.type === "StatementChecked") return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return null;
}

export interface HaltedReport {
  readonly handles: readonly TaskHandle[];
  readonly acknowledgements: readonly Acknowledgement[];
  readonly effectsBefore: number;
}

const LOOPERS = 6;
const RUNNING_BOUND_MS = 20_000;
/** How long the halted agent may go on trying, so that there is something to count. */
const DEFIANCE_MS = 1500;

/** Part three: a person halts a loop that ignores everything. */
export async function haltedByAPerson(bus: DemoBus, effects: () => number): Promise<HaltedReport> {
  chapter("3. On the bus, halted by a person in mid-run");
  await bus.startAgents("looper");
  const before = effects();
  const submissions = Array.from({ length: LOOPERS }, (_, index) => {
    return bus.client.submit({ agent: "looper", input: { defiance: 1000 }, key: `demo-looper-${index}` });
  });
  const handles = await Promise.all(submissions);
  await during("the loop gets going", awaitEffects(effects, before + 60));
  const body = { scope: "agent:looper", reason: "it loops", by: "operator:demo", rule: "operator", cause: "" };
  const acknowledgements = await during("acknowledgements", orderAndAwait(bus, "Halt", "agent:looper", body));
  for (const { partition, afterMs, inFlight, abandoned } of acknowledgements) {
    say(
      `   partition ${partition}: halt acknowledged after ${afterMs.toFixed(0)} ms; in flight ${inFlight}, abandoned ${abandoned}`,
    );
  }
  await during("the agent goes on trying", new Promise((resolve) => setTimeout(resolve, DEFIANCE_MS)));
  return { handles, acknowledgements, effectsBefore: before };
}

async function awaitEffects(effects: () => number, wanted: number): Promise<void> {
  const endMs = performance.now() + RUNNING_BOUND_MS;
  while (effects() < wanted && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20));
}
