/** `busbar policy check|diff|push`: what a project's file says, against itself and against what the doors go by. */
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { checkProject, loadProject, type ProjectFault } from "@busbar/agent/project";
import { busbarError, reasonOf } from "@busbar/kernel";
import { narrowCaps, policyHash } from "@busbar/policy";
import { policyBody } from "@busbar/runtime";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { endWith, outputOf } from "../command-output.ts";
import { assertProven, awaitApplied, giveOrder, operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { partitionsOption } from "../parse/count.ts";
import { chooseProject } from "../project-file.ts";
import { viewPartitions } from "../read/partition.ts";
import { diffInForce, type Difference, isSame, type PolicyDifference } from "../read/policy-diff.ts";
import { type Column, cut, plain } from "../table.ts";
import { answerOrder, type OrderOptions, withOrderOptions } from "./order-options.ts";

const CHECK_FAILED = 4;
const SHORT_HASH = 12;
const VALUE_LENGTH = 60;

/** The file that is meant: the argument, else the project of this folder. */
function fileOf(given: string | undefined): string {
  return given === undefined ? chooseProject(process.env, process.cwd()).file : resolve(given);
}

async function faultsOf(file: string): Promise<readonly ProjectFault[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `it cannot be read: ${reasonOf(error)}` }, error);
  }
  return checkProject(file, text);
}

interface CheckOptions {
  readonly partitions: number;
}

async function check(given: string | undefined, options: CheckOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const file = fileOf(given);
  const faults = await faultsOf(file);
  const narrow = faults.length > 0 ? [] : narrowCaps((await loadProject(file)).policy.caps, options.partitions);
  const shown = relative(process.cwd(), file);
  const name = shown.startsWith("..") ? file : shown;
  const text = (): string =>
    faults.length === 0
      ? `${name}: nothing is wrong`
      : faults.map(({ line, column, reason }) => `${name}:${line}:${column}: ${plain(reason)}`).join("\n");
  output.answer({ value: { file, faults, caps: narrow }, lines: faults, text });
  for (const { reason: told } of narrow) output.note(told);
  if (faults.length === 0) return;
  if (output.form === "table") output.note(`${faults.length} to correct; next: npx busbar policy check ${name}`);
  endWith(self, CHECK_FAILED);
}

const statesOf = async (bus: OpenBus) => {
  const views = await viewPartitions(bus);
  return views.map(({ state }) => state);
};

const json = (value: unknown): string => (value === null ? "" : cut(JSON.stringify(value), VALUE_LENGTH));

const COLUMNS: readonly Column<Difference>[] = [
  { title: "change", value: ({ kind }) => kind },
  { title: "at", value: ({ path }) => path.join(".") },
  { title: "in force", value: ({ before, kind }) => (kind === "added" ? "" : json(before)) },
  { title: "file", value: ({ after, kind }) => (kind === "removed" ? "" : json(after)) },
];

function differenceText(output: Output, { inForce, partitions, differences }: PolicyDifference, count: number): string {
  const where = partitions.length === count ? "all partitions" : `partitions ${partitions.join(",")}`;
  if (inForce === "") return `${output.bold(where)}: no policy is in force`;
  const head = `${output.bold(where)}: policy ${inForce.slice(0, SHORT_HASH)}`;
  return differences.length === 0 ? `${head} says the same` : `${head}\n${output.table(differences, COLUMNS)}`;
}

async function diff(given: string | undefined, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const file = fileOf(given);
  const { policy } = await loadProject(file);
  const states = await withBus(output, statesOf);
  const found = diffInForce(states, policy);
  const value = { file, hash: policyHash(policy), partitions: found };
  const text = (): string => found.map((one) => differenceText(output, one, states.length)).join("\n\n");
  output.answer({ value, lines: found, text });
  if (isSame(states, policy)) return;
  if (output.form === "table")
    output.note(`next: npx busbar policy push ${given ?? ""} --reason "<why>"`.replace("  ", " "));
  endWith(self, CHECK_FAILED);
}

/** A file with faults is told whole, not fault by fault. */
async function assertRight(file: string): Promise<void> {
  const [first, ...more] = await faultsOf(file);
  if (first === undefined) return;
  const { line, column, reason } = first;
  const rest = more.length === 0 ? "" : ` (and ${more.length} more: npx busbar policy check ${file})`;
  throw busbarError("BUSBAR_CONFIG_INVALID", { file: `${file}:${line}:${column}`, reason: `${reason}${rest}` });
}

async function push(given: string | undefined, options: OrderOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const { reason, timeout } = options;
  const file = fileOf(given);
  await assertRight(file);
  const { policy } = await loadProject(file);
  const hash = policyHash(policy);
  await withBus(output, async (bus) => {
    if (isSame(await statesOf(bus), policy)) {
      output.answer({
        value: { hash, order: null, isInForce: true },
        text: () => "this policy is in force everywhere",
      });
      return;
    }
    for (const { reason: told } of narrowCaps(policy.caps, bus.partitionCount)) output.note(told);
    const body = { ...policyBody(policy), reason, by: operatorName() };
    const order = await giveOrder(bus, "SetPolicy", "policy", body);
    const applied = await awaitApplied(bus, order, "fleet", timeout, output.progress("partitions", bus.partitionCount));
    answerOrder(output, order, `put policy ${hash.slice(0, SHORT_HASH)} in force`, applied, { hash });
    output.note("it stays in force when gateways start with another busbar.yaml, until the next push");
    assertProven(applied, timeout);
  });
}

export function policyCommand(): Command {
  const policy = new Command("policy").description(
    "The policy of a project's file: check it, compare it, put it in force.",
  );
  const named = (verb: string, text: string): Command =>
    policy
      .command(verb)
      .description(text)
      .argument("[file]", "a busbar.yaml (default: BUSBAR_PROJECT, else that of this folder)");
  named("check", "name everything that is wrong with it, with line and column; 4 when something is")
    .option("--partitions <count>", "of the bus that it is for: caps are dealt out to them", partitionsOption, 4)
    .addHelpText("after", "\nExample:\n  npx busbar policy check busbar.yaml --partitions 8")
    .action(check);
  named("diff", "compare it with the policy that each partition applies; 4 when they differ")
    .addHelpText("after", "\nExample:\n  npx busbar policy diff -o json")
    .action(diff);
  withOrderOptions(named("push", "put it in force (signed) and wait until every partition applies it"))
    .addHelpText("after", '\nExample:\n  npx busbar policy push --reason "support may read refunds"')
    .action(push);
  return policy;
}
