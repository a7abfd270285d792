/**
 * `busbar rollback`: undoes what a chain has done, the latest first. The plan is shown before anything happens, and the
 * order that is signed is that plan; the undos are effects at the door like any others.
 */
import { createInterface } from "node:readline/promises";
import { type BusEvent, partitionOf } from "@busbar/events";
import { busbarError, own } from "@busbar/kernel";
import { planRollback, type Policy, rollbackChainId, type RollbackPlan, undoneIn } from "@busbar/policy";
import { Command, Option } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { firstAnswer, sayToDoor } from "../control-orders.ts";
import { operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { durationOption } from "../parse/duration.ts";
import { readEvents, viewPartition } from "../read/partition.ts";
import { type Column, cut } from "../table.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";

const ARGS_LENGTH = 60;
const DEFAULT_WAIT_MS = 60_000;

interface RollbackOptions extends OrderOptions {
  readonly yes?: boolean;
  readonly plan?: boolean;
  readonly wait: number;
}

/** All events of one chain. */
async function eventsOf(bus: OpenBus, chainId: string): Promise<readonly BusEvent[]> {
  const found: BusEvent[] = [];
  for await (const read of readEvents(bus, partitionOf(chainId, bus.partitionCount), { from: 0n })) {
    if (read.kind === "event" && read.event.meta.chainId === chainId) found.push(read.event);
  }
  return found;
}

const hasEnded = (events: readonly BusEvent[]): boolean =>
  events.some(({ type }) => type === "TaskCompleted" || type === "TaskFailed");

/** What earlier rollbacks have undone, and the number of the next one. Throws where one is under way. */
async function earlier(
  bus: OpenBus,
  target: string,
): Promise<{ readonly number: number; readonly undone: ReadonlySet<string> }> {
  const undone = new Set<string>();
  for (let number = 0; ; number += 1) {
    const chainId = rollbackChainId(target, number);
    const events = await eventsOf(bus, chainId);
    if (!events.some(({ type }) => type === "RollbackStarted")) return { number, undone };
    if (!hasEnded(events)) {
      const next = `npx busbar trace ${chainId}`;
      throw busbarError("BUSBAR_INPUT_INVALID", {
        what: `chain ${target}`,
        reason: "a rollback of it is under way",
        next,
      });
    }
    for (const told of undoneIn(events)) undone.add(told);
  }
}

interface Planned extends RollbackPlan {
  readonly target: string;
  readonly number: number;
}

/** Throws BUSBAR_NOT_FOUND for no such chain, BUSBAR_INPUT_INVALID for one that still works. */
async function planOf(bus: OpenBus, target: string): Promise<Planned> {
  const events = await eventsOf(bus, target);
  if (events.length === 0) throw busbarError("BUSBAR_NOT_FOUND", { what: "chain", id: target });
  const { state } = await viewPartition(bus, partitionOf(target, bus.partitionCount));
  const chain = own(state.chains, target);
  if (chain !== undefined && chain.halted === null) {
    const reason = `it is ${chain.status}: what is undone it could do again`;
    const next = `npx busbar halt chain:${target} --reason "<why>"`;
    throw busbarError("BUSBAR_INPUT_INVALID", { what: `chain ${target}`, reason, next });
  }
  const policy: Policy | null = state.policy;
  if (policy === null) throw busbarError("BUSBAR_NOT_FOUND", { what: "policy in force for chain", id: target });
  const { number, undone } = await earlier(bus, target);
  return { target, number, ...planRollback(events, policy, undone) };
}

const UNDOS: readonly Column<RollbackPlan["undos"][number] & { readonly n: number }>[] = [
  { title: "#", value: ({ n }) => String(n), align: "right" },
  { title: "undoes", value: ({ of }) => of },
  { title: "done at", value: ({ undoes }) => undoes },
  { title: "by", value: ({ tool }) => tool },
  { title: "arguments", value: ({ args }) => cut(args, ARGS_LENGTH) },
];
const IMPOSSIBLE: readonly Column<RollbackPlan["impossible"][number]>[] = [
  { title: "CANNOT BE UNDONE", value: ({ of }) => of },
  { title: "done at", value: ({ undoes }) => undoes },
  { title: "why", value: ({ reason }) => reason },
];

function planText(output: Output, { undos, impossible, left }: RollbackPlan): string {
  const rows = undos.map((step, index) => ({ ...step, n: index + 1 }));
  const tables = [
    undos.length === 0 ? "nothing can be undone" : output.table(rows, UNDOS),
    ...(impossible.length === 0 ? [] : [output.table(impossible, IMPOSSIBLE)]),
    ...(left === 0 ? [] : [`${left} more can be undone by a further rollback`]),
  ];
  return tables.join("\n\n");
}

/** A person at a terminal is asked; a program says --yes. */
async function isConfirmed(count: number, { yes }: RollbackOptions): Promise<boolean> {
  if (yes === true) return true;
  if (!process.stdin.isTTY) {
    throw busbarError("BUSBAR_USAGE", { reason: "nobody can be asked here: look at --plan, then say --yes" });
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`Undo ${count} effect(s), the latest first? [y/N] `)).trim());
  } finally {
    asking.close();
  }
}

interface Ended {
  readonly state: "completed" | "stopped" | "under way";
  readonly reason: string;
}

const endIn =
  (chainId: string) =>
  (event: BusEvent): Ended | null => {
    if (event.meta.chainId !== chainId) return null;
    if (event.type === "TaskCompleted") return { state: "completed", reason: "" };
    return event.type === "TaskFailed" ? { state: "stopped", reason: event.reason } : null;
  };

/** Signs the plan and waits for its end. */
async function carryOut(bus: OpenBus, { target, number, undos, impossible }: Planned, options: RollbackOptions) {
  const { reason, timeout: timeoutMs, wait } = options;
  const chainId = rollbackChainId(target, number);
  const partition = partitionOf(chainId, bus.partitionCount);
  const { end: from } = await bus.log.offsets(bus.topics.events, partition);
  const body = { target, number, undos, impossible, reason, by: operatorName() };
  const sent = { type: "RollBack", chainId, body, what: `the rollback of ${target}`, timeoutMs } as const;
  await sayToDoor(bus, sent, ({ type, meta }) =>
    type === "RollbackStarted" && meta.chainId === chainId ? meta : null,
  );
  const end = await firstAnswer(bus, { partition, from }, endIn(chainId), wait);
  return { chainId, ...(end ?? { state: "under way", reason: "" }) };
}

async function rollback(target: string, options: RollbackOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  await withBus(output, async (bus) => {
    const plan = await planOf(bus, target);
    const isAsked = plan.undos.length > 0 && options.plan !== true;
    if (!isAsked) return output.answer({ value: plan, text: () => planText(output, plan) });
    if (output.form === "table") output.note(planText(output, plan));
    if (!(await isConfirmed(plan.undos.length, options))) return output.note("nothing was undone");
    const { chainId, state, reason } = await carryOut(bus, plan, options);
    if (state === "stopped") throw busbarError("BUSBAR_ROLLBACK_STOPPED", { reason });
    const named = plan.impossible.map(({ of }) => of);
    const rest = named.length === 0 ? "" : `; not undone: ${named.join(", ")}`;
    const words =
      state === "completed" ? `undid ${plan.undos.length} effect(s) of ${target}${rest}` : `still under way`;
    output.answer({ value: { ...plan, rollback: chainId, state }, text: () => words });
    if (output.form === "table") output.note(`each of them: npx busbar trace ${chainId}`);
  });
}

export function rollbackCommand(): Command {
  const command = new Command("rollback")
    .description(
      "Undoes what a halted or ended chain has done, the latest first. The plan is printed before; what cannot be undone is named.",
    )
    .argument("<chain>", "id of the chain")
    .option("--plan", "print the plan and do nothing")
    .option("-y, --yes", "do not ask")
    .addOption(
      new Option("--wait <time>", "how long to wait for the end")
        .argParser(durationOption("--wait"))
        .default(DEFAULT_WAIT_MS, "1m"),
    )
    .addHelpText("after", '\nExample:\n  npx busbar rollback 3f8c12aa90 --plan --reason "the deletes were wrong"')
    .action(rollback);
  return withOrderOptions(command);
}
