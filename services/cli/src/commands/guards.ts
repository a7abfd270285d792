/** `busbar guards`: what guards this bus has, in which state, and how often they acted; `guards test` shows what each stops. */
import { busbarError } from "@busbar/kernel";
import { GUARDS } from "@busbar/policy";
import type { Trial } from "@busbar/testkit/scenarios";
import type { ReadEvent } from "@busbar/runtime";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { endWith, outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { type LogRange, offsetsOfRange } from "../parse/point.ts";
import { countGuards, foldGuards, type GuardCounts, type GuardRow } from "../read/guards.ts";
import { readEvents, viewPartition } from "../read/partition.ts";
import type { Column } from "../table.ts";
import { partitionsInRange, rangeOf, type RangeOptions, withRange } from "./range-options.ts";

const NOT_WON = 1;

const COLUMNS: readonly Column<GuardRow>[] = [
  { title: "guard", value: ({ name }) => name },
  { title: "state", value: ({ state }) => (state === "" ? "no policy" : state) },
  { title: "acts", value: ({ acts }) => String(acts), align: "right" },
  { title: "what it does", value: ({ sentence }) => sentence },
];

async function countIn(bus: OpenBus, range: LogRange, output: Output): Promise<GuardCounts> {
  const counts: GuardCounts = new Map();
  const parts = await Promise.all(
    partitionsInRange(bus, range).map(async (partition) => {
      return { partition, offsets: await offsetsOfRange(bus.log, bus.topics.events, partition, range) };
    }),
  );
  const whole = parts.reduce((sum, { offsets }) => sum + Number(offsets.to - offsets.from), 0);
  const progress = output.progress("records", whole);
  let seen = 0;
  const take = (read: ReadEvent): void => {
    if (read.kind === "event") countGuards(counts, read.event);
    progress.tick((seen += 1));
  };
  try {
    for (const { partition, offsets } of parts)
      for await (const read of readEvents(bus, partition, offsets)) take(read);
  } finally {
    progress.stop();
  }
  return counts;
}

async function list(options: RangeOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const range = rangeOf(options);
  const rows = await withBus(output, async (bus) => {
    const views = await Promise.all(partitionsInRange(bus, range).map((partition) => viewPartition(bus, partition)));
    return foldGuards(
      views.map(({ state }) => state),
      await countIn(bus, range, output),
    );
  });
  output.answer({ value: rows, lines: rows, text: () => output.table(rows, COLUMNS) });
  if (output.form === "table") output.note("next: npx busbar guards test <guard>   shows what one of them stops");
}

/** The name of a guard as it was typed. Throws BUSBAR_INPUT_INVALID with the names that come near. */
export function guardOption(text: string): string {
  const name = text.trim().toLowerCase();
  if (GUARDS.some((guard) => guard.name === name)) return name;
  const close = GUARDS.map((guard) => guard.name).filter((known) => known.includes(name) || name.includes(known));
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "<guard>",
    reason: `no guard is named ${text}`,
    next: close.length === 0 ? "npx busbar guards test --list" : `npx busbar guards test ${close.join("  or  ")}`,
  });
}

async function test(guard: string | undefined, options: { readonly list?: boolean }, self: Command): Promise<void> {
  const output = outputOf(self);
  const { SCENARIOS, tellTrial, tryScenario } = await import("@busbar/testkit/scenarios");
  const chosen = SCENARIOS.filter((scenario) => guard === undefined || scenario.guard === guard);
  if (options.list === true) {
    const rows = chosen.map(({ guard: of, name, story }) => ({ guard: of, name, story }));
    const columns = [
      { title: "guard", value: (row: (typeof rows)[number]) => row.guard },
      { title: "scenario", value: (row: (typeof rows)[number]) => row.name },
      { title: "what happens", value: (row: (typeof rows)[number]) => row.story },
    ];
    output.answer({ value: rows, lines: rows, text: () => output.table(rows, columns) });
    return;
  }
  const trials: Trial[] = [];
  for (const scenario of chosen) trials.push(await tryScenario(scenario));
  if (!answerTrials(output, trials, tellTrial)) endWith(self, NOT_WON);
}

/** True where every guard won its scenario. */
export function answerTrials(output: Output, trials: readonly Trial[], tell: (trial: Trial) => string): boolean {
  const value = trials.map(({ scenario, on, off, isWon }) => {
    const { guard, name, story } = scenario;
    return { guard, name, story, on, off, isWon };
  });
  output.answer({ value, lines: value, text: () => trials.map(tell).join("\n\n") });
  return trials.every(({ isWon }) => isWon);
}

export function guardsCommand(): Command {
  const guards = new Command("guards").description("The guards: their state, how often they acted, what each stops.");
  const lists = guards
    .command("ls", { isDefault: true })
    .description("list them: state under the policy in force, and the records of the log that show them acting")
    .addHelpText("after", "\nExample:\n  npx busbar guards --from -1h -o json")
    .action(list);
  withRange(lists);
  guards
    .command("test")
    .description("run the scenarios of a guard, or of all, in memory: with it and without it; 1 when one is not won")
    .argument("[guard]", "a name as `busbar guards` lists them", guardOption)
    .option("--list", "only name the scenarios")
    .addHelpText("after", "\nExample:\n  npx busbar guards test idempotency")
    .action(test);
  return guards;
}
