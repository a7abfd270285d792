/** A traced chain as lines for a person. Pure; what comes from the log is made printable by the table. */
import { type Column, cut, plain, renderTable } from "../table.ts";
import type { ChainTrace, TraceItem, TraceStep } from "./trace.ts";

interface Line {
  readonly tree: string;
  readonly call: string;
  readonly at: string;
  readonly outcome: string;
}

const ASKED_LENGTH = 60;
const FACT_LENGTH = 120;
const COLUMNS: readonly Column<Line>[] = [
  { title: "step", value: ({ tree }) => tree },
  { title: "call", value: ({ call }) => call },
  { title: "evidence", value: ({ at }) => at },
  { title: "outcome", value: ({ outcome }) => outcome },
];

const SAID: Readonly<Record<TraceStep["kind"], (name: string) => string>> = {
  tool: (name) => name,
  model: (name) => `asks ${name}`,
  task: (name) => `→ ${name}`,
  statement: (name) => `claims ${name}`,
  timer: () => "waits",
  handoff: () => "asks a person",
  report: () => "says how sure it is",
};

/** `2/o5-o9`: the partition and the first and last record. */
export function placeOf(evidence: readonly string[]): string {
  const parts = evidence.map((id) => id.split("/"));
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined || first.length < 3) return evidence[0] ?? "";
  return first[2] === last[2] ? `${first[1]}/o${first[2]}` : `${first[1]}/o${first[2]}-o${last[2]}`;
}

function outcomeOf(step: TraceStep): string {
  const { outcome, reason, attempts, durationMs, check } = step;
  const tries = attempts > 1 ? ` at attempt ${attempts}` : "";
  const time = durationMs > 0 ? ` in ${durationMs} ms` : "";
  if (check !== null) return `${outcome}: ${check.source} ${cut(check.fact, FACT_LENGTH)}`;
  return `${outcome}${tries}${time}${reason === "" ? "" : `; ${reason}`}`;
}

function stepLine(step: TraceStep, tree: string): Line {
  const asked = step.asked === "" || step.asked === "{}" ? "" : ` ${cut(step.asked, ASKED_LENGTH)}`;
  const call = `${SAID[step.kind](step.name)}${asked}`;
  return { tree: `${tree}${step.step}`, call, at: placeOf(step.evidence), outcome: outcomeOf(step) };
}

function itemLines(item: TraceItem, prefix: string, isLast: boolean): readonly Line[] {
  const branch = `${prefix}${isLast ? "└─ " : "├─ "}`;
  if (item.note !== undefined) {
    return [
      { tree: `${branch}!`, call: item.note.kind, at: placeOf(item.note.evidence.slice(-1)), outcome: item.note.text },
    ];
  }
  const line = stepLine(item.step, branch);
  const { child } = item.step;
  if (child === null) return [line];
  return [
    { ...line, call: `${line.call} (chain ${child.chainId})` },
    ...chainLines(child, `${prefix}${isLast ? "   " : "│  "}`),
  ];
}

function chainLines(chain: ChainTrace, prefix: string): readonly Line[] {
  return chain.items.flatMap((item, index) => itemLines(item, prefix, index === chain.items.length - 1));
}

/** The chain as a whole, its steps as a table, and how it ended. */
export function renderTrace(chain: ChainTrace, width: number | null): string {
  const { chainId, agent, state, partition, events, incarnations, deferred, input, output, startedAtMs, lastAtMs } =
    chain;
  const again = incarnations > 1 ? `, incarnation ${incarnations}` : "";
  const sentAgain = deferred === 0 ? "" : `, ${deferred} command${deferred === 1 ? "" : "s"} sent again`;
  const time =
    lastAtMs - startedAtMs < 1000
      ? `${lastAtMs - startedAtMs} ms`
      : `${((lastAtMs - startedAtMs) / 1000).toFixed(1)} s`;
  const head = `chain ${chainId}: agent ${plain(agent)}, ${state}, partition ${partition}, ${events} events in ${time}${again}${sentAgain}`;
  const end =
    state === "completed" || state === "failed"
      ? [`${state === "completed" ? "output" : "why"}: ${cut(plain(output), 400)}`]
      : [];
  const lines = chainLines(chain, "");
  const steps = lines.length === 0 ? "no steps yet" : renderTable(lines, COLUMNS, { width });
  return [head, `input: ${cut(plain(input), 400)}`, steps, ...end].join("\n");
}
