/**
 * `npm run bench -- profile [--write]`: where the time of a chain goes. All four processes run under V8's profiler at
 * c = 128 with page cache; self time by part of the program, per chain, and a flame graph of the gateway. Sampling costs
 * something itself, so its rates are not those of `npm run bench`.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startJvmKafka } from "@busbar/infra";
import { startBenchBus } from "./bus.ts";
import { type CpuProfile, flameOf, flameSvg, type Frame, selfByPart } from "./flame.ts";
import type { Window } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { runProgram } from "./programs.ts";
import { writeBetween } from "./page.ts";

const HERE = import.meta.dirname;
const GRAPH = resolve(HERE, "../../docs/images/flame-gateway.svg");
const MARKERS = ["<!-- profile:begin -->", "<!-- profile:end -->"] as const;
const PROCESSES = ["client", "gateway", "agent", "supervisor"] as const;
const CONCURRENCY = 128;
const WARM_UP_MS = 8000;
const MEASURED_MS = 10_000;
/** Parts that a table shows; the rest is one row. */
const SHOWN = 12;

type Flames = ReadonlyMap<string, Frame>;

const profiled = (folder: string, name: string): string => `--cpu-prof --cpu-prof-dir=${join(folder, name)}`;

function readFlame(folder: string, name: string): Frame {
  const file = readdirSync(join(folder, name)).find((one) => one.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error(`${name} left no profile`);
  return flameOf(JSON.parse(readFileSync(join(folder, name, file), "utf8")) as CpuProfile, MEASURED_MS);
}

async function takeProfiles(folder: string): Promise<readonly [Flames, Window]> {
  const broker = await startJvmKafka({ heap: "1g" });
  try {
    const nodeOptions = Object.fromEntries(PROCESSES.map((name) => [name, profiled(folder, name)]));
    const bus = await startBenchBus({
      brokers: broker.brokers,
      name: "profile",
      durability: "page-cache",
      nodeOptions,
    });
    let window: Window;
    try {
      const args = [CONCURRENCY, WARM_UP_MS, MEASURED_MS, "profile"].map(String);
      const env = { ...bus.env, NODE_OPTIONS: profiled(folder, "client") };
      window = await runProgram<Window>({ main: join(HERE, "client-main.ts"), args, env });
    } finally {
      await bus.stop();
    }
    return [new Map(PROCESSES.map((name) => [name, readFlame(folder, name)])), window];
  } finally {
    await broker.stop();
  }
}

const us = (value: number, chains: number): string => (value / chains).toFixed(0);

/** Rows are parts, the dearest first; columns are processes; figures are microseconds of a core per chain. */
function table(flames: Flames, chains: number): readonly string[] {
  const parts = new Map<string, Map<string, number>>();
  for (const [name, flame] of flames) {
    for (const [part, self] of selfByPart(flame)) {
      const row = parts.get(part) ?? new Map<string, number>();
      row.set(name, self);
      parts.set(part, row);
    }
  }
  const sum = (row: ReadonlyMap<string, number>): number => [...row.values()].reduce((all, one) => all + one, 0);
  const sorted = [...parts].toSorted((left, right) => sum(right[1]) - sum(left[1]));
  const cells = (title: string, row: ReadonlyMap<string, number>): string =>
    `| ${[title, us(sum(row), chains), ...PROCESSES.map((name) => us(row.get(name) ?? 0, chains))].join(" | ")} |`;
  const rest = new Map(
    PROCESSES.map((name) => [name, sorted.slice(SHOWN).reduce((all, [, row]) => all + (row.get(name) ?? 0), 0)]),
  );
  const total = new Map(PROCESSES.map((name) => [name, flames.get(name)?.totalUs ?? 0]));
  return [
    `| self time, µs of a core per chain | all | ${PROCESSES.join(" | ")} |`,
    `|---|${"---|".repeat(PROCESSES.length + 1)}`,
    ...sorted.slice(0, SHOWN).map(([part, row]) => cells(part, row)),
    cells("the rest", rest),
    cells("**sum**", total),
  ];
}

/** Takes the profiles and prints the table; `--write` also writes page and graph. */
export async function benchProfile(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { write: { type: "boolean", default: false } } });
  const folder = mkdtempSync(join(tmpdir(), "busbar-profile-"));
  try {
    const [flames, { count, perSecond }] = await takeProfiles(folder);
    const lines = [
      ...describeMachine().map((text) => `- ${text}`),
      `- ${count} chains in ${MEASURED_MS / 1000} s at c=${CONCURRENCY}, page cache, all four processes profiled: ${perSecond.toFixed(0)} chains/s. The broker is a process of its own and not in the table.`,
      "",
      ...table(flames, count),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
    if (!values.write) return;
    writeBetween(MARKERS, lines.join("\n"));
    mkdirSync(resolve(GRAPH, ".."), { recursive: true });
    const gateway = flames.get("gateway");
    if (gateway !== undefined) writeFileSync(GRAPH, flameSvg(gateway, `gateway, c=${CONCURRENCY}, page cache`));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
