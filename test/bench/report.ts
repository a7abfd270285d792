/** The figures as text: medians with their range over the repeats, each beside what it is to be read against. */
import type { CpuUse } from "./cpu.ts";
import type { Window } from "./load.ts";

export interface Sample extends Window {
  readonly setting: Setting;
  /** `chain`, or a row of the floor. */
  readonly what: Row;
  readonly concurrency: number;
  /** Where the system tells it, for chains. */
  readonly cpu: CpuUse | null;
}

export type Setting = "page cache" | "flush.messages=1" | "three replicas";
export type Row = "chain" | "append" | "journal" | "round trip";

const TITLES: Readonly<Record<Row, string>> = {
  chain: "**Busbar chain**",
  append: "floor: one append",
  journal: "floor: 5 appends in a row",
  "round trip": "floor: there and back",
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? 0;
  const high = sorted[Math.floor(middle)] ?? 0;
  return (low + high) / 2;
}

const figure = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** `median [lowest-highest]`; without a range for a single value. */
export function spread(values: readonly number[]): string {
  if (values.length < 2) return figure(median(values));
  return `${figure(median(values))} [${figure(Math.min(...values))}-${figure(Math.max(...values))}]`;
}

function rowOf(samples: readonly Sample[]): string {
  const [first] = samples;
  if (first === undefined) return "";
  const column = (pick: (sample: Sample) => number): string => spread(samples.map(pick));
  const counted = samples.reduce((sum, { count }) => sum + count, 0);
  const cells = [
    TITLES[first.what],
    first.setting,
    String(first.concurrency),
    column(({ perSecond }) => perSecond),
    column(({ p50 }) => p50),
    column(({ p99 }) => p99),
    column(({ max }) => max),
    String(counted),
    told(samples).length === 0 ? "" : `${(othersShare(samples) * 100).toFixed(0)} %`,
  ];
  return `| ${cells.join(" | ")} |`;
}

const HEAD = [
  "| what | setting | c | per second | p50 ms | p99 ms | max ms | N | CPU to others |",
  "|---|---|---|---|---|---|---|---|---|",
];

const keyOf = ({ what, setting, concurrency }: Sample): string => `${what} ${setting} ${concurrency}`;

/** One row for each kind of window, in the order of their first sample. */
export function figures(samples: readonly Sample[]): readonly string[] {
  const groups = [...Map.groupBy(samples, keyOf).values()];
  const sorted = groups.toSorted((left, right) => orderOf(left[0]) - orderOf(right[0]));
  return [...HEAD, ...sorted.map(rowOf)];
}

const ORDER: readonly Row[] = ["chain", "append", "round trip", "journal"];
const orderOf = (sample: Sample | undefined): number => (sample === undefined ? 0 : ORDER.indexOf(sample.what));

const told = (samples: readonly Sample[]): readonly CpuUse[] =>
  samples.flatMap(({ cpu }) => (cpu === null ? [] : [cpu]));

/** Share of the machine that went to processes that are not the bench's, median; 0 where nobody tells. */
export const othersShare = (samples: readonly Sample[]): number => median(told(samples).map(({ others }) => others));

/** CPU time per chain by process, median over the repeats; for the windows in which it was told. */
export function cpuFigures(samples: readonly Sample[]): readonly string[] {
  const names = [...new Set(told(samples).flatMap(({ used }) => Object.keys(used)))];
  if (names.length === 0) return [];
  const groups = Map.groupBy(
    samples.filter(({ cpu, count }) => cpu !== null && count > 0),
    keyOf,
  );
  const rows = [...groups.values()].map((group) => {
    const perChain = (name: string): number => median(group.map(({ cpu, count }) => (cpu?.used[name] ?? 0) / count));
    const cells = names.map((name) => figure(perChain(name)));
    return `| ${group[0]?.setting ?? ""} | ${group[0]?.concurrency ?? ""} | ${cells.join(" | ")} |`;
  });
  return [`| CPU ms per chain | c | ${names.join(" | ")} |`, `|---|---|${names.map(() => "---").join("|")}|`, ...rows];
}
