/**
 * `busbar dlq redrive`: dead letters go to the door again, as they were, with a mark and a reason. Says for each what it
 * did and what came of it; what was redriven before is passed over, so that the same line may be typed twice.
 */
import { busbarError } from "@busbar/kernel";
import { Command, Option } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { endWith, outputOf } from "../command-output.ts";
import { operatorName, publishRecord } from "../orders.ts";
import type { Output } from "../output.ts";
import { countOption } from "../parse/count.ts";
import { type DeadLetter, findRedriven, letterId, readLetters } from "../read/dead-letters.ts";
import { viewPartition } from "../read/partition.ts";
import { planRedrive, type RedrivePlan } from "../read/redrive.ts";
import type { Column } from "../table.ts";
import { collectLetters, type LetterOptions, letterOf, placeArgument } from "./letters.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";
import { withPartition, withRange } from "./range-options.ts";

const CHECK_FAILED = 4;
const REFUSED = 5;
const DEFAULT_LIMIT = 100;
const DEFAULT_SCAN = 1_000_000;
const POLL_MS = 100;

interface RedriveOptions extends OrderOptions, LetterOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly again?: boolean;
  readonly dryRun?: boolean;
  readonly scan: number;
}

interface Row {
  readonly letter: string;
  readonly to: string;
  /** `taken`: the door has read it. `waits`: not yet. `dead-lettered`: it is a dead letter again, at `again`. */
  readonly state: "would redrive" | "done before" | "refused" | "sent" | "taken" | "waits" | "dead-lettered";
  readonly detail: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "letter", value: ({ letter }) => letter },
  { title: "to", value: ({ to }) => to },
  { title: "state", value: ({ state }) => state },
  { title: "detail", value: ({ detail }) => detail },
];

/** The letters that are meant. Throws where nothing, or both ways, name them. */
async function chosen(
  bus: OpenBus,
  places: readonly string[],
  options: RedriveOptions,
): Promise<readonly DeadLetter[]> {
  if (places.length > 0 === (options.all === true)) {
    const reason = "it takes either places of letters, like 3/17, or --all with a range or --code";
    throw busbarError("BUSBAR_INPUT_INVALID", { what: "dlq redrive", reason, next: "npx busbar dlq ls" });
  }
  if (places.length > 0) return Promise.all(places.map((place) => letterOf(bus, placeArgument(place))));
  return (await collectLetters(bus, options)).letters;
}

const planned = (plan: RedrivePlan): Row => {
  const { letter, kind } = plan;
  const to = `${letter.source.topic}/${letter.source.partition}`;
  if (kind === "redrive") return { letter: letterId(letter), to, state: "would redrive", detail: "" };
  return { letter: letterId(letter), to, state: kind === "done" ? "done before" : "refused", detail: plan.why };
};

interface Sent {
  readonly letter: DeadLetter;
  readonly offset: bigint;
}

/** Whether the owner of the partition has read past the record. */
async function isTaken(bus: OpenBus, { letter, offset }: Sent): Promise<boolean> {
  const { state } = await viewPartition(bus, letter.source.partition);
  const { commands, control } = state.inputs;
  return BigInt(letter.source.topic === bus.topics.commands ? commands : control) > offset;
}

/** The dead letter that the record became, if it did. Letters about a partition lie in the partition of that number. */
async function againAt(bus: OpenBus, { letter, offset }: Sent): Promise<DeadLetter | null> {
  const { partition, topic } = letter.source;
  const from = { kind: "offset", offset: letter.offset + 1n, partition: letter.partition } as const;
  for await (const found of readLetters(bus, letter.partition, { from, to: { kind: "latest" } })) {
    const { source } = found;
    if (source.topic === topic && source.partition === partition && source.offset === offset) return found;
  }
  return null;
}

async function fateOf(bus: OpenBus, sent: Sent, endMs: number): Promise<Row> {
  const { topic, partition } = sent.letter.source;
  const row = { letter: letterId(sent.letter), to: `${topic}/${partition}/${sent.offset}` };
  while (!(await isTaken(bus, sent))) {
    if (performance.now() > endMs) return { ...row, state: "waits", detail: "its door has not read it yet" };
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const again = await againAt(bus, sent);
  if (again === null) return { ...row, state: "taken", detail: "" };
  return { ...row, state: "dead-lettered", detail: `again, as ${letterId(again)}: ${again.code}: ${again.reason}` };
}

async function send(
  bus: OpenBus,
  output: Output,
  plans: readonly RedrivePlan[],
  timeoutMs: number,
): Promise<readonly Row[]> {
  const progress = output.progress("letters", plans.length);
  try {
    const sent: (Sent | Row)[] = [];
    for (const [index, plan] of plans.entries()) {
      const { topic, partition } = plan.letter.source;
      if (plan.kind !== "redrive") sent.push(planned(plan));
      else sent.push({ letter: plan.letter, offset: (await publishRecord(bus, topic, partition, plan.record)).offset });
      progress.tick(index + 1);
    }
    const endMs = performance.now() + timeoutMs;
    const rows: Row[] = [];
    for (const one of sent) rows.push("state" in one ? one : await fateOf(bus, one, endMs));
    return rows;
  } finally {
    progress.stop();
  }
}

function answer(output: Output, rows: readonly Row[]): void {
  const text = (): string => (rows.length === 0 ? "no dead letters are meant" : output.table(rows, COLUMNS));
  output.answer({ value: rows, lines: rows, text });
}

function endBy(self: Command, rows: readonly Row[]): void {
  if (rows.some(({ state }) => state === "dead-lettered" || state === "waits")) endWith(self, CHECK_FAILED);
  else if (rows.some(({ state }) => state === "refused")) endWith(self, REFUSED);
}

async function redrive(places: readonly string[], options: RedriveOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const { reason, again = false, dryRun = false, timeout } = options;
  await withBus(output, async (bus) => {
    const letters = await chosen(bus, places, options);
    const looking = output.progress("records", null);
    const scan = await findRedriven(bus, letters, options.scan, looking.tick).finally(looking.stop);
    if (!scan.isWhole && !again) {
      const why = `whether they were redriven before is not known after ${options.scan} records`;
      throw busbarError("BUSBAR_INPUT_INVALID", { what: "dlq redrive", reason: why, next: "give a higher --scan" });
    }
    const plans: RedrivePlan[] = [];
    for (const letter of letters)
      plans.push(await planRedrive(bus, letter, scan, { reason, again, by: operatorName() }));
    if (dryRun || (options.all === true && options.yes !== true)) {
      answer(output, plans.map(planned));
      if (!dryRun) output.note("nothing was sent: type it again with --yes");
      return;
    }
    const rows = await send(bus, output, plans, timeout);
    answer(output, rows);
    endBy(self, rows);
  });
}

const HELP = `
A letter goes to the topic and partition that it came from, byte for byte, with headers that name the letter, you and the
reason. It passes the same door under the same checks and may become a dead letter again. What was redriven before is
passed over. Exit codes: 4 when one is dead-lettered again or not read in time, 5 when one cannot be redriven.

Examples:
  npx busbar dlq redrive 3/17 --reason "the schema is registered now"
  npx busbar dlq redrive --all --code BUSBAR_SCHEMA_UNKNOWN --from -1h --dry-run --reason "the schema is registered now"`;

export function redriveCommand(): Command {
  const command = new Command("redrive")
    .description("send dead letters to the door again, as they were")
    .argument("[letters...]", "their places, like 3/17")
    .option("--all", "all that the range and --code take, instead of places")
    .option("--yes", "with --all: really send them")
    .option("--dry-run", "only say what would be done")
    .option("--again", "also what was redriven before")
    .option("--code <code>", "with --all: of this error code")
    .addOption(
      new Option("--limit <count>", "with --all: letters at most").argParser(countOption).default(DEFAULT_LIMIT),
    )
    .addOption(
      new Option("--scan <count>", "records to look through for redriven ones")
        .argParser(countOption)
        .default(DEFAULT_SCAN),
    )
    .addHelpText("after", HELP)
    .action(redrive);
  return withOrderOptions(withPartition(withRange(command)));
}
