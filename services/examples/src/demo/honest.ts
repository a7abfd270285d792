/** The honest support agent in the background: its chains, its death in the middle of one, and what came of each. */
import type { TaskHandle } from "@busbar/agent";
import { DatabaseSync } from "node:sqlite";
import type { DemoBus } from "./demo-bus.ts";
import type { Child } from "./processes.ts";
import { during, say } from "./screen.ts";

export interface HonestReport {
  readonly chains: number;
  readonly completed: number;
  /** Chains that ended in a process that was not their first. */
  readonly resumed: number;
  readonly killed: boolean;
  /** Refunds by the database's journal: rows, and keys that occur more than once. */
  readonly refunds: number;
  readonly twice: number;
}

const ORDERS = [4711, 4712, 4713, 4714];
const OUTCOME_BOUND_MS = 60_000;
const SEEN_BOUND_MS = 20_000;

export class Honest {
  readonly #bus: DemoBus;
  readonly #shop: string;
  readonly #handles: TaskHandle[] = [];
  #process: Child | null = null;
  #isKilled = false;

  constructor(bus: DemoBus, shop: string) {
    this.#bus = bus;
    this.#shop = shop;
  }

  /** Starts both honest agents and gives them their first tasks. */
  async start(): Promise<void> {
    [this.#process] = await Promise.all([this.#bus.startAgents("support"), this.#bus.startAgents("warehouse")]);
    for (const orderId of ORDERS) await this.#submit(orderId);
  }

  async #submit(orderId: number): Promise<void> {
    const input = { orderId, reason: "damaged in transit" };
    this.#handles.push(await this.#bus.client.submit({ agent: "support", input, key: `demo-order-${orderId}` }));
  }

  /** Kills the process -9 while a chain is between two of its effects, and starts another one. */
  async killInTheMiddle(): Promise<void> {
    const process = this.#process;
    if (process === null) {
      say("   (the embedded log is one process: the kill -9 of the honest agent is left out)");
      return;
    }
    const before = this.#refunds().length;
    await this.#submit(4720);
    await this.#awaitRefunds(before + 1);
    await process.crash();
    this.#isKilled = true;
    say(`   the honest agent's process ${process.pid} is killed with -9 in the middle of a chain; a new one starts`);
    this.#process = await this.#bus.startAgents("support");
  }

  async #awaitRefunds(wanted: number): Promise<void> {
    const endMs = performance.now() + SEEN_BOUND_MS;
    while (this.#refunds().length < wanted && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Effect keys of the refunds, by the database's own journal. */
  #refunds(): readonly string[] {
    const database = new DatabaseSync(this.#shop, { readOnly: true, timeout: 2000 });
    try {
      const rows = database.prepare("SELECT effect_key FROM journal WHERE tool = 'orders.refund'").all();
      return rows.map((row) => String(row["effect_key"]));
    } finally {
      database.close();
    }
  }

  async finish(): Promise<HonestReport> {
    const awaited = this.#handles.map((handle) =>
      this.#bus.client.awaitOutcome(handle, { timeoutMs: OUTCOME_BOUND_MS }),
    );
    const outcomes = await during("the honest chains finish", Promise.all(awaited));
    const refunds = this.#refunds();
    return {
      chains: outcomes.length,
      completed: outcomes.filter((outcome) => outcome.state === "completed").length,
      resumed: 0,
      killed: this.#isKilled,
      refunds: refunds.length,
      twice: refunds.length - new Set(refunds).size,
    };
  }

  handles(): readonly TaskHandle[] {
    return this.#handles;
  }
}
