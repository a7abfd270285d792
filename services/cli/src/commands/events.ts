/**
 * `busbar events query|tail`: the log as it is. A query is bounded in what it shows and in what it reads, and says where
 * it stopped; void records are shown on request.
 */
import type { BusEvent } from "@busbar/events";
import { locateClaim } from "@busbar/log";
import { createPartitionReader, type ReadEvent } from "@busbar/runtime";
import { Command, Option } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { countOption } from "../parse/count.ts";
import { LATEST, type LogRange, offsetOfPoint, offsetsOfRange, POINT_GRAMMAR, pointOption } from "../parse/point.ts";
import { describeEvent } from "../read/describe-event.ts";
import { type EventFilter, matches, typesOption } from "../read/event-filter.ts";
import { readEvents } from "../read/partition.ts";
import { stopSignal } from "../stop-signal.ts";
import { cut, plain } from "../table.ts";
import { partitionsInRange, rangeOf, type RangeOptions, withPartition, withRange } from "./range-options.ts";

interface EventsOptions extends RangeOptions {
  readonly chain?: string;
  readonly agent?: string;
  readonly type?: readonly string[];
  readonly limit: number;
  readonly scan: number;
  readonly void?: boolean;
}

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

interface Offsets {
  readonly from: bigint;
  readonly to: bigint;
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
  /** Exclusive. */
  readonly to: bigint;
  isAtEnd = false;

  constructor(partition: number, range: Offsets, events: AsyncGenerator<ReadEvent>, options: EventsOptions) {
    this.partition = partition;
    this.next = range.from;
    this.to = range.to;
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

async function openCursors(bus: OpenBus, range: LogRange, options: EventsOptions): Promise<readonly Cursor[]> {
  return Promise.all(
    partitionsInRange(bus, range, options.partition).map(async (partition) => {
      const offsets = await offsetsOfRange(bus.log, bus.topics.events, partition, range);
      return new Cursor(partition, offsets, readEvents(bus, partition, offsets), options);
    }),
  );
}

const scannedBy = (cursors: readonly Cursor[]): number => cursors.reduce((sum, { scanned }) => sum + scanned, 0);

/** The partitions merged by time, within the bounds. */
async function* merged(
  cursors: readonly Cursor[],
  options: EventsOptions,
  onScanned: (count: number) => void,
): AsyncGenerator<Found> {
  const mayScan = (): boolean => {
    const scanned = scannedBy(cursors);
    onScanned(scanned);
    return scanned < options.scan;
  };
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
  const left = cursors.filter(({ isAtEnd, head }) => !isAtEnd || head !== null);
  if (left.length === 0) return;
  output.note(`scanned ${scannedBy(cursors)} records and stopped; go on with`);
  for (const { partition, head, next, to } of left) {
    const range = `${partition}/${head?.offset ?? next}..${partition}/${to}`;
    output.note(`  npx busbar events query --range ${range}${filterWords(options)}`);
  }
}

const valueOf = ({ partition, read }: Found): unknown =>
  read.kind === "event"
    ? { partition, offset: read.offset, ...read.event }
    : { partition, offset: read.offset, kind: read.kind, reason: read.reason };

async function query(options: EventsOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const range = rangeOf(options);
  await withBus(output, async (bus) => {
    const cursors = await openCursors(bus, range, options);
    const whole = cursors.reduce((sum, { next, to }) => sum + Number(to - next), 0);
    const progress = output.progress("records", Math.min(whole, options.scan));
    const all: unknown[] = [];
    try {
      for await (const found of merged(cursors, options, progress.tick)) {
        if (output.form === "json") all.push(valueOf(found));
        else printRead(output, found.partition, found.read);
      }
    } finally {
      progress.stop();
      await Promise.all(cursors.map((cursor) => cursor.close()));
    }
    if (output.form === "json") output.answer({ value: all, text: () => "" });
    noteStop(output, cursors, options);
  });
}

async function tail(options: EventsOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const stopped = stopSignal();
  const range = { from: options.from ?? LATEST, to: LATEST };
  await withBus(output, async (bus) => {
    const followers = await Promise.all(
      partitionsInRange(bus, range, options.partition).map(async (partition) => {
        const topic = bus.topics.events;
        const from = await offsetOfPoint(bus.log, topic, partition, range.from);
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

function withFilters(command: Command): Command {
  return withPartition(
    command
      .option("--chain <id>", "of this chain and its sub-tasks")
      .option("--agent <name>", "of this agent's chains")
      .option("--type <list>", "types like EffectRefused, or Effect*", typesOption),
  ).option("--void", "show records that do not count, too");
}

const EXAMPLES = `
${POINT_GRAMMAR}

Examples:
  npx busbar events query --from -15m --type 'Effect*'
  npx busbar events query --range 3/1500..3/1600 --void
  npx busbar events tail --from -20 -o jsonl`;

export function eventsCommand(): Command {
  const events = new Command("events")
    .description("The events of the log, from any point to any point.")
    .addHelpText("after", EXAMPLES);
  const queries = new Command("query").description("show what is there, in the order of time");
  withRange(withFilters(queries))
    .addOption(new Option("--limit <count>", "events to show").argParser(countOption).default(DEFAULT_LIMIT))
    .addOption(new Option("--scan <count>", "records to read").argParser(countOption).default(DEFAULT_SCAN))
    .addHelpText("after", EXAMPLES)
    .action(query);
  const tails = new Command("tail").description("follow the log until Ctrl-C; json is printed as jsonl");
  withFilters(tails)
    .option("--from <point>", "where to begin (default: latest)", pointOption("--from"))
    .addHelpText("after", EXAMPLES)
    .action(tail);
  return events.addCommand(queries, { isDefault: true }).addCommand(tails);
}
