/**
 * `npm run bench`: how fast a chain is, and how much of that is the log. A real Kafka is started for it; client, agent,
 * gateway and supervisor are processes of their own. Beside each figure of the bus stands the raw floor of the same run.
 *
 *   npm run bench               3 repeats, both settings, about 4 minutes
 *   npm run bench -- --quick    one short window each, for a look whether it works; its figures say little
 *   npm run bench -- takeover   how long a killed gateway's partitions are not served (takeover.ts)
 *   npm run bench -- profile    where the time goes: self time by part, flame graph (profile.ts)
 *   npm run bench -- --write    also writes docs/benchmarks.md, between its markers, where the machine was quiet
 *
 * Repeats are interleaved: each goes through every setting before the next begins, so that a busy quarter of an hour
 * touches all rows. It is no test: it passes and fails on results of chains only, never on a time.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Durability, type JvmKafka, startJvmCluster, startJvmKafka } from "@busbar/infra";
import { startService } from "../harness/process.ts";
import { type BenchBus, startBenchBus } from "./bus.ts";
import { cpuBetween, sampleCpu } from "./cpu.ts";
import type { Window } from "./load.ts";
import { describeMachine, loadNow } from "./machine.ts";
import { measureMore, measureRestarts, type More, moreFigures, type MorePlan } from "./more.ts";
import { writeBetween } from "./page.ts";
import { benchProfile } from "./profile.ts";
import { runProgram } from "./programs.ts";
import { cpuFigures, figures, othersShare, type Row, type Sample, type Setting } from "./report.ts";
import { benchTakeover } from "./takeover.ts";

const HERE = import.meta.dirname;
const CLIENT = join(HERE, "client-main.ts");
const FLOOR = join(HERE, "floor-main.ts");
/** Share of the machine that others may take in a run that is published. */
const BUSY_SHARE = 0.15;
/** Open at once in the first seconds of a fresh bus, so that its code is compiled before anything counts. */
const WARM_UP_CHAINS = 64;
const MARKERS = ["<!-- bench:begin -->", "<!-- bench:end -->"] as const;

type Settings = readonly (readonly [Setting, Durability])[];

interface Plan {
  readonly more: MorePlan;
  readonly repeats: number;
  readonly settings: Settings;
  /** On three brokers, two of which acknowledge. */
  readonly replicated: Settings;
  readonly concurrencies: readonly number[];
  /** Before the first window of a fresh bus, ms. */
  readonly firstMs: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  readonly floorMs: number;
}

const SETTINGS: Settings = [
  ["page cache", "page-cache"],
  ["flush.messages=1", "disk"],
];
const FULL: Plan = {
  more: { haltsMs: 20_000, floodPerSecond: 20_000, kills: 5 },
  repeats: 3,
  settings: SETTINGS,
  replicated: [["three replicas", "page-cache"]],
  concurrencies: [1, 16, 128, 512],
  firstMs: 8000,
  warmUpMs: 1000,
  measuredMs: 5000,
  floorMs: 2000,
};
const QUICK: Plan = {
  ...FULL,
  more: { haltsMs: 1000, floodPerSecond: 20_000, kills: 1 },
  concurrencies: [1, 16, 128],
  repeats: 1,
  settings: SETTINGS.slice(0, 1),
  replicated: [],
  firstMs: 300,
  warmUpMs: 200,
  measuredMs: 1000,
  floorMs: 500,
};

const NOT_MEASURED = [
  "Not measured: brokers on several machines or over a network, the schema registry on the path (built-in ids are",
  "used), large payloads, models, sub-tasks, runs longer than a window, agents and gateways of more than one process.",
];

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);

interface Brokers {
  readonly brokers: readonly string[];
  readonly pids: readonly number[];
}

/** Where a measurement stands: what every window of it needs. */
interface Stand {
  readonly plan: Plan;
  readonly bus: BenchBus;
  readonly brokers: Brokers;
  readonly setting: Setting;
  readonly repeat: number;
  readonly samples: Sample[];
}

const line = ({ perSecond, p50, p99 }: Window): string =>
  `${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} ms`;

async function measureChains(
  stand: Stand,
  concurrency: number,
  ms: { readonly warmUpMs: number; readonly measuredMs: number },
): Promise<Sample> {
  const { bus, brokers, setting, repeat } = stand;
  const services = bus.processes.map(({ name, pid }) => [name, [pid]] as const);
  const samples: ReturnType<typeof sampleCpu>[] = [];
  const onEdge = (client: number): void =>
    void samples.push(sampleCpu(new Map([["client", [client]], ...services, ["broker", brokers.pids]])));
  const args = [concurrency, ms.warmUpMs, ms.measuredMs, `${setting}/${repeat}/${concurrency}/${ms.measuredMs}`].map(
    String,
  );
  const window = await runProgram<Window>({ main: CLIENT, args, env: bus.env, onEdge });
  return { ...window, what: "chain", setting, concurrency, cpu: cpuBetween(samples[0], samples[1]) };
}

async function measureFloor(stand: Stand, what: Row, mode: string, concurrency: number): Promise<void> {
  const { bus, plan, setting, samples } = stand;
  const args = [mode, concurrency, plan.warmUpMs, plan.floorMs, bus.prefix].map(String);
  const window = await runProgram<Window>({ main: FLOOR, args, env: bus.env });
  say(`${setting}, repeat ${stand.repeat}: floor ${mode} c=${concurrency}: ${line(window)}`);
  samples.push({ ...window, what, setting, concurrency, cpu: null });
}

async function measureRoundTrips(stand: Stand): Promise<void> {
  const { BUSBAR_BROKERS = "" } = stand.bus.env;
  const echo = await startService({
    name: "echo",
    main: FLOOR,
    env: { BUSBAR_BROKERS, BENCH_ARGS: `echo 1 0 0 ${stand.bus.prefix}` },
  });
  try {
    await measureFloor(stand, "round trip", "ping", 1);
  } finally {
    await echo.stop();
  }
}

async function measureSetting(stand: Stand): Promise<void> {
  const { plan, bus, setting, repeat, samples } = stand;
  try {
    await measureChains(stand, WARM_UP_CHAINS, { warmUpMs: 0, measuredMs: plan.firstMs });
    for (const concurrency of plan.concurrencies) {
      const sample = await measureChains(stand, concurrency, plan);
      say(`${setting}, repeat ${repeat}: chains c=${concurrency}: ${line(sample)}`);
      samples.push(sample);
    }
  } catch (error) {
    const lines = bus.processes.flatMap((one) => one.lines().map((text) => `${one.name}: ${text}`));
    for (const text of lines) say(text);
    throw error;
  }
}

async function measureFloors(stand: Stand): Promise<void> {
  await measureFloor(stand, "append", "append", 1);
  if (stand.setting === "page cache") await measureRoundTrips(stand);
  for (const concurrency of stand.plan.concurrencies) await measureFloor(stand, "journal", "journal", concurrency);
}

/** A fresh bus for each repeat of each setting: what an earlier window left behind slows no later one. */
async function runPlan(plan: Plan, settings: Settings, brokers: Brokers): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let repeat = 1; repeat <= plan.repeats; repeat += 1) {
    for (const [setting, durability] of settings) {
      const bus = await startBenchBus({ brokers: brokers.brokers, name: `bench-${repeat}-${durability}`, durability });
      const stand = { plan, bus, brokers, setting, repeat, samples };
      try {
        await measureSetting(stand);
      } finally {
        await bus.stop();
      }
      await measureFloors(stand);
    }
  }
  return samples;
}

/** On a bus of its own, and last, since it ends with the death of the broker. */
async function runMore(plan: Plan, broker: JvmKafka): Promise<Omit<More, "restartsMs">> {
  const bus = await startBenchBus({ brokers: broker.brokers, name: "bench-more", durability: "page-cache" });
  const { more } = plan;
  try {
    say("halts under load, replay");
    return await measureMore(bus, more);
  } finally {
    await bus.stop();
  }
}

/** Three brokers on this machine's cores, when the one is gone. */
async function runReplicated(plan: Plan): Promise<readonly Sample[]> {
  if (plan.replicated.length === 0) return [];
  const cluster = await startJvmCluster({ nodes: 3, heap: "512m", onProgress: say });
  try {
    const { brokers, nodes } = cluster;
    return await runPlan(plan, plan.replicated, { brokers, pids: nodes.map(({ pid }) => pid) });
  } finally {
    await cluster.stop();
  }
}

async function runAll(plan: Plan, broker: JvmKafka): Promise<readonly [readonly Sample[], More]> {
  const samples = await runPlan(plan, plan.settings, { brokers: broker.brokers, pids: [broker.pid] });
  const more = await runMore(plan, broker);
  say("kills of the broker");
  return [samples, { ...more, restartsMs: await measureRestarts(broker, "bench-more.floor", plan.more.kills) }];
}

function render(plan: Plan, more: More, samples: readonly Sample[], load: readonly [number, number]): string {
  const { repeats, measuredMs, floorMs } = plan;
  const cpu = cpuFigures(samples);
  return [
    ...describeMachine().map((text) => `- ${text}`),
    `- Load average of the machine before and after: ${load[0].toFixed(1)} and ${load[1].toFixed(1)}.`,
    `- ${repeats} repeat(s), interleaved; windows of ${measuredMs / 1000} s (floor ${floorMs / 1000} s) after a warm-up; \`median [lowest-highest]\` over the repeats; N is what all repeats counted.`,
    "",
    ...figures(samples),
    ...(cpu.length > 0 ? ["", ...cpu] : []),
    "",
    ...moreFigures(more, plan.more),
    "",
    ...NOT_MEASURED,
  ].join("\n");
}

/** A page of figures that another program's work made is worse than none. */
function writeIfQuiet(text: string, others: number): void {
  if (others <= BUSY_SHARE) return writeBetween(MARKERS, text);
  say(`not written: other programs took ${(others * 100).toFixed(0)} % of the machine; run it again when it is quiet`);
  process.exitCode = 1;
}

async function benchChains(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
  });
  const plan = values.quick ? QUICK : FULL;
  // The broker and every child notice that this process is gone; an interrupt needs no more than its end.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const loadBefore = loadNow();
  const broker = await startJvmKafka({ heap: "1g", onProgress: say });
  try {
    const [single, more] = await runAll(plan, broker);
    await broker.stop();
    const samples = [...single, ...(await runReplicated(plan))];
    const text = render(plan, more, samples, [loadBefore, loadNow()]);
    process.stdout.write(`${text}\n`);
    if (values.write) writeIfQuiet(text, othersShare(samples));
  } finally {
    await broker.stop();
  }
}

const [what, ...args] = process.argv.slice(2);
if (what === "takeover") await benchTakeover(args);
else if (what === "profile") await benchProfile(args);
else await benchChains(process.argv.slice(2));
