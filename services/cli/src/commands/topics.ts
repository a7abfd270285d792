/** `busbar topics`: what is declared beside what the broker has; `apply` creates what is missing and changes nothing. */
import { openCluster, topicSpecs } from "@busbar/infra";
import { busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import { type EventLog, fewestReplicas, settingsOf, type TopicSpec } from "@busbar/log";
import { Command } from "commander";
import { openConnection } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { agentNames, chooseProject } from "../project-file.ts";
import type { Column } from "../table.ts";

const DEFAULT_PARTITIONS = 4;

interface TopicRow {
  readonly topic: string;
  readonly declared: number;
  readonly found: number;
  readonly records: string;
  /** `ok`, `missing`, or what is wrong. */
  readonly state: string;
}

const COLUMNS: readonly Column<TopicRow>[] = [
  { title: "topic", value: ({ topic }) => topic },
  { title: "declared", value: ({ declared }) => String(declared), align: "right" },
  { title: "found", value: ({ found }) => String(found), align: "right" },
  { title: "records", value: ({ records }) => records, align: "right" },
  { title: "state", value: ({ state }) => state },
];

async function recordsIn(log: EventLog, topic: string, partitions: number): Promise<bigint> {
  const all = await Promise.all(Array.from({ length: partitions }, (_, partition) => log.offsets(topic, partition)));
  return all.reduce((sum, { low, end }) => sum + end - low, 0n);
}

async function compare(log: EventLog, spec: TopicSpec, isThere: boolean): Promise<TopicRow> {
  const declared = spec.partitions;
  if (!isThere) return { topic: spec.name, declared, found: 0, records: "", state: "missing" };
  const found = await log.partitionCount(spec.name);
  const records = String(await recordsIn(log, spec.name, found));
  try {
    // It is there, so this creates nothing and only compares.
    await log.ensureTopics([spec]);
    return { topic: spec.name, declared, found, records, state: "ok" };
  } catch (error) {
    if (!isBusbarError(error) || error.code !== "BUSBAR_TOPIC_MISMATCH") throw error;
    return { topic: spec.name, declared, found, records, state: String(error.fields["reason"] ?? reasonOf(error)) };
  }
}

/** Every topic that is declared, those of agents with an inbox included. The events topic says how many partitions. */
async function declaredSpecs(log: EventLog, prefix: string, agents: readonly string[]): Promise<readonly TopicSpec[]> {
  const names = await log.listTopics();
  const events = `${prefix}.events`;
  const partitions = names.includes(events) ? await log.partitionCount(events) : DEFAULT_PARTITIONS;
  const inbox = `${prefix}.inbox.`;
  const inboxes = names.filter((name) => name.startsWith(inbox)).map((name) => name.slice(inbox.length));
  const all = [...new Set([...agents, ...inboxes])].sort();
  return topicSpecs({ prefix, partitions, agents: all, durability: "disk" });
}

/** Every declared topic as the broker has it. */
async function compareTopics(log: EventLog, prefix: string, agents: readonly string[]): Promise<readonly TopicRow[]> {
  const names = new Set(await log.listTopics());
  const rows: TopicRow[] = [];
  for (const spec of await declaredSpecs(log, prefix, agents))
    rows.push(await compare(log, spec, names.has(spec.name)));
  return rows;
}

type Opened = Awaited<ReturnType<typeof openConnection>>;

/** Settings and partitions that topics lack, which the port never changes. Where there is no Kafka nothing lacks. */
async function repair(
  { env, log, prefix }: Pick<Opened, "env" | "log" | "prefix">,
  agents: readonly string[],
  note: (line: string) => void,
): Promise<void> {
  const cluster = openCluster(env, "busbar-topics", "admin");
  if (cluster === null) return;
  try {
    const specs = await declaredSpecs(log, prefix, agents);
    const found = await cluster.topics(specs.map(({ name }) => name));
    for (const spec of specs) {
      const topic = found.find(({ name }) => name === spec.name);
      if (topic === undefined) continue;
      if (topic.partitions.length < spec.partitions) {
        note(`${spec.name}: from ${topic.partitions.length} to ${spec.partitions} partitions`);
        await cluster.addPartitions(spec.name, spec.partitions);
      }
      const wanted = Object.entries(settingsOf(spec, fewestReplicas(topic.partitions))).filter(
        ([key, value]) => topic.settings.get(key) !== value,
      );
      if (wanted.length === 0) continue;
      note(`${spec.name}: ${wanted.map(([key, value]) => `${key}=${value}`).join(", ")}`);
      await cluster.setTopic(spec.name, Object.fromEntries(wanted));
    }
  } finally {
    cluster.close();
  }
}

async function list(command: Command, change: "nothing" | "create" | "repair"): Promise<void> {
  const output = outputOf(command);
  const agents = await agentNames(chooseProject(process.env, process.cwd()));
  // Only the super user creates topics.
  const principal = change === "nothing" ? "operator" : "admin";
  const bus = await openConnection(output, principal);
  const { log, prefix, close } = bus;
  try {
    const note = (line: string): void => {
      output.note(line);
    };
    if (change === "repair") await repair(bus, agents, note);
    if (change !== "nothing") await log.ensureTopics(await declaredSpecs(log, prefix, agents));
    const rows = await compareTopics(log, prefix, agents);
    output.answer({ value: rows, lines: rows, text: () => output.table(rows, COLUMNS) });
    if (rows.some(({ state }) => state === "missing")) output.note("next: npx busbar topics apply");
    const wrong = rows.find(({ state }) => state !== "ok" && state !== "missing");
    if (wrong !== undefined) throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: wrong.topic, reason: wrong.state });
  } finally {
    await close();
  }
}

/** A topic with too many partitions is made anew, which only an empty one may be. */
async function recreate(name: string, _options: object, command: Command): Promise<void> {
  const output = outputOf(command);
  const { log, prefix, env, close } = await openConnection(output, "admin");
  const cluster = openCluster(env, "busbar-topics", "admin");
  try {
    const spec = (await declaredSpecs(log, prefix, [])).find((one) => one.name === name);
    if (spec === undefined || cluster === null) {
      const reason = cluster === null ? "the embedded log needs none of it" : `${name} is no declared topic`;
      throw busbarError("BUSBAR_INPUT_INVALID", { what: "topics recreate", reason, next: "npx busbar topics" });
    }
    await cluster.deleteEmpty(name);
    await log.ensureTopics([spec]);
    const value = { topic: name, partitions: spec.partitions };
    output.answer({ value, text: () => `made ${name} anew with ${spec.partitions} partitions` });
  } finally {
    cluster?.close();
    await close();
  }
}

export function topicsCommand(): Command {
  const topics = new Command("topics").description("Compares the topics of the bus with their declaration.");
  topics
    .command("ls", { isDefault: true })
    .description("list them")
    .action((_options: object, command: Command) => list(command, "nothing"));
  topics
    .command("apply")
    .description("create what is missing; what is there is compared and, without --repair, never changed")
    .option("--repair", "give topics that are there their declared settings, and the partitions that they lack")
    .addHelpText("after", "\nExample:\n  npx busbar topics apply --repair")
    .action((options: { readonly repair?: boolean }, command: Command) =>
      list(command, options.repair === true ? "repair" : "create"),
    );
  topics
    .command("recreate")
    .description("delete an empty topic and create it as declared; one that holds a record is left alone")
    .argument("<topic>", "its whole name, like busbar.directives")
    .addHelpText("after", "\nExample:\n  npx busbar topics recreate busbar.directives")
    .action(recreate);
  return topics;
}
