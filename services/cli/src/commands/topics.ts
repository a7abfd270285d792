/** `busbar topics`: what is declared beside what the broker has; `apply` creates what is missing and changes nothing. */
import { topicSpecs } from "@busbar/infra";
import { busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import type { EventLog, TopicSpec } from "@busbar/log";
import { Command } from "commander";
import { openConnection } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { agentNames, chooseProject } from "../project-file.ts";
import type { Column } from "../table.ts";

export interface TopicRow {
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

/** Every declared topic as the broker has it. The partition count is that of the events topic where it is there. */
export async function compareTopics(
  log: EventLog,
  prefix: string,
  agents: readonly string[],
): Promise<readonly TopicRow[]> {
  const names = new Set(await log.listTopics());
  const events = `${prefix}.events`;
  const partitions = names.has(events) ? await log.partitionCount(events) : 4;
  const inbox = `${prefix}.inbox.`;
  const inboxes = [...names].filter((name) => name.startsWith(inbox)).map((name) => name.slice(inbox.length));
  const all = [...new Set([...agents, ...inboxes])].sort();
  const rows: TopicRow[] = [];
  for (const spec of topicSpecs({ prefix, partitions, agents: all, durability: "disk" })) {
    rows.push(await compare(log, spec, names.has(spec.name)));
  }
  return rows;
}

async function list(command: Command, apply: boolean): Promise<void> {
  const output = outputOf(command);
  const agents = await agentNames(chooseProject(process.env, process.cwd()));
  // Only the super user creates topics.
  const { log, prefix, close } = await openConnection(output, apply ? "admin" : "operator");
  try {
    if (apply) {
      const partitions = await log.partitionCount(`${prefix}.events`).catch(() => 4);
      await log.ensureTopics(topicSpecs({ prefix, partitions, agents, durability: "disk" }));
    }
    const rows = await compareTopics(log, prefix, agents);
    output.answer({ value: rows, lines: rows, text: () => output.table(rows, COLUMNS) });
    if (rows.some(({ state }) => state === "missing")) output.note("next: npx busbar topics apply");
    const wrong = rows.find(({ state }) => state !== "ok" && state !== "missing");
    if (wrong !== undefined) throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: wrong.topic, reason: wrong.state });
  } finally {
    await close();
  }
}

export function topicsCommand(): Command {
  const topics = new Command("topics").description("Compares the topics of the bus with their declaration.");
  topics
    .command("ls", { isDefault: true })
    .description("list them")
    .action((_options: object, command: Command) => list(command, false));
  topics
    .command("apply")
    .description("create what is missing; what is there is compared and never changed")
    .action((_options: object, command: Command) => list(command, true));
  return topics;
}
