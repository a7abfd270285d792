/** The figures as text: medians with their range over the repeats, each beside what it is to be read against. */
import type { Window } from "./load.ts";

/** CPU time used by each process in a measured window, ms per chain. */
export type CpuPerChain = Readonly<Record<string, number>>;

export interface Sample extends Window {
  readonly setting: Setting;
  /** `chain`, or a row of the floor. */
  readonly what: Row;
  readonly concurrency: number;
  readonly cpu?: CpuPerChain;
}

export type Setting = "page cache" | "flush.messages=1";
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
  ];
  return `| ${cells.join(" | ")} |`;
}

const HEAD = [
  "| what | setting | c | per second | p50 ms | p99 ms | max ms | N |",
  "|---|---|---|---|---|---|---|---|",
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

/** CPU time per chain by process, median over the repeats; for the windows in which it was told. */
export function cpuFigures(samples: readonly Sample[]): readonly string[] {
  const told = samples.filter((sample) => sample.cpu !== undefined);
  const names = [...new Set(told.flatMap(({ cpu }) => Object.keys(cpu ?? {})))];
  if (names.length === 0) return [];
  const rows = [...Map.groupBy(told, keyOf).values()].map((group) => {
    const [first] = group;
    const cells = names.map((name) => figure(median(group.map(({ cpu }) => cpu?.[name] ?? 0))));
    return `| ${first?.setting ?? ""} | ${first?.concurrency ?? ""} | ${cells.join(" | ")} |`;
  });
  return [`| CPU ms per chain | c | ${names.join(" | ")} |`, `|---|---|${names.map(() => "---").join("|")}|`, ...rows];
}
