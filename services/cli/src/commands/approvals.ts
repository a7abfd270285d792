/** `busbar approvals ls|show|grant|deny`: calls that wait for a person, and that person's word on one of them. */
import { type BusEvent, parseEventId } from "@busbar/events";
import { busbarError, reasonOf } from "@busbar/kernel";
import { readBlob } from "@busbar/log";
import { ARGUMENTS_LIMIT_BYTES } from "@busbar/policy";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { aboutCall, sayToDoor } from "../control-orders.ts";
import { operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../parse/duration.ts";
import { type ApprovalRow, foldApprovals } from "../read/approvals.ts";
import { describeEvent } from "../read/describe-event.ts";
import { readEvents, viewPartitions } from "../read/partition.ts";
import { type Column, cut, plain } from "../table.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";

const ARGS_LENGTH = 60;
/** Characters of a digest in a table. */
const DIGEST_LENGTH = 12;

async function readApprovals(bus: OpenBus): Promise<readonly ApprovalRow[]> {
  const views = await viewPartitions(bus);
  return foldApprovals(views.map(({ state }) => state));
}

/** Throws BUSBAR_NOT_FOUND. */
async function approvalOf(bus: OpenBus, callId: string): Promise<ApprovalRow> {
  const found = (await readApprovals(bus)).find((row) => row.callId === callId);
  if (found === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: "a waiting approval of", id: callId });
  return found;
}

const leftOf = ({ expiresAtMs }: ApprovalRow, nowMs: number): string =>
  expiresAtMs > nowMs ? `in ${formatDuration(expiresAtMs - nowMs)}` : "now";

const argsOf = ({ args, aside }: ApprovalRow): string =>
  aside === null ? args : `(${aside.bytes} bytes, kept apart: show reads them)`;

const columnsAt = (nowMs: number): readonly Column<ApprovalRow>[] => [
  { title: "call", value: ({ callId }) => callId },
  { title: "agent", value: ({ agent }) => agent },
  { title: "tool", value: ({ tool }) => tool },
  { title: "effect", value: ({ effectClass }) => effectClass },
  { title: "state", value: ({ state }) => state },
  { title: "denied", value: (row) => leftOf(row, nowMs) },
  { title: "rule", value: ({ rule }) => rule },
  { title: "digest", value: ({ argsHash }) => argsHash.slice(0, DIGEST_LENGTH) },
  { title: "arguments", value: (row) => cut(argsOf(row), ARGS_LENGTH) },
];

async function list(_options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const rows = await withBus(output, readApprovals);
  const text = (): string =>
    rows.length === 0 ? "nothing waits for a person" : output.table(rows, columnsAt(Date.now()));
  output.answer({ value: rows, lines: rows, text });
  const [first] = rows;
  if (first !== undefined && output.form === "table") output.note(`next: npx busbar approvals show ${first.callId}`);
}

interface Evidence {
  readonly event: string;
  readonly type: string;
  readonly what: string;
}

/** What stands at the event ids that a request cites. */
async function evidenceOf(bus: OpenBus, ids: readonly string[]): Promise<readonly Evidence[]> {
  const found = ids.map(async (id): Promise<Evidence> => {
    const place = parseEventId(id);
    if (place === null || place.topic !== bus.topics.events) return { event: id, type: "", what: "" };
    const { partition, offset } = place;
    for await (const read of readEvents(bus, partition, { from: offset, to: offset + 1n })) {
      if (read.kind === "event") return { event: id, type: read.event.type, what: describeEvent(read.event) };
    }
    return { event: id, type: "", what: "not on the log any more" };
  });
  return Promise.all(found);
}

/** The exact arguments, read from where they stand. */
async function wholeArgs(bus: OpenBus, { args, aside, partition }: ApprovalRow): Promise<string> {
  if (aside === null) return args;
  try {
    return await readBlob(bus.log, { topic: bus.topics.blobs, partition }, aside, ARGUMENTS_LIMIT_BYTES);
  } catch (error) {
    return `(cannot be read: ${reasonOf(error)})`;
  }
}

interface Shown {
  readonly row: ApprovalRow;
  readonly args: string;
  readonly evidence: readonly Evidence[];
}

const EVIDENCE: readonly Column<Evidence>[] = [
  { title: "evidence", value: ({ event }) => event },
  { title: "type", value: ({ type }) => type },
  { title: "what", value: ({ what }) => what },
];

function showText(output: Output, { row, args, evidence }: Shown): string {
  const facts: readonly (readonly [string, string])[] = [
    ["call", row.callId],
    ["agent", row.agent],
    ["tool", `${row.tool} (${row.effectClass})`],
    ["in doubt", row.reason],
    ["rule", row.rule],
    ["state", row.state],
    ["denied", `${leftOf(row, Date.now())}, at ${new Date(row.expiresAtMs).toISOString()}`],
    ["digest", row.argsHash],
    ["arguments", args],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(11)}${plain(value)}`).join("\n");
  return evidence.length === 0 ? lines : `${lines}\n\n${output.table(evidence, EVIDENCE)}`;
}

async function show(callId: string, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const shown = await withBus(output, async (bus): Promise<Shown> => {
    const row = await approvalOf(bus, callId);
    return { row, args: await wholeArgs(bus, row), evidence: await evidenceOf(bus, row.evidence) };
  });
  const { row, args, evidence } = shown;
  output.answer({ value: { ...row, args, evidence }, text: () => showText(output, shown) });
  if (output.form !== "table") return;
  output.note(`before it: npx busbar trace ${row.chainId}`);
  output.note(`next: npx busbar approvals grant ${callId} --reason "<why>"`);
  output.note(`      npx busbar approvals deny ${callId} --reason "<why>"`);
}

/** What the door made of a word, as far as it has said so. */
function answerIn(event: BusEvent, callId: string): BusEvent | null {
  return aboutCall(event, "ApprovalGranted", callId) ?? aboutCall(event, "ApprovalDenied", callId);
}

async function say(
  type: "ApproveEffect" | "DenyEffect",
  callId: string,
  options: OrderOptions,
  self: Command,
): Promise<void> {
  const output = outputOf(self);
  const { reason, timeout: timeoutMs } = options;
  const verb = type === "ApproveEffect" ? "approved" : "denied";
  await withBus(output, async (bus) => {
    const { chainId, requested, argsHash, tool } = await approvalOf(bus, callId);
    const body = { callId, requested, argsHash, reason, by: operatorName() };
    const sent = { type, chainId, body, what: `the word on ${callId}`, timeoutMs };
    const { meta } = await sayToDoor(bus, sent, (event) => answerIn(event, callId));
    const at = parseEventId(meta.eventId)?.offset ?? 0n;
    output.answer({
      value: { callId, tool, word: verb, argsHash, event: meta.eventId },
      text: () => `${verb} ${callId} ${tool} at o${at}; it binds to the arguments with the digest ${argsHash}`,
    });
    if (output.form === "table") output.note(`what came of it: npx busbar trace ${chainId}`);
  });
}

const wordCommand = (name: "grant" | "deny", type: "ApproveEffect" | "DenyEffect", what: string): Command =>
  withOrderOptions(
    new Command(name)
      .description(what)
      .argument("<call>", "id of the call, as ls prints it")
      .addHelpText("after", `\nExample:\n  npx busbar approvals ${name} 3f8c12aa90:4 --reason "looked at the order"`)
      .action((callId: string, options: OrderOptions, self: Command) => say(type, callId, options, self)),
  );

export function approvalsCommand(): Command {
  const approvals = new Command("approvals").description(
    "Calls that wait for a person: list them, look at one, allow it once with exactly its arguments, or refuse it.",
  );
  approvals
    .command("ls", { isDefault: true })
    .description("list them, what is denied first on top")
    .addHelpText("after", "\nExample:\n  npx busbar approvals ls -o json")
    .action(list);
  approvals
    .command("show")
    .description("one of them: arguments, what is in doubt, rule, evidence, deadline, digest")
    .argument("<call>", "id of the call, as ls prints it")
    .addHelpText("after", "\nExample:\n  npx busbar approvals show 3f8c12aa90:4")
    .action(show);
  return approvals
    .addCommand(wordCommand("grant", "ApproveEffect", "allow it, once, with exactly these arguments"))
    .addCommand(wordCommand("deny", "DenyEffect", "refuse it; its agent is told"));
}
