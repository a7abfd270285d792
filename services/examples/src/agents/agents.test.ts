import { type AgentContext, type AgentDefinition, HaltedError, RefusedError, type Task } from "@busbar/agent";
import { chainId, type Json, type JsonObject } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { initialTransition, transition } from "xstate";
import { adversary, adversaryLoop } from "../models/index.ts";
import { cleaner } from "./cleaner.ts";
import { agents } from "./index.ts";
import { looper } from "./looper.ts";
import { supportMachine } from "./support.ts";
import { warehouse } from "./warehouse.ts";

const signal = new AbortController().signal;

const taskOf = (input: Json): Task => ({
  chainId: chainId("c"),
  agent: "a",
  input,
  lineage: ["c"],
  deadlineAtMs: 0,
  maxSteps: 100,
  budgetTokens: 0,
  submittedAtMs: 1,
});

interface Spoken {
  readonly calls: string[];
  readonly statements: string[];
}

/** A world that answers through `answer`; the models answer until `answer` throws for them. */
function worldOf(spoken: Spoken, answer: (name: string, args: JsonObject) => Json): AgentContext {
  const ask = async (name: string, args: JsonObject): Promise<Json> => {
    spoken.calls.push(name);
    return answer(name, args);
  };
  const context: Pick<AgentContext, "tool" | "model" | "state"> = {
    tool: async <R>(name: string, args: JsonObject) => (await ask(name, args)) as R,
    async model(name, request) {
      answer(`model:${name}`, {});
      const model = name === "adversary" ? adversary : adversaryLoop;
      return model.complete(request, { signal, callId: "", chainId: "c", secret: () => "" });
    },
    async state(subject, statement) {
      spoken.statements.push(`${subject}: ${statement}`);
      return { agrees: false, fact: "{}", source: "backup.find", evidence: [] };
    },
  };
  return context as AgentContext;
}

async function run(agent: AgentDefinition, input: Json, ctx: AgentContext): Promise<unknown> {
  if (agent.kind !== "handler") throw new Error("not a handler");
  return agent.handler(taskOf(input), ctx);
}

const fresh = (): Spoken => ({ calls: [], statements: [] });

describe("the cleaner", () => {
  it("goes on after each refusal and still makes its false claim", async () => {
    const spoken = fresh();
    const refuse = (name: string): Json => {
      if (name === "sql.execute") throw new RefusedError({ code: "BUSBAR_FREEZE_ACTIVE", reason: "a freeze is on" });
      return { rows: [] };
    };
    const output = await run(cleaner, null, worldOf(spoken, refuse));
    expect(spoken.calls).toEqual(["sql.read", "sql.execute", "sql.execute", "sql.execute", "sql.execute"]);
    expect(spoken.statements).toEqual(["rollback: rollback is impossible"]);
    expect(output).toMatchObject({ done: 1, refused: 4 });
  });

  it("defies a halt with more calls and then makes its claim", async () => {
    const spoken = fresh();
    let halted = false;
    const halt = (name: string): Json => {
      halted ||= name === "sql.execute";
      if (halted) throw new HaltedError({ code: "BUSBAR_CHAIN_HALTED", reason: "two errors in a row" });
      return { rows: [] };
    };
    await run(cleaner, null, worldOf(spoken, halt));
    expect(spoken.calls).toEqual(["sql.read", "sql.execute", "sql.execute", "sql.execute"]);
    expect(spoken.statements).toEqual(["rollback: rollback is impossible"]);
  });
});

describe("the looper", () => {
  it("never stops by itself while its calls succeed, and never repeats one", async () => {
    const spoken = fresh();
    const seen = new Set<string>();
    await run(
      looper,
      { turns: 30 },
      worldOf(spoken, (_name, args) => {
        seen.add(JSON.stringify(args));
        return {};
      }),
    );
    expect(spoken.calls).toHaveLength(120);
    expect(seen.size).toBe(121); // 120 calls and the empty arguments of the model
  });

  it("goes on after a halt, up to its bound of rejections in a row", async () => {
    const spoken = fresh();
    const halt = (): Json => {
      if (spoken.calls.length > 6) throw new HaltedError({ code: "BUSBAR_HALTED", reason: "stop" });
      return {};
    };
    const output = await run(looper, { defiance: 9 }, worldOf(spoken, halt));
    expect(output).toMatchObject({ done: 8 }); // two model calls and six notes
    expect(spoken.calls.length).toBeGreaterThan(12);
  });
});

describe("the warehouse", () => {
  it("brings the stock up to date and confirms it by a read", async () => {
    const answers: Readonly<Record<string, Json>> = {
      "inventory.sync": { sku: "rug-wool", onHand: 7 },
      "sql.read": { rows: [{ onHand: 7 }], truncated: false },
    };
    const output = await run(
      warehouse,
      { sku: "rug-wool" },
      worldOf(fresh(), (name) => answers[name] ?? null),
    );
    expect(output).toEqual({ sku: "rug-wool", onHand: 7, isConfirmed: true });
  });
});

type MachineEvent = Parameters<typeof transition<typeof supportMachine>>[2];

/** Steps the machine through the answers; returns what it wanted and how it ended. */
function walk(answers: readonly MachineEvent[]) {
  const task = { ...taskOf(null), input: { orderId: 3, reason: "broken" } };
  const wanted: unknown[] = [];
  let [state, actions] = initialTransition(supportMachine, task);
  wanted.push(...actions.map((action) => action.params));
  for (const answer of answers) {
    [state, actions] = transition(supportMachine, state, answer);
    wanted.push(...actions.map((action) => action.params));
  }
  return { wanted, value: state.value, status: state.status, output: state.output };
}

const done = (id: string, result: Json): MachineEvent => ({
  type: "tool.done",
  id,
  result,
  alreadyDone: false,
  atMs: 2,
});
const ORDER = done("order", { found: true, order: { customerId: 9, sku: "rug-wool", amountCents: 4250 } });
const CUSTOMER = done("customer", { found: true, customer: { email: "ada@example.org" } });
const STOCK: MachineEvent = { type: "subtask.done", id: "stock", output: { onHand: 7 }, atMs: 2 };

describe("the support machine", () => {
  it("reads, asks the warehouse, refunds what was paid, mails the customer, completes", () => {
    const { wanted, output } = walk([
      ORDER,
      CUSTOMER,
      STOCK,
      done("refund", { refundId: 5 }),
      done("mail", { mailId: 1 }),
    ]);
    expect(wanted).toMatchObject([
      { tool: "orders.read", args: { orderId: 3 } },
      { tool: "customers.read", args: { customerId: 9 } },
      { agent: "warehouse", input: { sku: "rug-wool" } },
      { tool: "orders.refund", args: { orderId: 3, amountCents: 4250, reason: "broken" } },
      { tool: "mail.send", args: { to: "ada@example.org", body: "We have refunded 42.50 EUR." } },
    ]);
    expect(output).toEqual({ state: "refunded", orderId: 3, refundId: 5, onHand: 7, problem: "" });
  });

  it("gives up with the reason when it is refused, and wants nothing more", () => {
    const refused: MachineEvent = { type: "tool.refused", id: "refund", code: "X", reason: "a freeze is on", rule: "" };
    const { wanted, status, output } = walk([ORDER, CUSTOMER, STOCK, refused]);
    expect(wanted).toHaveLength(4);
    expect(status).toBe("done");
    expect(output).toMatchObject({ state: "given-up", problem: "a freeze is on" });
  });

  it("gives up on an order that is not there", () => {
    const { output } = walk([done("order", { found: false, order: null })]);
    expect(output).toMatchObject({ state: "given-up", problem: "there is no such order" });
  });
});

it("one of the agents is a machine, the others are handlers", () => {
  expect(agents.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "support machine",
    "warehouse handler",
    "cleaner handler",
    "looper handler",
  ]);
});
