/**
 * Attacks on the real broker, each with the answer of the wall that stops it, and the same attack where that wall is
 * taken away: on the listener of the tests' broker where nobody logs in. docs/security.md has the table.
 */
import { createKafkaEventLog } from "@busbar/log/kafka";
import { type EventLog, locateClaim, type NewRecord } from "@busbar/log";
import { HEADER, stampHeaders } from "@busbar/events";
import { loginOf, type Principal } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import { metaWith } from "@busbar/runtime";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Bus, openBus } from "../harness/bus.ts";
import { DoorTalk } from "../harness/door-talk.ts";

const PARTITION = 0;
let bus: Bus;
let talk: DoorTalk;
const logs: EventLog[] = [];

beforeAll(async () => {
  bus = await openBus({ brokers: inject("brokers"), name: "security", partitions: 2 });
  talk = new DoorTalk(bus, PARTITION);
  await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["looper", "booker"] })]);
  await bus.doorsOpen();
});

afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await bus?.close();
});

const login = (principal: Principal) =>
  loginOf({ env: { BUSBAR_SECURITY: "scram" }, keys: bus.keys, prefix: bus.prefix, principal });

/** The log as a principal of the bus sees it: what an attacker has who took its password. */
function logOf(principal: Principal): EventLog {
  const brokers = inject("securedBrokers");
  const log = createKafkaEventLog({ brokers, clientId: `attack-${principal}`, ...login(principal) });
  logs.push(log);
  return log;
}

const record = (key: string): NewRecord => ({
  key,
  value: Buffer.from("forged"),
  headers: { [HEADER.type]: "Forged" },
});

/** What the broker says to a record: `appended`, or the name of its refusal. */
async function write(
  log: EventLog,
  topic: string,
  one: NewRecord = record("k"),
  partition = PARTITION,
): Promise<string> {
  const [outcome] = await log.publish([{ topic, partition, record: one }]);
  if (outcome?.kind === "appended") return "appended";
  return outcome?.kind === "refused" ? refusalIn(outcome.error) : refusalIn(outcome?.cause);
}

async function read(log: EventLog, topic: string): Promise<string> {
  try {
    for await (const _delivery of log.read(topic, PARTITION, { from: 0n })) break;
    return "read";
  } catch (error) {
    return refusalIn(error);
  }
}

/** The broker's own word, somewhere down the causes; our code for it where there is none. */
function refusalIn(cause: unknown): string {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ("type" in error && typeof error.type === "string") return error.type;
    const [first] = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
    if (first instanceof Error) return refusalIn(first);
  }
  return isBusbarError(cause) ? cause.code : String(cause);
}

const DENIED = "TOPIC_AUTHORIZATION_FAILED";
/** A topic of which it may not even know the size, or whose records it is not given. */
const UNREAD = /^(TOPIC_AUTHORIZATION_FAILED|BUSBAR_LOG_FORBIDDEN)$/;

describe("the broker's wall", () => {
  test("whoever does not log in, or with a wrong password, gets nothing [security:login-required]", async () => {
    const quiet = { brokers: [...inject("securedBrokers")], logLevel: logLevel.NOTHING, retry: { retries: 0 } };
    const nobody = new Kafka(quiet).admin();
    await expect(nobody.connect().then(() => nobody.listTopics())).rejects.toThrow();
    const sasl = { mechanism: "scram-sha-512" as const, username: `${bus.prefix}.gateway`, password: "guessed" };
    const guesser = new Kafka({ ...quiet, sasl }).admin();
    await expect(guesser.connect()).rejects.toThrow(/SASL|[Aa]uthentication/);
    await Promise.all([nobody.disconnect(), guesser.disconnect()]);
  });

  test("agent A writes no events, directives, control, signals, checkpoints or inbox, its own included [security:agent-writes-commands-only]", async () => {
    const log = logOf("agent:looper");
    const { events, directives, control, signals, checkpoints, deadLetters, blobs, inbox } = bus.topics;
    for (const topic of [
      events,
      directives,
      control,
      signals,
      checkpoints,
      deadLetters,
      blobs,
      inbox("looper"),
      inbox("booker"),
    ]) {
      expect([topic, await write(log, topic)]).toEqual([topic, DENIED]);
    }
    expect(await write(log, bus.topics.heartbeats)).toBe("appended");
  });

  test("agent A reads its inbox and the directives, and no events, no commands, no other inbox [security:agent-reads-its-own]", async () => {
    const log = logOf("agent:looper");
    const { events, commands, control, heartbeats, directives, inbox } = bus.topics;
    // There is something to be read in each of them.
    await talk.goodTask();
    for (const topic of [control, inbox("looper")]) expect(await write(bus.log, topic)).toBe("appended");
    for (const topic of [events, commands, control, heartbeats, inbox("booker")]) {
      expect([topic, await read(log, topic)]).toEqual([topic, expect.stringMatching(UNREAD)]);
    }
    for (const topic of [directives, inbox("looper")]) expect([topic, await read(log, topic)]).toEqual([topic, "read"]);
  });

  test("agent A joins no group but its own [security:agent-reads-its-own]", async () => {
    const log = logOf("agent:looper");
    const positionIn = (agent: string) => log.committed(`${bus.prefix}.agent.${agent}`, bus.topics.inbox("looper"), 0);
    expect(await positionIn("looper").then(() => "answered")).toBe("answered");
    // kafkajs keeps the broker's word (GROUP_AUTHORIZATION_FAILED) to itself.
    await expect(positionIn("booker")).rejects.toThrow(/group coordinator/);
  });

  test("supervisor, client and operator write what is theirs and no events [security:deny-by-default]", async () => {
    const { events, directives, control, commands } = bus.topics;
    const tried = async (principal: Principal) => {
      const log = logOf(principal);
      const answers: string[] = [];
      // One after the other: what is sent together is refused together.
      for (const topic of [events, directives, control, commands]) answers.push(await write(log, topic));
      return answers;
    };
    expect(await tried("supervisor")).toEqual([DENIED, "appended", DENIED, DENIED]);
    expect(await tried("client:test")).toEqual([DENIED, DENIED, DENIED, "appended"]);
    expect(await tried("operator")).toEqual([DENIED, "appended", "appended", "appended"]);
    expect(await write(logOf("gateway"), control)).toBe(DENIED);
  });

  test("nobody has a transactional id, so nobody hides the end of the log behind an open transaction [append:reads-past-open-transaction]", async () => {
    const kafka = new Kafka({
      brokers: [...inject("securedBrokers")],
      logLevel: logLevel.NOTHING,
      ...kafkaLogin("gateway"),
      retry: { retries: 1 },
    });
    const producer = kafka.producer({ transactionalId: "t", idempotent: true, maxInFlightRequests: 1 });
    const opened = producer.connect().then(() => producer.transaction());
    await expect(opened).rejects.toThrow(/coordinator/);
    await producer.disconnect();
  });

  test("no service creates a topic [security:deny-by-default]", async () => {
    const log = logOf("gateway");
    const made = log.ensureTopics([{ name: `${bus.prefix}.mine`, partitions: 1, config: {} }]);
    await expect(made).rejects.toThrow();
    expect(await bus.log.listTopics()).not.toContain(`${bus.prefix}.mine`);
  });
});

const kafkaLogin = (principal: Principal) => {
  const sasl = login(principal).sasl?.();
  return sasl === undefined ? {} : { sasl };
};

describe("behind the broker's wall", () => {
  test("where nobody logs in a forged event is written, and is void: it changes nothing [security:second-wall] [placement:void-is-never-state]", async () => {
    const { events } = bus.topics;
    const { end } = await bus.log.offsets(events, PARTITION);
    const claim = await locateClaim(bus.log, events, PARTITION, end);
    if (claim === null) throw new Error("no claim stands");
    const chainId = await talk.openChain();
    const meta = metaWith({ eventId: "forged", atMs: Date.now(), chainId, agent: "courier" });
    const value = bus.codec.encode("TaskCompleted", { meta, output: '"forged"' });
    // The best that a forger can do: the claim in force, and the offset that it hopes for.
    const at = (await bus.log.offsets(events, PARTITION)).end + 1n;
    const headers = stampHeaders({ type: "TaskCompleted", at, claim, prev: "", value }, () => "0".repeat(64));
    expect(await write(logOf("agent:courier"), events, { key: chainId, value, headers })).toBe(DENIED);
    const voids = bus.watch.voids();
    expect(await write(bus.log, events, { key: chainId, value, headers })).toBe("appended");
    await bus.watch.until(() => bus.watch.voids() > voids, "the forged event is void");
    await talk.goodTask();
    expect(bus.watch.ofType("TaskCompleted").filter(({ event }) => event.meta.chainId === chainId)).toEqual([]);
  });
});
