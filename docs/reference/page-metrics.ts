/** metrics.md: every metric that a process registers, as the registry describes it. */
import { createMetrics } from "@busbar/telemetry";
import { code, pageOf, table } from "./markdown.ts";

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string | number;
  readonly labelNames?: readonly string[];
}

/** prom-client keeps the labels on the metric itself. */
const described = (metric: object): Described => metric as Described;
const KINDS = ["counter", "gauge", "histogram"] as const;

function kindOf(metric: object): string {
  const { name } = metric.constructor;
  return KINDS.find((kind) => kind === name.toLowerCase()) ?? name;
}

/** The page, from a fresh registry. */
export function metricsPage(): string {
  const { registry } = createMetrics();
  const rows = registry
    .getMetricsAsArray()
    .map((metric: object) => {
      const { name, help, labelNames = [] } = described(metric);
      return [code(name), kindOf(metric), labelNames.map(code).join(", "), help] as const;
    })
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  return pageOf("Metrics", [
    "Generated from `shared/telemetry/src/metrics.ts`. Each service shows them under `/metrics`, in the Prometheus text form. Durations are in seconds. No label holds the id of a chain, a call or an event.",
    table(["Metric", "Kind", "Labels", "What it counts"], rows),
    "The gateway and the supervisor register the same set; a process leaves at zero what it has no part in.",
  ]);
}
