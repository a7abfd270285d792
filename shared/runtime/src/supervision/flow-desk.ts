/** Flow control in stage 2 of a supervisor: load in, orders out. What is decided is in `@busbar/policy` (flow.ts). */
import type { AppliedDirective, EventBody, MessageOf } from "@busbar/events";
import { own } from "@busbar/kernel";
import {
  directiveBody,
  FLOWING,
  type FlowInput,
  type FlowLevel,
  type FlowOrder,
  type FlowPolicy,
  type FlowState,
  isIdle,
  stepFlow,
  totalsOf,
} from "@busbar/policy";
import type { StageOptions } from "./stage-options.ts";

export interface FlowDeskOptions extends Pick<StageOptions, "metrics" | "logger" | "name"> {
  readonly policy: () => FlowPolicy;
  /** Whether the reports about a key come to this partition of the signals: about others it has nothing to say. */
  readonly isOwn: (key: string) => boolean;
  /** By key; part of the stage's checkpoint. */
  readonly flows: () => Record<string, FlowState>;
  /** `id` tells the order from others about its key. */
  readonly publish: (order: FlowDirective, id: string) => void;
}

export type FlowDirective =
  | ({ readonly type: "Throttle" } & EventBody<"Throttle">)
  | ({ readonly type: "Unthrottle" } & EventBody<"Unthrottle">);

export class FlowDesk {
  readonly #options: FlowDeskOptions;

  constructor(options: FlowDeskOptions) {
    this.#options = options;
  }

  /** `offset`: of the report among the signals. */
  take({ key, open, waiting, oldestAtMs, sourcePartition, atMs, meta }: MessageOf<"LoadReport">, offset: bigint): void {
    const load = { open, waiting, oldestAtMs, offset: Number(offset) };
    this.#step(key, { kind: "load", source: sourcePartition, atMs, evidence: meta.eventId, ...load });
  }

  tick(atMs: number): void {
    for (const key of Object.keys(this.#options.flows())) this.#step(key, { kind: "tick", atMs });
  }

  /** What stands on the directives: a person's word, or an order of a supervisor, this one included. */
  see(directive: AppliedDirective): void {
    if (directive.kind !== "Throttle" && directive.kind !== "Unthrottle") return;
    const body = directiveBody(directive);
    const [by, sinceMs, level, through] = [body["by"], body["sinceMs"], body["level"], Number(body["through"])];
    if (typeof by !== "string" || typeof sinceMs !== "number" || !this.#options.isOwn(directive.id)) return;
    if (!by.startsWith("supervisor")) {
      return this.#step(directive.id, { kind: directive.kind === "Throttle" ? "set" : "lifted" });
    }
    const now: FlowLevel = level === "throttled" || level === "paused" ? level : "flowing";
    this.#step(directive.id, {
      kind: "ordered",
      level: now,
      sinceMs,
      through: Number.isSafeInteger(through) ? through : 0,
    });
  }

  #step(key: string, input: FlowInput): void {
    const { flows, policy } = this.#options;
    const before = own(flows(), key) ?? FLOWING;
    const [after, orders] = stepFlow(key, before, input, policy());
    if (isIdle(after)) delete flows()[key];
    else flows()[key] = after;
    this.#observe(key, before, after);
    for (const order of orders) this.#publish(order);
  }

  #publish({ type, key, rule, cause, reason, level, sinceMs, through }: FlowOrder): void {
    const { publish, policy, name, logger } = this.#options;
    const { intervalMs, retryAfterMs } = policy();
    const common = { key, cause, reason, sinceMs, through: String(through), by: `supervisor:${name}` };
    const id = `${through}/${level}`;
    logger.info({ key, cause, level }, `flow control: ${reason}`);
    if (type === "Unthrottle") return publish({ type, ...common }, id);
    if (level !== "flowing") publish({ type, ...common, level, rule, intervalMs, retryAfterMs }, id);
  }

  #observe(key: string, before: FlowState, after: FlowState): void {
    const { metrics } = this.#options;
    const { open, waiting, lagMs } = totalsOf(after);
    metrics.flowOpen.set({ key }, open);
    metrics.flowWaiting.set({ key }, waiting);
    metrics.flowLag.set({ key }, lagMs / 1000);
    if (before.level === after.level) return;
    metrics.flow.set({ key, level: before.level }, 0);
    metrics.flow.set({ key, level: after.level }, 1);
  }
}
