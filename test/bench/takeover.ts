/**
 * `npm run bench -- takeover [--rounds n] [--events n]`: how long the partitions of a gateway that was killed are not
 * served, over n kills on a fresh bus, and again with n events in one partition. From the signal to the last claim, and
 * to the last open door; memory of the gateway that took over. It passes and fails on no time.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startJvmKafka } from "@busbar/infra";
import { type Bus, openBus } from "../harness/bus.ts";
import type { ServiceProcess } from "../harness/process.ts";
import { fillPartition } from "./fill.ts";
import { describeMachine, loadNow } from "./machine.ts";

/** What is deployed by default. */
const SESSION_MS = 6000;
const MIB = 1024;

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);

interface Takeover {
  readonly partitions: number;
  readonly claimedMs: number;
  readonly servedMs: number;
  /** Resident memory of the successor then, and at most so far, MiB. */
  readonly rssMib: number;
  readonly peakMib: number;
}

const partitionsOf = (bus: Bus, owner: string): readonly number[] =>
  [...Array(bus.partitions).keys()].filter((one) => bus.watch.door(one).owner === owner);

function memoryMib(pid: number, field: "VmRSS" | "VmHWM"): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(found?.[1] ?? 0) / MIB);
}

/** Every gateway owns something, and every door is open. */
async function settled(bus: Bus, gateways: readonly ServiceProcess[]): Promise<void> {
  const isShared = (): boolean => gateways.every(({ name }) => partitionsOf(bus, name).length > 0);
  await bus.watch.until(isShared, "every gateway owns partitions", 120_000);
  await bus.doorsOpen();
}

async function takeOver(bus: Bus, victim: ServiceProcess, successor: ServiceProcess): Promise<Takeover> {
  const owned = partitionsOf(bus, victim.name);
  const startMs = performance.now();
  await victim.kill();
  const isClaimed = (): boolean => owned.every((one) => bus.watch.door(one).owner === successor.name);
  await bus.watch.until(isClaimed, "the successor claims", 120_000);
  const claimedMs = performance.now() - startMs;
  const isServed = (): boolean => owned.every((one) => bus.watch.door(one).state === "open");
  await bus.watch.until(isServed, "the successor opens", 120_000);
  const servedMs = performance.now() - startMs;
  const [rssMib, peakMib] = [memoryMib(successor.pid, "VmRSS"), memoryMib(successor.pid, "VmHWM")];
  return { partitions: owned.length, claimedMs, servedMs, rssMib, peakMib };
}

/** It was not the heartbeats that brought it about: what both said last is all that can tell why. */
function tellWhy(gateways: readonly ServiceProcess[]): void {
  for (const { name, lines } of gateways) say(`${name} said last:\n${lines().join("\n")}`);
}

async function measure(brokers: readonly string[], rounds: number, events: number): Promise<readonly Takeover[]> {
  const env = { BUSBAR_SESSION_MS: String(SESSION_MS) };
  const bus = await openBus({ brokers, name: "takeover", env, isOpen: true });
  const found: Takeover[] = [];
  try {
    await bus.supervisor("s1");
    let first = await bus.gateway("g0");
    await settled(bus, [first]);
    if (events > 0) {
      await first.stop();
      const { log, codec, topics, partitions: partitionCount } = bus;
      const filled = { log, codec, topics, partition: 0, partitionCount, agent: "courier", tool: "orders.annotate" };
      say(`${await fillPartition({ ...filled, events })} events in partition 0`);
      first = await bus.gateway("g0b");
    }
    for (let round = 1; round <= rounds; round += 1) {
      const second = await bus.gateway(`g${round}`);
      await settled(bus, [first, second]);
      // With events, the one that is killed is the owner of the partition that holds them.
      const isSecond = events > 0 && partitionsOf(bus, second.name).includes(0);
      const [victim, successor] = isSecond ? [second, first] : [first, second];
      const one = await takeOver(bus, victim, successor);
      say(
        `${one.partitions} partition(s): claimed ${one.claimedMs.toFixed(0)} ms, served ${one.servedMs.toFixed(0)} ms`,
      );
      if (one.servedMs > SESSION_MS) tellWhy([victim, successor]);
      found.push(one);
      first = successor;
    }
    return found;
  } finally {
    await bus.close();
  }
}

function figure(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return `${median.toFixed(0)} [${(sorted[0] ?? Number.NaN).toFixed(0)}-${(sorted.at(-1) ?? Number.NaN).toFixed(0)}]`;
}

function row(what: string, found: readonly Takeover[]): string {
  const of = (pick: (one: Takeover) => number): string => figure(found.map(pick));
  const memory = `${of(({ rssMib }) => rssMib)}, ${Math.max(...found.map(({ peakMib }) => peakMib))}`;
  return `| ${what} | ${found.length} | ${of(({ claimedMs }) => claimedMs)} | ${of(({ servedMs }) => servedMs)} | ${memory} |`;
}

/** Measures and prints the table. */
export async function benchTakeover(args: readonly string[]): Promise<void> {
  const options = {
    rounds: { type: "string", default: "10" },
    events: { type: "string", default: "1000000" },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const [rounds, events] = [Number(values.rounds), Number(values.events)];
  const before = loadNow();
  const broker = await startJvmKafka({ heap: "1g", onProgress: say });
  try {
    const fresh = await measure(broker.brokers, rounds, 0);
    const filled = events > 0 ? await measure(broker.brokers, Math.max(1, Math.ceil(rounds / 3)), events) : [];
    const lines = [
      ...describeMachine().map((text) => `- ${text}`),
      `- Load average of the machine before and after: ${before.toFixed(1)} and ${loadNow().toFixed(1)}. Group session ${SESSION_MS} ms.`,
      "",
      "| gateway killed with SIGKILL | N | last claim, ms | last door open, ms | successor's memory, MiB: then, peak |",
      "| --- | --- | --- | --- | --- |",
      row("fresh bus", fresh),
      ...(filled.length > 0 ? [row(`${events} events in one partition`, filled)] : []),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  } finally {
    await broker.stop();
  }
}
