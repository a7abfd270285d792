/**
 * `busbar events query|tail`: the log as it is. A query is bounded in what it shows and in what it reads, and says where
 * it stopped; void records are shown on request.
 */
import type { BusEvent } from "@busbar/events";
import { locateClaim } from "@busbar/log";
import { createPartitionReader, type ReadEvent } from "@busbar/runtime";
import { Command, InvalidArgumentError } from "commander";
import { type OpenBus, partitionsOf, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { type LogPoint, offsetOfPoint, pointOption } from "../parse/point.ts";
import { describeEvent } from "../read/describe-event.ts";
import { type EventFilter, matches, typesOption } from "../read/event-filter.ts";
import { readEvents } from "../read/partition.ts";
import { stopSignal } from "../stop-signal.ts";
import { cut, plain } from "../table.ts";
import { countOption } from "./up.ts";

interface EventsOptions {
  readonly chain?: string;
  readonly agent?: string;
  readonly type?: readonly string[];
  readonly partition?: number;
  readonly from: LogPoint;
  readonly to?: LogPoint;
  readonly limit: number;
  readonly scan: number;
  readonly void?: boolean;
}

const START: LogPoint = { kind: "offset", offset: 0n };
const END: LogPoint = { kind: "end" };
const DEFAULT_LIMIT = 200;
const DEFAULT_SCAN = 100_000;

function filterOf({ chain, agent, type }: EventsOptions): EventFilter {
  return {
    ...(chain === undefined ? {} : { chain }),
    ...(agent === undefined ? {} : { agent }),
    ...(type === undefined ? {} : { types: type }),
  };
}

function isAsked(options: EventsOptions, read: ReadEvent): boolean {
  return read.kind === "event" ? matches(filterOf(options), read.event) : options.void === true;
}

function chosenPartitions(bus: OpenBus, { partition }: EventsOptions): readonly number[] {
  return partition === undefined ? partitionsOf(bus) : [partition];
}

const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 23);

function eventText(output: Output, partition: number, offset: bigint, event: BusEvent): string {
  const { chainId, agent, atMs } = event.meta;
  const place = `${partition}/o${offset}`.padEnd(9);
  const who = chainId === "" ? "" : ` ${plain(agent)} ${chainId.slice(0, 8)}`;
  return `${output.dim(clock(atMs))} ${place} ${output.bold(event.type)}${who} ${cut(plain(describeEvent(event)), 300)}`;
}

function printRead(output: Output, partition: number, read: ReadEvent): void {
  const { offset } = read;
  if (read.kind === "event") {
    const { event } = read;
    output.item({ partition, offset, ...event }, () => eventText(output, partition, offset, event));
    return;
  }
  const { kind, reason } = read;
  output.item(
    { partition, offset, kind, reason },
    () => `${"".padEnd(12)} ${partition}/o${offset} ${output.red(kind)} ${reason}`,
  );
}

interface Found {
  readonly partition: number;
  readonly read: ReadEvent;
}

/** A partition's matches, in order, and how far it was read. */
class Cursor {
  readonly partition: number;
  readonly #events: AsyncGenerator<ReadEvent>;
  readonly #options: EventsOptions;
  head: ReadEvent | null = null;
  scanned = 0;
  next: bigint;
  isAtEnd = false;

  constructor(partition: number, from: bigint, events: AsyncGenerator<ReadEvent>, options: EventsOptions) {
    this.partition = partition;
    this.next = from;
    this.#events = events;
    this.#options = options;
  }

  /** Reads on to the next match, at most as far as `mayScan` says. */
  async advance(mayScan: () => boolean): Promise<void> {
    this.head = null;
    while (mayScan()) {
      const step = await this.#events.next();
      if (step.done === true) {
        this.isAtEnd = true;
        return;
      }
      this.scanned += 1;
      this.next = step.value.offset + 1n;
      if (!isAsked(this.#options, step.value)) continue;
      this.head = step.value;
      return;
    }
  }

  async close(): Promise<void> {
    await this.#events.return(undefined);
  }
}

const timeOf = (read: ReadEvent | null): number => read?.record?.timestampMs ?? 0;

async function openCursors(bus: OpenBus, options: EventsOptions): Promise<readonly Cursor[]> {
  return Promise.all(
    chosenPartitions(bus, options).map(async (partition) => {
      const from = await offsetOfPoint(bus.log, bus.topics.events, partition, options.from);
      const to = await offsetOfPoint(bus.log, bus.topics.events, partition, options.to ?? END);
      return new Cursor(partition, from, readEvents(bus, partition, { from, to: to > from ? to : from }), options);
    }),
  );
}

/** The partitions merged by time, within the bounds. */
async function* merged(cursors: readonly Cursor[], options: EventsOptions): AsyncGenerator<Found> {
  const mayScan = (): boolean => cursors.reduce((sum, { scanned }) => sum + scanned, 0) < options.scan;
  await Promise.all(cursors.map((cursor) => cursor.advance(mayScan)));
  for (let shown = 0; shown < options.limit; shown++) {
    const [first] = cursors
      .filter(({ head }) => head !== null)
      .sort((left, right) => timeOf(left.head) - timeOf(right.head));
    if (first?.head === undefined || first.head === null) return;
    yield { partition: first.partition, read: first.head };
    await first.advance(mayScan);
  }
}

/** The filters as they were typed. */
export function filterWords({
  chain,
  agent,
  type,
  ...options
}: Pick<EventsOptions, "chain" | "agent" | "type" | "void">): string {
  const words = [
    ...(chain === undefined ? [] : ["--chain", chain]),
    ...(agent === undefined ? [] : ["--agent", agent]),
    ...(type === undefined ? [] : ["--type", `'${type.join(",")}'`]),
    ...(options.void === true ? ["--void"] : []),
  ];
  return words.map((word) => ` ${word}`).join("");
}

/** Where a bounded scan stopped, as the command that goes on from there. */
function noteStop(output: Output, cursors: readonly Cursor[], options: EventsOptions): void {
  const scanned = cursors.reduce((sum, cursor) => sum + cursor.scanned, 0);
  const left = cursors.filter(({ isAtEnd, head }) => !isAtEnd || head !== null);
  if (left.length === 0) return;
  output.note(`scanned ${scanned} records and stopped; go on with`);
  for (const { partition, head, next } of left) {
    output.note(
      `  npx busbar events query --partition ${partition} --from o${head?.offset ?? next}${filterWords(options)}`,
    );
  }
}

async function query(options: EventsOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  await withBus(output, async (bus) => {
    const cursors = await openCursors(bus, options);
    const all: unknown[] = [];
    for await (const { partition, read } of merged(cursors, options)) {
      if (output.form !== "json") printRead(output, partition, read);
      else
        all.push(
          read.kind === "event"
            ? { partition, offset: read.offset, ...read.event }
            : { partition, offset: read.offset, kind: read.kind, reason: read.reason },
        );
    }
    if (output.form === "json") output.answer({ value: all, text: () => "" });
    noteStop(output, cursors, options);
    await Promise.all(cursors.map((cursor) => cursor.close()));
  });
}

async function tail(options: EventsOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const stopped = stopSignal();
  await withBus(output, async (bus) => {
    const followers = await Promise.all(
      chosenPartitions(bus, options).map(async (partition) => {
        const topic = bus.topics.events;
        const from = await offsetOfPoint(bus.log, topic, partition, options.from);
        const claim = from === 0n ? null : await locateClaim(bus.log, topic, partition, from);
        const reader = createPartitionReader(bus.codec, { offset: from, claim });
        return bus.log.follow({
          topic,
          partition,
          from,
          onDelivery: (delivery) => {
            for (const read of reader.read(delivery)) if (isAsked(options, read)) printRead(output, partition, read);
          },
          onProblem: (problem) => {
            output.note(`events/${partition}: ${problem.kind}`);
          },
        });
      }),
    );
    output.note("following the log; Ctrl-C ends it");
    await stopped;
    await Promise.all(followers.map((follower) => follower.stop()));
  });
}

function partitionOption(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError("It is no partition.");
  return Number(text);
}

function withFilters(command: Command): Command {
  return command
    .option("--chain <id>", "of this chain and its sub-tasks")
    .option("--agent <name>", "of this agent's chains")
    .option("--type <list>", "types like EffectRefused, or Effect*", typesOption)
    .option("--partition <number>", "of one partition", partitionOption)
    .option("--void", "show records that do not count, too");
}

export function eventsCommand(): Command {
  const events = new Command("events")
    .description("The events of the log, from any point to any point.")
    .addHelpText("after", "\nPoints: o10 (offset), @-15m (time ago), @2026-11-21T07:00:00Z (time), end.");
  withFilters(events.command("query", { isDefault: true }).description("show what is there, in the order of time"))
    .option("--from <point>", "where to begin", pointOption("--from"), START)
    .option("--to <point>", "where to end", pointOption("--to"))
    .option("--limit <count>", `events to show (default: ${DEFAULT_LIMIT})`, countOption, DEFAULT_LIMIT)
    .option("--scan <count>", `records to read (default: ${DEFAULT_SCAN})`, Number, DEFAULT_SCAN)
    .action(query);
  withFilters(events.command("tail").description("follow the log until Ctrl-C; json is printed as jsonl"))
    .option("--from <point>", "where to begin (default: end)", pointOption("--from"), END)
    .action(tail);
  return events;
}
