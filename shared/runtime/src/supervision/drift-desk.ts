/** Drift in stage 2 of a supervisor: decisions in, notices out. What is decided is in `@busbar/policy` (drift.ts). */
import type { EventBody, MessageOf } from "@busbar/events";
import { own } from "@busbar/kernel";
import {
  describeDrift,
  DRIFT_RULE,
  type DriftFinding,
  type DriftPolicy,
  type DriftState,
  NO_DRIFT,
  stepDrift,
} from "@busbar/policy";
import type { StageOptions } from "./stage-options.ts";

export type DriftDirective =
  | ({ readonly type: "DriftDetected" } & EventBody<"DriftDetected">)
  | ({ readonly type: "Halt" } & EventBody<"Halt">);

export interface DriftDeskOptions extends Pick<StageOptions, "metrics" | "logger" | "name"> {
  readonly policy: () => DriftPolicy;
  /** By key; part of the stage's checkpoint. */
  readonly drifts: () => Record<string, DriftState>;
  readonly publish: (directive: DriftDirective, key: string, cause: string) => void;
}

export class DriftDesk {
  readonly #options: DriftDeskOptions;

  constructor(options: DriftDeskOptions) {
    this.#options = options;
  }

  take({ key, counts, meta, atMs }: MessageOf<"DecisionReport">): void {
    const { drifts, policy, metrics } = this.#options;
    const told = Object.fromEntries(counts.map(({ decision, count }) => [decision, count]));
    const before = own(drifts(), key) ?? NO_DRIFT;
    const [after, finding] = stepDrift(before, told, policy());
    if (after === NO_DRIFT) delete drifts()[key];
    else drifts()[key] = after;
    if (after.compared !== before.compared) metrics.drift.set({ key }, after.index);
    if (finding !== null) this.#tell(key, finding, meta.eventId, atMs);
  }

  #tell(key: string, finding: DriftFinding, cause: string, atMs: number): void {
    const { policy, publish, name, metrics, logger } = this.#options;
    const [rule, by, reason] = [DRIFT_RULE, `supervisor:${name}`, describeDrift(finding)];
    metrics.driftFound.inc({ key });
    logger.warn({ key, cause, index: finding.index, limit: finding.limit }, `drift: ${reason}`);
    const { before, after } = finding;
    const sizes = { before, after, indexMilli: milli(finding.index), limitMilli: milli(finding.limit) };
    const moved = finding.moved.map((one) => {
      return { decision: one.decision, beforeMilli: milli(one.before), afterMilli: milli(one.after) };
    });
    publish({ type: "DriftDetected", key, rule, cause, ...sizes, moved, atMs, reason, by }, key, cause);
    if (policy().action !== "halt") return;
    const halt = { scope: key, reason: `it decides otherwise than it used to; ${reason}`, by, rule, cause };
    publish({ type: "Halt", ...halt }, key, cause);
  }
}

/** Records hold no fractions. */
const milli = (value: number): number => Math.round(value * 1000);
