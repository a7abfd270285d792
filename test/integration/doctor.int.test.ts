/**
 * The doctor on a bus of which everything is misconfigured that can be on one broker: it names each fault, and the
 * commands that it says to type mend what they are said to mend.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { ensureKeys, topicSpecs } from "@busbar/infra";
import { shortHash } from "@busbar/kernel";
import type { EventLog, Membership, NewRecord } from "@busbar/log";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { metaWith, topicNames } from "@busbar/runtime";
import { personEnv, type as typeLine, type Typed } from "../e2e/shell.ts";
import { withAdmin } from "../support/plain-kafka.ts";

const PARTITIONS = 2;
const REPAIR = "npx busbar topics apply --repair";
const folder = mkdtempSync(join(tmpdir(), "busbar-doctor-"));
const prefix = `t${shortHash("doctor", folder).slice(0, 12)}`;
const topics = topicNames(prefix);
const codec = createCodec({ ids: builtinSchemaIds() });
const members: Membership[] = [];
let log: EventLog;

interface Check {
  readonly id: string;
  readonly state: string;
  readonly subject: string;
  readonly next?: string;
}

/** What each topic is given in place of its declaration. */
const SEEDED: Readonly<
  Record<string, { readonly partitions?: number; readonly config?: Readonly<Record<string, string>> }>
> = {
  [topics.events]: { config: { "message.timestamp.type": "CreateTime", "flush.messages": "1000" } },
  [topics.commands]: { config: { "retention.ms": "3600000" } },
  [topics.control]: { partitions: 1 },
  [topics.directives]: { partitions: 3 },
  [topics.heartbeats]: { config: { "compression.type": "producer" } },
  [topics.checkpoints]: { config: { "cleanup.policy": "delete" } },
  [topics.deadLetters]: { config: { "max.message.bytes": "4096" } },
  [topics.blobs]: { config: { "min.insync.replicas": "2", "unclean.leader.election.enable": "true" } },
};

async function put(topic: string, value: Uint8Array, headers: NewRecord["headers"] = {}): Promise<void> {
  const [outcome] = await log.publish([{ topic, partition: 0, record: { key: "k", value, headers } }]);
  expect(outcome?.kind).toBe("appended");
}

/** A void event, a dead letter, and a process whose clock is twenty minutes off. */
async function seedRecords(): Promise<void> {
  const meta = metaWith({ eventId: "x", atMs: 1 });
  const refused = { topic: topics.commands, partition: 0, offset: "7", headers: "{}", bytes: new Uint8Array([1]) };
  await put(topics.events, new TextEncoder().encode("an intruder"));
  await put(
    topics.deadLetters,
    codec.encode("DeadLetter", { meta, code: "BUSBAR_SCHEMA_INVALID", reason: "1 byte is no message", ...refused }),
  );
  const beat = { supervisor: "far", stream: "events" as const, partition: 0, eventsThrough: "0", directivesEnd: "0" };
  const place = { lastOffset: "", claimOffset: "", claimNonce: "", sentAtMs: Date.now() - 1_200_000 };
  await put(topics.heartbeats, codec.encode("SupervisorHeartbeat", { meta, ...beat, ...place }));
}

/** Two gateways of which the first keeps everything. */
async function seedGroup(): Promise<void> {
  const held: number[] = [];
  for (const [index, epoch] of [9n, 1n].entries()) {
    const owned = index === 0 ? [0, 1].map((partition) => ({ partition, epoch })) : [];
    members.push(
      await log.join({
        group: `${prefix}.gateway`,
        topics: [topics.commands, topics.checkpoints],
        owned: () => owned,
        assignment: "claims",
        onAssignment: (partitions) => (held[index] = partitions.length),
        onLost: () => undefined,
      }),
    );
  }
  await vi.waitFor(() => expect(held).toEqual([PARTITIONS, 0]), { timeout: 45_000 });
}

beforeAll(async () => {
  log = createKafkaEventLog({ brokers: inject("brokers"), clientId: "doctor-test" });
  ensureKeys(join(folder, "keys"), []);
  const specs = topicSpecs({ prefix, partitions: PARTITIONS, agents: [], durability: "disk" });
  const wrong = specs
    .filter(({ name }) => name !== topics.signals)
    .map(({ name, partitions, config }) => ({
      topic: name,
      numPartitions: SEEDED[name]?.partitions ?? partitions,
      replicationFactor: 1,
      configEntries: Object.entries({ ...config, ...SEEDED[name]?.config }).map(([key, value]) => ({
        name: key,
        value,
      })),
    }));
  await withAdmin(inject("brokers"), (admin) => admin.createTopics({ topics: wrong, waitForLeaders: true }));
  await seedRecords();
  await seedGroup();
});

afterAll(async () => {
  await Promise.all(members.map((member) => member.leave()));
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

function typed(line: string): Promise<Typed> {
  const brokers = inject("brokers").join(",");
  const keys = join(folder, "keys");
  return typeLine(line, folder, personEnv({ BUSBAR_BROKERS: brokers, BUSBAR_PREFIX: prefix, BUSBAR_KEYS: keys }));
}

async function diagnose(): Promise<{ readonly code: number | null; readonly findings: readonly Check[] }> {
  const { code, out, err } = await typed("npx busbar doctor -o json");
  if (out === "") throw new Error(err);
  return { code, findings: (JSON.parse(out) as readonly Check[]).filter(({ state }) => state !== "ok") };
}

test("each seeded fault is named with what to type, and what is typed mends it [doctor:topic-timestamps] [doctor:topic-retention] [doctor:topic-too-few-partitions] [doctor:topic-too-many-partitions] [doctor:topic-compression] [doctor:topic-cleanup] [doctor:topic-max-bytes] [doctor:topic-in-sync] [doctor:topic-unclean-election] [doctor:topic-flush] [doctor:topic-missing] [doctor:partition-unowned] [doctor:supervisor-silent] [doctor:void-records] [doctor:dead-letters] [doctor:clock-skew] [doctor:group-unbalanced]", async () => {
  const { code, findings } = await diagnose();
  expect(code).toBe(4);
  const said = findings.map(({ id, subject, next }) => `${id} | ${subject} | ${next ?? ""}`);
  expect(said.filter((line) => line.startsWith("topic-")).sort()).toEqual(
    [
      `topic-timestamps | ${topics.events} | ${REPAIR}`,
      `topic-flush | ${topics.events} | ${REPAIR}`,
      `topic-retention | ${topics.commands} | ${REPAIR}`,
      `topic-too-few-partitions | ${topics.control} | ${REPAIR}`,
      `topic-too-many-partitions | ${topics.directives} | npx busbar topics recreate ${topics.directives}`,
      `topic-compression | ${topics.heartbeats} | ${REPAIR}`,
      `topic-cleanup | ${topics.checkpoints} | ${REPAIR}`,
      `topic-max-bytes | ${topics.deadLetters} | ${REPAIR}`,
      `topic-in-sync | ${topics.blobs} | ${REPAIR}`,
      `topic-unclean-election | ${topics.blobs} | ${REPAIR}`,
      `topic-missing | ${topics.signals} | npx busbar topics apply`,
    ].sort(),
  );
  expect(said).toEqual(
    expect.arrayContaining([
      "partition-unowned | partition 0 | npx busbar dev",
      "partition-unowned | partition 1 | npx busbar dev",
      // The far supervisor's beat may be some seconds old by now.
      expect.stringMatching(/^supervisor-silent \| partitions (0, )?1 \| npx busbar dev$/),
      "void-records | partition 0 | npx busbar events query --partition 0 --void",
      "dead-letters |  | npx busbar dlq ls",
      "clock-skew | supervisor far | timedatectl set-ntp true",
    ]),
  );
  expect(findings.find(({ id }) => id === "group-unbalanced")).toMatchObject({ subject: `${prefix}.gateway` });

  // Whatever it says to type about topics, as it says it.
  const commands = [
    ...new Set(findings.map(({ next = "" }) => next).filter((next) => next.startsWith("npx busbar topics"))),
  ];
  expect(commands).toHaveLength(3);
  for (const command of commands.toSorted()) await typed(command);
  const after = await diagnose();
  expect(after.findings.filter(({ id }) => id.startsWith("topic-"))).toEqual([]);
  expect((await typed("npx busbar topics")).code).toBe(0);
});

test("a topic that holds a record is never made anew [doctor:topic-too-many-partitions]", async () => {
  const { end } = await log.offsets(topics.deadLetters, 0);
  const { code, err } = await typed(`npx busbar topics recreate ${topics.deadLetters}`);
  expect([code, err.includes("only an empty topic is made anew")]).toEqual([1, true]);
  expect(await log.offsets(topics.deadLetters, 0)).toEqual({ low: 0n, end });
});
