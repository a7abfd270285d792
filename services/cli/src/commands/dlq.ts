/** `busbar dlq ls|show`: records that no reader could accept, with place, reason, size and age. `redrive` is beside. */
import { Command, Option } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { countOption, wholeNumber } from "../parse/count.ts";
import { formatDuration } from "../parse/duration.ts";
import { POINT_GRAMMAR } from "../parse/point.ts";
import { type DeadLetter, findRedriven, letterId, markOf, originalOf } from "../read/dead-letters.ts";
import { hexDump, utf8Of } from "../read/hex-dump.ts";
import { type Column, cut, plain } from "../table.ts";
import { collectLetters, type LetterOptions, letterOf, placeArgument, type LetterPlace } from "./letters.ts";
import { withPartition, withRange } from "./range-options.ts";
import { redriveCommand } from "./redrive.ts";

const DEFAULT_LIMIT = 100;
const DEFAULT_SCAN = 100_000;
const DEFAULT_BYTES = 256;
const REASON_LENGTH = 80;

interface ListOptions extends LetterOptions {
  readonly scan: number;
}

/** A letter as it is printed: bytes only in `show`. */
function valueOf(letter: DeadLetter, nowMs: number, redriven: string | null) {
  const { partition, offset, code, reason, source, bytes, atMs } = letter;
  const from = `${source.topic}/${source.partition}/${source.offset}`;
  const age = { atMs, ageMs: Math.max(0, nowMs - atMs) };
  return {
    letter: letterId(letter),
    partition,
    offset,
    source: from,
    code,
    sizeBytes: bytes.length,
    ...age,
    redriven,
    reason,
  };
}

type Row = ReturnType<typeof valueOf>;

const COLUMNS: readonly Column<Row>[] = [
  { title: "letter", value: ({ letter }) => letter },
  { title: "age", value: ({ ageMs }) => formatDuration(ageMs) },
  { title: "from", value: ({ source }) => source },
  { title: "code", value: ({ code }) => code },
  { title: "bytes", value: ({ sizeBytes }) => String(sizeBytes), align: "right" },
  { title: "redriven to", value: ({ redriven }) => redriven ?? "" },
  { title: "reason", value: ({ reason }) => cut(reason, REASON_LENGTH) },
];

async function list(options: ListOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const progress = output.progress("records", null);
  const { rows, hasMore, isWhole } = await withBus(output, async (bus) => {
    const found = await collectLetters(bus, options);
    const scan = await findRedriven(bus, found.letters, options.scan, progress.tick);
    const nowMs = Date.now();
    const row = (letter: DeadLetter): Row =>
      valueOf(letter, nowMs, scan.places.get(markOf(bus.topics.deadLetters, letter)) ?? null);
    return { rows: found.letters.map(row), hasMore: found.hasMore, isWhole: scan.isWhole };
  }).finally(progress.stop);
  output.answer({
    value: rows,
    lines: rows,
    text: () => (rows.length === 0 ? "no dead letters" : output.table(rows, COLUMNS)),
  });
  if (hasMore) output.note(`there are more than ${options.limit}: give --limit, --code or a later --from`);
  if (!isWhole) output.note(`what was redriven was looked for in ${options.scan} records only: give a higher --scan`);
  const waiting = rows.find(({ redriven }) => redriven === null);
  if (waiting !== undefined && output.form === "table") output.note(`next: npx busbar dlq show ${waiting.letter}`);
}

interface HeaderRow {
  readonly name: string;
  readonly value: string;
}

const HEADERS: readonly Column<HeaderRow>[] = [
  { title: "header", value: ({ name }) => name },
  { title: "value", value: ({ value }) => value },
];

interface Shown {
  readonly letter: DeadLetter;
  readonly row: Row;
  /** What the codec makes of the bytes now; an older build may have refused them. */
  readonly now: string;
  readonly isThere: boolean;
}

function showText(output: Output, { letter, row, now, isThere }: Shown, limit: number): string {
  const facts: readonly (readonly [string, string])[] = [
    ["letter", row.letter],
    ["from", `${row.source}${isThere ? "" : " (gone from the log)"}`],
    ["age", `${formatDuration(row.ageMs)}, since ${new Date(row.atMs).toISOString()}`],
    ["code", row.code],
    ["reason", row.reason],
    ["decoded now", now],
    ["redriven to", row.redriven ?? "not redriven"],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(13)}${plain(value)}`);
  const headers = Object.entries(letter.headers).map(([name, value]) => ({ name, value }));
  const table = headers.length === 0 ? "no headers" : output.table(headers, HEADERS);
  const text = utf8Of(letter.bytes.subarray(0, limit));
  const asText = text === null || text === "" ? [] : [`as text: ${plain(text)}`];
  const dump = `${output.bold(`${letter.bytes.length} bytes`)}\n${hexDump(letter.bytes, limit)}`;
  return [lines.join("\n"), table, [dump, ...asText].join("\n")].join("\n\n");
}

async function show(place: LetterPlace, options: { readonly bytes: number }, self: Command): Promise<void> {
  const output = outputOf(self);
  const shown = await withBus(output, async (bus): Promise<Shown> => {
    const letter = await letterOf(bus, place);
    const { places } = await findRedriven(bus, [letter], DEFAULT_SCAN);
    const redriven = places.get(markOf(bus.topics.deadLetters, letter)) ?? null;
    const decoded = bus.codec.decode(letter.bytes);
    const now = decoded.ok ? `as ${decoded.message.type}` : `${decoded.code}: ${decoded.reason}`;
    const isThere = (await originalOf(bus, letter)) !== null;
    return { letter, row: valueOf(letter, Date.now(), redriven), now, isThere };
  });
  const { letter, row, now } = shown;
  const value = { ...row, decodedNow: now, headers: letter.headers, bytes: letter.bytes.subarray(0, options.bytes) };
  output.answer({ value, text: () => showText(output, shown, options.bytes) });
  if (output.form === "table") output.note(`next: npx busbar dlq redrive ${row.letter} --reason "<why>"`);
}

const LIST_HELP = `
${POINT_GRAMMAR}

Examples:
  npx busbar dlq ls --from -1h --code BUSBAR_SCHEMA_UNKNOWN
  npx busbar dlq ls -o jsonl`;

export function dlqCommand(): Command {
  const dlq = new Command("dlq").description(
    "Dead letters: records that no reader could accept, kept with their bytes.",
  );
  const ls = new Command("ls")
    .description("list them, oldest first")
    .option("--code <code>", "of this error code")
    .addOption(new Option("--limit <count>", "letters to show").argParser(countOption).default(DEFAULT_LIMIT))
    .addOption(
      new Option("--scan <count>", "records to look through for redriven ones")
        .argParser(countOption)
        .default(DEFAULT_SCAN),
    )
    .addHelpText("after", LIST_HELP)
    .action(list);
  const shows = new Command("show")
    .description("one of them: headers, reason and bytes, which never steer the terminal")
    .argument("<letter>", "its place, like 3/17", placeArgument)
    .addOption(
      new Option("--bytes <count>", "bytes to show").argParser(wholeNumber(0, 1_000_000)).default(DEFAULT_BYTES),
    )
    .addHelpText("after", "\nExample:\n  npx busbar dlq show 3/17 --bytes 1000")
    .action(show);
  return dlq
    .addCommand(withPartition(withRange(ls)), { isDefault: true })
    .addCommand(shows)
    .addCommand(redriveCommand());
}
