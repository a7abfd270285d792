/** `busbar handoffs ls|show|take|answer`: decisions that a person owns now, with all that led to them. */
import { parseEventId } from "@busbar/events";
import { busbarError, parseJson } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { aboutCall, sayToDoor } from "../control-orders.ts";
import { operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../parse/duration.ts";
import { describeEvent } from "../read/describe-event.ts";
import { foldHandOffs, type HandOffRow } from "../read/handoffs.ts";
import { readEvents, viewPartitions } from "../read/partition.ts";
import { type Column, cut, plain } from "../table.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";

const QUESTION_LENGTH = 80;

async function readHandOffs(bus: OpenBus): Promise<readonly HandOffRow[]> {
  const views = await viewPartitions(bus);
  return foldHandOffs(views.map(({ state }) => state));
}

/** Throws BUSBAR_NOT_FOUND. */
async function handOffOf(bus: OpenBus, callId: string): Promise<HandOffRow> {
  const found = (await readHandOffs(bus)).find((row) => row.callId === callId);
  if (found === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: "a hand-off that waits,", id: callId });
  return found;
}

const columnsAt = (nowMs: number): readonly Column<HandOffRow>[] => [
  { title: "hand-off", value: ({ callId }) => callId },
  { title: "agent", value: ({ agent }) => agent },
  { title: "chain", value: ({ chain }) => chain },
  { title: "by", value: ({ rule }) => (rule === "" ? "the agent" : rule) },
  { title: "since", value: ({ askedAtMs }) => `${formatDuration(Math.max(0, nowMs - askedAtMs))} ago` },
  { title: "taken by", value: ({ takenBy }) => takenBy },
  { title: "question", value: ({ question }) => cut(question, QUESTION_LENGTH) },
];

async function list(_options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const rows = await withBus(output, readHandOffs);
  const text = (): string => (rows.length === 0 ? "nothing is handed off" : output.table(rows, columnsAt(Date.now())));
  output.answer({ value: rows, lines: rows, text });
  const [first] = rows;
  if (first !== undefined && output.form === "table") output.note(`next: npx busbar handoffs show ${first.callId}`);
}

interface ContextLine {
  readonly event: string;
  readonly atMs: number;
  readonly type: string;
  readonly what: string;
}

/** All that the chain's log says between two positions, the hand-off included. */
async function contextOf(bus: OpenBus, { context, chainId }: HandOffRow): Promise<readonly ContextLine[]> {
  const [, partition, from, to] = /\/(\d+)\/(\d+)\.\.(\d+)$/.exec(context) ?? [];
  if (partition === undefined || from === undefined || to === undefined) return [];
  const lines: ContextLine[] = [];
  const range = { from: BigInt(from), to: BigInt(to) + 1n };
  for await (const read of readEvents(bus, Number(partition), range)) {
    if (read.kind !== "event" || read.event.meta.chainId !== chainId) continue;
    const { meta, type } = read.event;
    lines.push({ event: meta.eventId, atMs: meta.atMs, type, what: describeEvent(read.event) });
  }
  return lines;
}

const CONTEXT: readonly Column<ContextLine>[] = [
  { title: "event", value: ({ event }) => event },
  { title: "type", value: ({ type }) => type },
  { title: "what", value: ({ what }) => what },
];

function showText(output: Output, row: HandOffRow, context: readonly ContextLine[]): string {
  const facts: readonly (readonly [string, string])[] = [
    ["hand-off", row.callId],
    ["agent", row.agent],
    ["chain", `${row.chainId} (${row.chain})`],
    ["by", row.rule === "" ? "the agent" : row.rule],
    ["question", row.question],
    ["evidence", row.evidence.join(", ")],
    ["taken by", row.takenBy === "" ? "nobody" : row.takenBy],
    ["since", new Date(row.askedAtMs).toISOString()],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(10)}${plain(value)}`).join("\n");
  return `${lines}\n\n${output.table(context, CONTEXT)}`;
}

async function show(callId: string, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const { row, context } = await withBus(output, async (bus) => {
    const found = await handOffOf(bus, callId);
    return { row: found, context: await contextOf(bus, found) };
  });
  output.answer({ value: { ...row, events: context }, text: () => showText(output, row, context) });
  if (output.form !== "table") return;
  output.note(`next: npx busbar handoffs answer ${callId} "<answer>" --reason "<why>"`);
  if (row.fence !== "")
    output.note(`      npx busbar resume chain:${row.chainId} --fence ${row.fence} --reason "<why>"`);
}

async function take(callId: string, options: OrderOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const { reason, timeout: timeoutMs } = options;
  await withBus(output, async (bus) => {
    const { chainId, asked } = await handOffOf(bus, callId);
    const body = { callId, asked, reason, by: operatorName() };
    const sent = { type: "TakeHandOff", chainId, body, what: `the word on ${callId}`, timeoutMs } as const;
    const { meta, by } = await sayToDoor(bus, sent, (event) => aboutCall(event, "HandOffTaken", callId));
    output.answer({ value: { callId, takenBy: by, event: meta.eventId }, text: () => `${by} has taken ${callId}` });
  });
}

/** JSON as it is given; any other text is a text. */
export function answerText(given: string): string {
  return parseJson(given) === undefined ? JSON.stringify(given) : given;
}

async function answer(callId: string, given: string, options: OrderOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const { reason, timeout: timeoutMs } = options;
  await withBus(output, async (bus) => {
    const { chainId, asked, fence } = await handOffOf(bus, callId);
    const body = { callId, asked, answer: answerText(given), reason, by: operatorName() };
    const sent = { type: "AnswerHandOff", chainId, body, what: `the answer to ${callId}`, timeoutMs } as const;
    const told = await sayToDoor(bus, sent, (event) => aboutCall(event, "HandOffAnswered", callId));
    const at = parseEventId(told.meta.eventId)?.offset ?? 0n;
    output.answer({
      value: { callId, answer: parseJson(told.answer) ?? null, event: told.meta.eventId },
      text: () => `answered ${callId} at o${at}: ${plain(told.answer)}`,
    });
    if (fence !== "" && output.form === "table")
      output.note(`the chain stays halted: npx busbar resume chain:${chainId} --fence ${fence} --reason "<why>"`);
  });
}

export function handoffsCommand(): Command {
  const handoffs = new Command("handoffs").description(
    "Decisions that a person owns: list them, look at one with all that led to it, take it, answer it.",
  );
  handoffs
    .command("ls", { isDefault: true })
    .description("list them, the oldest on top")
    .addHelpText("after", "\nExample:\n  npx busbar handoffs ls -o json")
    .action(list);
  handoffs
    .command("show")
    .description("one of them: question, rule, evidence, and every event of the chain up to it")
    .argument("<hand-off>", "its id, as ls prints it")
    .addHelpText("after", "\nExample:\n  npx busbar handoffs show 3f8c12aa90:4")
    .action(show);
  const takes = new Command("take")
    .description("take it, so that nobody else answers it")
    .argument("<hand-off>", "its id, as ls prints it")
    .addHelpText("after", '\nExample:\n  npx busbar handoffs take 3f8c12aa90:4 --reason "mine"')
    .action(take);
  const answers = new Command("answer")
    .description("answer it: the handler that asked goes on with the answer; what was halted stays so until a resume")
    .argument("<hand-off>", "its id, as ls prints it")
    .argument("<answer>", "JSON, or a text")
    .addHelpText("after", '\nExample:\n  npx busbar handoffs answer 3f8c12aa90:4 "refund 20" --reason "as agreed"')
    .action(answer);
  return handoffs.addCommand(withOrderOptions(takes)).addCommand(withOrderOptions(answers));
}
