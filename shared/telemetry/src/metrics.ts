/**
 * Metrics: names in one tree (Prometheus conventions: base units, `_total` for counters), one registry per process.
 * No id of a chain, call or event is ever a label.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export const METRICS = {
  decisions: "busbar_door_decisions_total",
  door: "busbar_door_state",
  appendSeconds: "busbar_append_duration_seconds",
  appendsLost: "busbar_appends_unknown_total",
  claims: "busbar_partition_claims_total",
  toolSeconds: "busbar_tool_call_duration_seconds",
  modelSeconds: "busbar_model_call_duration_seconds",
  queue: "busbar_queue_inputs",
  openChains: "busbar_open_chains",
  deadLetters: "busbar_dead_letters_total",
  voids: "busbar_void_records_total",
  halts: "busbar_halts_acknowledged_total",
  breaker: "busbar_breaker_state",
  trips: "busbar_breaker_trips_total",
  flow: "busbar_flow_level",
  flowOpen: "busbar_flow_open_chains",
  flowWaiting: "busbar_flow_waiting_chains",
  flowLag: "busbar_flow_lag_seconds",
  drift: "busbar_drift_index",
  driftFound: "busbar_drift_detected_total",
  guardActs: "busbar_guard_acts_total",
  defects: "busbar_rule_disagreements_total",
  lag: "busbar_consumer_lag_records",
} as const;

/** Seconds; the buckets of the GenAI conventions for durations. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96];

export interface Metrics {
  readonly registry: Registry;
  readonly decisions: Counter<"type">;
  readonly door: Gauge<"partition" | "state">;
  readonly appendSeconds: Histogram<string>;
  readonly appendsLost: Counter<string>;
  readonly claims: Counter<string>;
  readonly toolSeconds: Histogram<"tool" | "outcome">;
  readonly modelSeconds: Histogram<"model" | "outcome">;
  readonly queue: Gauge<"partition">;
  readonly openChains: Gauge<"partition">;
  readonly deadLetters: Counter<"code">;
  readonly voids: Counter<string>;
  readonly halts: Counter<string>;
  readonly breaker: Gauge<"key" | "state">;
  readonly trips: Counter<"key" | "rule">;
  readonly flow: Gauge<"key" | "level">;
  readonly flowOpen: Gauge<"key">;
  readonly flowWaiting: Gauge<"key">;
  readonly flowLag: Gauge<"key">;
  readonly drift: Gauge<"key">;
  readonly driftFound: Counter<"key">;
  readonly guardActs: Counter<"guard">;
  readonly defects: Counter<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, labelNames: [...labelNames], buckets: SECONDS, registers });
  return {
    registry,
    decisions: counter(METRICS.decisions, "Events that the door appended, by type", ["type"]),
    door: gauge(METRICS.door, "1 for the state the door of a partition is in", ["partition", "state"]),
    appendSeconds: histogram(METRICS.appendSeconds, "Time from an append to its acknowledgement"),
    appendsLost: counter(METRICS.appendsLost, "Appends whose fate was unknown: memory dropped, claimed again"),
    claims: counter(METRICS.claims, "Claims appended"),
    toolSeconds: histogram(METRICS.toolSeconds, "Tool calls", ["tool", "outcome"]),
    modelSeconds: histogram(METRICS.modelSeconds, "Model calls", ["model", "outcome"]),
    queue: gauge(METRICS.queue, "Inputs waiting for a turn", ["partition"]),
    openChains: gauge(METRICS.openChains, "Chains that are not finished", ["partition"]),
    deadLetters: counter(METRICS.deadLetters, "Records put aside", ["code"]),
    voids: counter(METRICS.voids, "Records in an owned partition that do not count"),
    halts: counter(METRICS.halts, "Halts acknowledged"),
    breaker: gauge(METRICS.breaker, "1 for the state a breaker is in", ["key", "state"]),
    trips: counter(METRICS.trips, "Breaker openings", ["key", "rule"]),
    flow: gauge(METRICS.flow, "1 for the level that flow control has ordered for new tasks of a key", ["key", "level"]),
    flowOpen: gauge(METRICS.flowOpen, "Open chains of an agent or a partition, as reported", ["key"]),
    flowWaiting: gauge(METRICS.flowWaiting, "Open chains that their agent has not begun, as reported", ["key"]),
    flowLag: gauge(METRICS.flowLag, "Age of the oldest chain that was not begun, as reported", ["key"]),
    drift: gauge(METRICS.drift, "Population stability index of an agent's last window of decisions", ["key"]),
    driftFound: counter(METRICS.driftFound, "Windows in which an agent decided otherwise than before", ["key"]),
    guardActs: counter(METRICS.guardActs, "Records that show a guard acting, by guard", ["guard"]),
    defects: counter(METRICS.defects, "Trips on which door and supervisor disagree"),
  };
}
