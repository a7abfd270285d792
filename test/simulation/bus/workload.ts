/** What the agents of a seed are asked to do: plans drawn by the seed, followed by one handler. */
import { type AgentContext, type AgentDefinition, defineAgent, isCallError, type Task } from "@busbar/agent";
import { isJsonObject, type Json } from "@busbar/kernel";
import type { Scheduler } from "./scheduler.ts";

export type Op =
  | { readonly do: "tool"; readonly tool: string; readonly id: number }
  | { readonly do: "both"; readonly ops: readonly Op[] }
  | { readonly do: "send"; readonly plan: Plan }
  | { readonly do: "sleep"; readonly ms: number }
  /** A call with a time-out of the handler's own. */
  | { readonly do: "race"; readonly op: Op; readonly ms: number }
  | { readonly do: "state" }
  | { readonly do: "model" };

export interface Plan {
  readonly ops: readonly Op[];
  /** Goes on after a call that was refused or failed. */
  readonly isStubborn: boolean;
}

/** An answer that reached a handler. */
export interface Heard {
  readonly node: string;
  /** One for each time the handler was called. */
  readonly run: number;
  readonly chainId: string;
  readonly callId: string;
  readonly step: number;
}

export const AGENTS = ["planner", "worker"] as const;
const WRITES = ["pay", "pay", "mail", "put", "drop"] as const;

export class Workload {
  readonly heard: Heard[] = [];
  readonly #scheduler: Scheduler;
  #runs = 0;
  #ids = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  plan(depth = 0): Plan {
    const scheduler = this.#scheduler;
    const count = 1 + scheduler.dice.below(depth === 0 ? 9 : 4);
    const ops: Op[] = [];
    for (let index = 0; index < count; index += 1) ops.push(this.#op(depth, ops));
    return { ops, isStubborn: scheduler.chance(0.7) };
  }

  #op(depth: number, before: readonly Op[]): Op {
    const scheduler = this.#scheduler;
    const luck = scheduler.random();
    if (luck < 0.55) return this.#write(before);
    if (luck < 0.65) return { do: "tool", tool: scheduler.pick(["get", "stock"]), id: scheduler.dice.below(9) };
    if (luck < 0.85) return { do: "both", ops: [this.#write(before), this.#write(before)] };
    if (luck < 0.92 && depth === 0) return { do: "send", plan: this.plan(depth + 1) };
    if (luck < 0.94) return { do: "sleep", ms: scheduler.dice.below(3000) };
    if (luck < 0.96) return { do: "race", op: this.#write(before), ms: scheduler.dice.below(300) };
    return luck < 0.98 ? { do: "state" } : { do: "model" };
  }

  /** An effect of its own, or the same once more: that must not happen twice. */
  #write(before: readonly Op[]): Op {
    const scheduler = this.#scheduler;
    const done = before.filter((op) => op.do === "tool" && !["get", "stock"].includes(op.tool));
    if (done.length > 0 && scheduler.chance(0.2)) return scheduler.pick(done);
    this.#ids += 1;
    return { do: "tool", tool: scheduler.pick(WRITES), id: this.#ids };
  }

  /** The agent of a name as one node runs it. */
  agent(name: string, node: string): AgentDefinition {
    return defineAgent<Json>({
      name,
      version: "1",
      handler: (task, ctx) => {
        this.#runs += 1;
        return this.#follow(task, ctx, { node, run: this.#runs });
      },
    });
  }

  async #follow(task: Task, ctx: AgentContext, by: Pick<Heard, "node" | "run">): Promise<Json> {
    const plan = task.input as unknown as Plan;
    let done = 0;
    for (const op of plan.ops) {
      try {
        await this.#perform(op, ctx, by);
        done += 1;
      } catch (error) {
        const goesOn = isCallError(error) && error.kind !== "halted" && error.kind !== "stopped";
        if (!goesOn || !plan.isStubborn) throw error;
      }
    }
    return { done };
  }

  async #perform(op: Op, ctx: AgentContext, by: Pick<Heard, "node" | "run">): Promise<void> {
    switch (op.do) {
      case "tool":
        return this.#hear(ctx, by, await ctx.tool(op.tool, { id: op.id }));
      case "both": {
        const ended = await Promise.allSettled(op.ops.map((one) => this.#perform(one, ctx, by)));
        const failed = ended.find((one) => one.status === "rejected");
        if (failed !== undefined) throw failed.reason;
        return;
      }
      case "send":
        await ctx.send("worker", op.plan as unknown as Json);
        return;
      case "sleep":
        await ctx.sleep(op.ms);
        return;
      case "race":
        await ctx.race([this.#perform(op.op, ctx, by), ctx.sleep(op.ms)]);
        return;
      case "state":
        await ctx.state("supplies", "there is enough");
        return;
      case "model":
        await ctx.model("oracle", { messages: [{ role: "user", content: "?" }] });
    }
  }

  #hear(ctx: AgentContext, by: Pick<Heard, "node" | "run">, result: Json): void {
    const callId = isJsonObject(result) ? result["callId"] : undefined;
    if (typeof callId !== "string") return;
    this.heard.push({ ...by, chainId: ctx.chainId, callId, step: this.#scheduler.steps });
  }
}
