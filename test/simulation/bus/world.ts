/**
 * The world outside the bus: tools that change it, and its own journal of what they did. A call is sent by its gateway
 * (an event of that node), lands (an event of the world, whatever has become of the node), and is answered.
 */
import { defineTool, type ToolDefinition } from "@busbar/agent";
import { isJsonObject, type Json } from "@busbar/kernel";
import type { ModelAnswer, ModelRun, Toolbox, ToolAnswer, ToolRun } from "@busbar/runtime";
import type { SimNode } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";

/** One call that reached a tool that changes something. */
export interface Landing {
  readonly tool: string;
  readonly key: string;
  readonly attempt: number;
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  readonly id: number;
  readonly gateway: string;
  readonly step: number;
  readonly atMs: number;
  /** `repeated`: a tool that honours keys had done it before, and did nothing. */
  readonly kind: "effect" | "repeated";
}

/** A call as it left its gateway, whatever became of it. */
export interface Handed {
  readonly callId: string;
  readonly attempt: number;
  readonly gateway: string;
  readonly step: number;
  readonly atMs: number;
}

export interface ToolWeather {
  /** Shares of calls that: */
  slow: number;
  lost: number;
  late: number;
  unanswered: number;
  failBefore: number;
  fail: number;
  invalid: number;
  /** Done, and the tool's adapter cannot tell. */
  unknown: number;
  throttled: number;
}

export const CALM: ToolWeather = {
  slow: 0,
  lost: 0,
  late: 0,
  unanswered: 0,
  failBefore: 0,
  fail: 0,
  invalid: 0,
  unknown: 0,
  throttled: 0,
};

const args = { type: "object", properties: { id: { type: "number" } }, required: ["id"] } as const;
const result = { type: "object" } as const;
/** From the queueing of an admission to its hand-over, of every tool. */
export const FIRE_BOUND_MS = 1000;
const common = { description: "", args, timeoutMs: 800, fireBoundMs: FIRE_BOUND_MS, run: (): Json => null };
/** Longer than any run: this world forgets no key. */
const KEY_LIFETIME_MS = 30 * 24 * 3600 * 1000;
const write = { ...common, effect: "write", result } as const;

/** Every kind of tool that the door tells apart. */
export const TOOLS: readonly ToolDefinition[] = [
  defineTool({ ...write, name: "pay", toolClass: "exact", keyLifetimeMs: KEY_LIFETIME_MS }),
  defineTool({ ...write, name: "mail" }),
  defineTool({ ...write, name: "put", readBack: { tool: "get", args: { id: "$args.id" }, expect: { there: true } } }),
  defineTool({ ...write, name: "drop", effect: "destructive" }),
  defineTool({ ...common, name: "get", effect: "read", volatile: true }),
  defineTool({ ...common, name: "stock", effect: "read" }),
].map((tool) => tool as unknown as ToolDefinition);

export const EXACT: ReadonlySet<string> = new Set(["pay"]);
export const READS: ReadonlySet<string> = new Set(["get", "stock"]);

export class World {
  readonly journal: Landing[] = [];
  readonly handed: Handed[] = [];
  weather: ToolWeather = CALM;
  /** Called when a gateway is about to send: after its check, before its first byte. */
  onSend: ((node: SimNode, run: ToolRun) => void) | null = null;
  readonly #scheduler: Scheduler;
  readonly #keys = new Set<string>();
  readonly #there = new Set<number>();
  readonly #underWay = new Map<string, number>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Tools and models as a gateway has them. */
  toolbox(node: SimNode): Toolbox {
    return { runTool: (run) => this.#call(node, run), askModel: (run) => this.#model(node, run) };
  }

  /** True while bytes of the call may still land. */
  isUnderWay(callId: string): boolean {
    return (this.#underWay.get(callId) ?? 0) > 0;
  }

  hasLanded(callId: string): boolean {
    return this.journal.some((landing) => landing.callId === callId);
  }

  #count(callId: string, change: number): void {
    this.#underWay.set(callId, (this.#underWay.get(callId) ?? 0) + change);
  }

  #call(node: SimNode, run: ToolRun): Promise<ToolAnswer> {
    const isWrite = !READS.has(run.tool);
    if (isWrite) {
      this.#count(run.callId, 1);
      const { steps: step, nowMs: atMs } = this.#scheduler;
      this.handed.push({ callId: run.callId, attempt: run.attempt, gateway: node.name, step, atMs });
    }
    this.onSend?.(node, run);
    return new Promise((resolve) => {
      node.later(this.#scheduler.between(0, 0.5), `send ${run.tool} ${run.callId} #${run.attempt}`, () => {
        this.#travel(node, run, resolve);
      });
    });
  }

  #travel(node: SimNode, run: ToolRun, resolve: (answer: ToolAnswer) => void): void {
    const scheduler = this.#scheduler;
    const { lost, slow, late } = this.weather;
    const luck = scheduler.random();
    if (luck < lost) return this.#end(run);
    const isLate = luck < lost + late;
    const isSlow = luck < lost + late + slow;
    const delayMs = isLate
      ? scheduler.between(2500, 20_000)
      : isSlow
        ? scheduler.between(300, 2500)
        : scheduler.between(2, 400);
    scheduler.schedule(delayMs, null, `${run.tool} ${run.callId} #${run.attempt} lands`, () => {
      const answer = this.#land(node, run);
      this.#end(run);
      if (scheduler.chance(this.weather.unanswered)) return;
      node.later(scheduler.between(1, 60), `${run.tool} ${run.callId} answers`, () => resolve(answer));
    });
  }

  #end(run: ToolRun): void {
    if (!READS.has(run.tool)) this.#count(run.callId, -1);
  }

  #land(node: SimNode, run: ToolRun): ToolAnswer {
    const id = idOf(run.args);
    if (run.tool === "get") return { kind: "result", result: { there: this.#there.has(id) } };
    if (run.tool === "stock") return { kind: "result", result: { id } };
    const luck = this.#scheduler.random();
    const { failBefore, fail, invalid, unknown, throttled } = this.weather;
    if (luck < failBefore) return { kind: "failed", reason: "not now", beforeEffect: true };
    if (luck < failBefore + fail) return { kind: "failed", reason: "it cannot be done", beforeEffect: false };
    if (luck < failBefore + fail + throttled) return { kind: "throttled", reason: "later", retryAfterMs: 300 };
    this.#write(node, run, id);
    if (luck > 1 - invalid - unknown && luck <= 1 - invalid) return { kind: "unknown", reason: "the line went dead" };
    if (luck > 1 - invalid) return { kind: "result", result: "what a result never is" };
    return { kind: "result", result: { callId: run.callId } };
  }

  #write(node: SimNode, run: ToolRun, id: number): void {
    const { tool, key, attempt, callId, chainId, agent } = run;
    const kind = EXACT.has(tool) && this.#keys.has(key) ? "repeated" : "effect";
    this.#keys.add(key);
    if (tool === "put") this.#there.add(id);
    const { steps: step, nowMs: atMs } = this.#scheduler;
    this.journal.push({ tool, key, attempt, callId, chainId, agent, id, gateway: node.name, step, atMs, kind });
  }

  #model(node: SimNode, _run: ModelRun): Promise<ModelAnswer> {
    const plain = { estimated: false, finishReason: "stop", problems: [] };
    const answer: ModelAnswer = {
      kind: "reply",
      response: { message: "yes" },
      inputTokens: 1,
      outputTokens: 1,
      ...plain,
    };
    return new Promise((resolve) => {
      node.later(this.#scheduler.between(5, 400), "the model answers", () => resolve(answer));
    });
  }
}

function idOf(value: Json): number {
  return isJsonObject(value) && typeof value["id"] === "number" ? value["id"] : -1;
}
