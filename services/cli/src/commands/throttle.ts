/** `busbar throttle`: what flow control holds back; a person puts new tasks off, refuses them, or lets them in again. */
import { busbarError } from "@busbar/kernel";
import { parseFlowKey } from "@busbar/policy";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { assertProven, awaitApplied, giveOrder, operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { durationOption } from "../parse/duration.ts";
import { type FlowRow, foldFlows } from "../read/flows.ts";
import { viewPartitions } from "../read/partition.ts";
import type { Column } from "../table.ts";
import { answerOrder, type OrderOptions, withOrderOptions } from "./order-options.ts";

interface SetOptions extends OrderOptions {
  readonly every?: number;
  readonly pause?: boolean;
  readonly shed?: boolean;
  readonly retryAfter: number;
}

/** The text where it is a key of flow control. Throws BUSBAR_INPUT_INVALID. */
function flowKeyArgument(text: string): string {
  const key = parseFlowKey(text);
  if (key !== null) return key;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "whose tasks",
    reason: `"${text}" is none of fleet, agent:<name>, partition:<number>`,
    next: /^[A-Za-z0-9_.-]+$/.test(text) ? `write agent:${text}` : "npx busbar throttle",
  });
}

function levelOf({ every, pause, shed }: SetOptions): "throttled" | "paused" | "shed" {
  const given = [every !== undefined, pause === true, shed === true].filter((one) => one).length;
  if (given === 1) return shed === true ? "shed" : pause === true ? "paused" : "throttled";
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "throttle set",
    reason: given === 0 ? "it does not say how much" : "it says more than one of --every, --pause and --shed",
    next: "write one of --every 1s, --pause, --shed",
  });
}

const WORDS = {
  throttled: "throttles new tasks",
  paused: "puts all new tasks off",
  shed: "refuses all new tasks",
} as const;

async function set(key: string, options: SetOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const level = levelOf(options);
  const { reason, timeout, every = 0, retryAfter } = options;
  await withBus(output, async (bus) => {
    const order = { key, level, intervalMs: every, retryAfterMs: retryAfter, reason, by: operatorName() };
    const given = await giveOrder(bus, "Throttle", key, {
      ...order,
      rule: "by-hand",
      cause: "",
      sinceMs: Date.now(),
      through: "",
    });
    // A key of flow control is no scope of effects: nothing admitted between is counted.
    const applied = await awaitApplied(bus, given, "fleet", timeout, output.progress("partitions", bus.partitionCount));
    answerOrder(output, given, `${WORDS[level]} of ${key}`, applied, { key, level });
    output.note(`next: npx busbar throttle lift ${key} --reason "<why>"`);
    assertProven(applied, timeout);
  });
}

async function lift(key: string, { reason, timeout }: OrderOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  await withBus(output, async (bus) => {
    const body = { key, cause: "", sinceMs: Date.now(), through: "", reason, by: operatorName() };
    const given = await giveOrder(bus, "Unthrottle", key, body);
    const applied = await awaitApplied(bus, given, "fleet", timeout, output.progress("partitions", bus.partitionCount));
    answerOrder(output, given, `takes new tasks of ${key} as they come`, applied, { key });
    assertProven(applied, timeout);
  });
}

function columns(count: number): readonly Column<FlowRow>[] {
  return [
    { title: "tasks of", value: ({ key }) => key },
    { title: "level", value: ({ level }) => level },
    { title: "every", value: ({ intervalMs }) => (intervalMs === 0 ? "" : `${intervalMs} ms`), align: "right" },
    { title: "open chains", value: ({ open }) => String(open), align: "right" },
    { title: "why", value: ({ reason }) => reason },
    { title: "by", value: ({ by }) => by },
    { title: "partitions", value: ({ partitions }) => (partitions.length === count ? "all" : partitions.join(",")) },
  ];
}

async function readFlows(bus: OpenBus): Promise<readonly FlowRow[]> {
  const views = await viewPartitions(bus);
  return foldFlows(views.map(({ state }) => state));
}

function hint(output: Output, rows: readonly FlowRow[]): void {
  const held = rows.find(({ level }) => level !== "lifted");
  if (held !== undefined && output.form === "table")
    output.note(`next: npx busbar throttle lift ${held.key} --reason "<why>"`);
}

async function list(_options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const { rows, count } = await withBus(output, async (bus) => {
    return { rows: await readFlows(bus), count: bus.partitionCount };
  });
  const text = (): string =>
    rows.length === 0 ? "new tasks are taken as they come" : output.table(rows, columns(count));
  output.answer({ value: rows, lines: rows, text });
  hint(output, rows);
}

export function throttleCommand(): Command {
  const throttle = new Command("throttle").description(
    "Flow control of new tasks: lists what is held back, puts tasks off or refuses them until a person lifts it, or lifts it.",
  );
  throttle
    .command("ls", { isDefault: true })
    .description("list what is held back, by whom and why")
    .addHelpText("after", "\nExample:\n  npx busbar throttle -o json")
    .action(list);
  const setting = new Command("set")
    .description("hold new tasks back until a person lifts it; what is admitted goes on")
    .argument("<whose>", "agent:<name>, partition:<number> or fleet", flowKeyArgument)
    .option("--every <time>", "take one in such a time, in each partition", durationOption("--every"))
    .option("--pause", "take none; submitters come again")
    .option("--shed", "refuse them")
    .option(
      "--retry-after <time>",
      "when submitters are to come again at the earliest (default: 1s)",
      durationOption("--retry-after"),
      1000,
    )
    .addHelpText(
      "after",
      '\nExamples:\n  npx busbar throttle set agent:support --every 5s --reason "the mail server is slow"\n  npx busbar throttle set fleet --pause --reason "maintenance"',
    )
    .action((key: string, options: SetOptions, self: Command) => set(key, options, self));
  const lifting = new Command("lift")
    .description("take new tasks as they come; the supervisor holds back again once the load has been low")
    .argument("<whose>", "agent:<name>, partition:<number> or fleet", flowKeyArgument)
    .addHelpText("after", '\nExample:\n  npx busbar throttle lift agent:support --reason "it has caught up"')
    .action((key: string, options: OrderOptions, self: Command) => lift(key, options, self));
  return throttle.addCommand(withOrderOptions(setting)).addCommand(withOrderOptions(lifting));
}
