/** What is measured beside chains: halts under load, replay, and a broker that is killed under a writer. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { JvmKafka } from "@busbar/infra";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { startService } from "../harness/process.ts";
import type { BenchBus } from "./bus.ts";
import type { Window } from "./load.ts";
import { runProgram } from "./programs.ts";
import { spread } from "./report.ts";

const HERE = import.meta.dirname;

export interface MorePlan {
  /** How long orders to halt are given one after the other, ms. */
  readonly haltsMs: number;
  /** Records per second that another program writes to another topic of the same broker meanwhile. */
  readonly floodPerSecond: number;
  readonly kills: number;
}

interface Halts {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Pass {
  readonly records: number;
  readonly perSecond: number;
}

export interface More {
  readonly halts: Halts;
  readonly chainsBeside: Window;
  /** Decided and folded with all rules in force, without encoding and log; µs per event. */
  readonly decide: {
    readonly events: number;
    readonly medianMicros: number;
    readonly worstMicros: number;
    readonly rulesMicros: number;
  };
  readonly replay: { readonly raw: Pass; readonly table: Pass; readonly fold: Pass; readonly rssMb: number };
  /** From the start of the killed broker's next life to the first acknowledgement, ms. */
  readonly restartsMs: readonly number[];
}

/** Halts while chains run and the broker takes a flood of other records. */
async function measureHalts(bus: BenchBus, plan: MorePlan): Promise<Pick<More, "halts" | "chainsBeside">> {
  const flood = await startService({
    name: "flood",
    main: join(HERE, "floor-main.ts"),
    env: { ...bus.env, BENCH_ARGS: `flood ${plan.floodPerSecond} 0 0 ${bus.prefix}` },
  });
  try {
    const [halts, chainsBeside] = await Promise.all([
      runProgram<Halts>({ main: join(HERE, "halt-main.ts"), args: [String(plan.haltsMs)], env: bus.env }),
      runProgram<Window>({
        main: join(HERE, "client-main.ts"),
        args: ["4", "0", String(plan.haltsMs), "halts"],
        env: bus.env,
      }),
    ]);
    return { halts, chainsBeside };
  } finally {
    await flood.stop();
  }
}

const REPLAYED_MS = 5000;

/** Whatever the bus of the bench has on its log, and another few seconds of it. */
async function measureReplay(bus: BenchBus): Promise<More["replay"]> {
  const args = ["128", "0", String(REPLAYED_MS), "replay"];
  await runProgram<Window>({ main: join(HERE, "client-main.ts"), args, env: bus.env });
  return runProgram({ main: join(HERE, "replay-main.ts"), args: [], env: bus.env });
}

const RETRY_MS = 50;

/** One writer that appends all the time: the time from the start of the broker's next life to its first answer. */
async function measureRestart(broker: JvmKafka, topic: string): Promise<number> {
  const log = createKafkaEventLog({ brokers: broker.brokers, clientId: "bench-restart", appendDeadlineMs: 2000 });
  const publish = async (): Promise<boolean> => {
    const record = { key: "r", value: new Uint8Array(400), headers: {} };
    const [outcome] = await log.publish([{ topic, partition: 0, record }]);
    return outcome?.kind === "appended";
  };
  try {
    if (!(await publish())) throw new Error("the broker does not answer before it is killed");
    await broker.kill("SIGKILL");
    const beganMs = performance.now();
    const restarted = broker.restart();
    let answeredMs = 0;
    while (answeredMs === 0) {
      // Until then the topic's leader is unknown, and an append is answered as unknown or throws nothing at all.
      if (await publish().catch(() => false)) answeredMs = performance.now();
      else await sleep(RETRY_MS);
    }
    await restarted;
    return answeredMs - beganMs;
  } finally {
    await log.close();
  }
}

export async function measureMore(bus: BenchBus, plan: MorePlan): Promise<Omit<More, "restartsMs">> {
  const decide = await runProgram<More["decide"]>({ main: join(HERE, "decide-main.ts"), args: [], env: {} });
  return { ...(await measureHalts(bus, plan)), replay: await measureReplay(bus), decide };
}

/** Last of all: nothing of a bus outlives its broker unharmed enough to be measured. */
export async function measureRestarts(broker: JvmKafka, topic: string, kills: number): Promise<readonly number[]> {
  const all: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) all.push(await measureRestart(broker, topic));
  return all;
}

const thousands = (value: number): string => `${(value / 1000).toFixed(0)} k/s`;

/** One line each, with its N. */
export function moreFigures(more: More, plan: MorePlan): readonly string[] {
  const { halts, chainsBeside, replay, decide, restartsMs } = more;
  return [
    "| what | figure | N |",
    "|---|---|---|",
    `| halt: order sent to last acknowledgement read, ${thousands(plan.floodPerSecond)} of other records and ${chainsBeside.perSecond.toFixed(0)} chains/s beside | p50 ${halts.p50.toFixed(1)}, p99 ${halts.p99.toFixed(1)}, max ${halts.max.toFixed(1)} ms | ${halts.count} |`,
    `| replay, one thread: records read | ${thousands(replay.raw.perSecond)} | ${replay.raw.records} |`,
    `| replay: placed, decoded, kept in a table | ${thousands(replay.table.perSecond)} | ${replay.table.records} |`,
    `| replay: folded as an owner does, chain machine included | ${thousands(replay.fold.perSecond)}, ${replay.rssMb.toFixed(0)} MB RSS | ${replay.fold.records} |`,
    `| decision: a tool call and its outcome, all rules in force, without encoding and log | ${decide.medianMicros.toFixed(1)} µs an event (worst round ${decide.worstMicros.toFixed(1)}) | ${decide.events} |`,
    `| decision: the rules of a chain alone | ${decide.rulesMicros.toFixed(2)} µs an event | 200000 |`,
    `| broker killed with -9: start of its next life to the first acknowledgement | ${spread(restartsMs)} ms | ${restartsMs.length} |`,
  ];
}
