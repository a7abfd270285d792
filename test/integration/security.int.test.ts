/**
 * Attacks on the real broker, each with the answer of the wall that stops it, and the same attack where that wall is
 * taken away: on the listener of the tests' broker where nobody logs in. docs/security.md has the table.
 */
import { createKafkaEventLog } from "@busbar/log/kafka";
import { type EventLog, locateClaim, type NewRecord } from "@busbar/log";
import { HEADER, stampHeaders, type ToolDigest } from "@busbar/events";
import { signCommand } from "@busbar/events/codec";
import { agentKey, loginOf, type Principal } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import { metaWith } from "@busbar/runtime";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Bus, openBus } from "../harness/bus.ts";
import { DoorTalk } from "../harness/door-talk.ts";
import type { ServiceProcess } from "../harness/process.ts";
import { type Forged, forgeCommand, submission } from "../harness/forge.ts";

const PARTITION = 0;
let bus: Bus;
let talk: DoorTalk;
let gateway: ServiceProcess;
/** Of the manifest of orders.annotate as the first gateway has it. */
let digestBefore = "";
const logs: EventLog[] = [];

beforeAll(async () => {
  bus = await openBus({ brokers: inject("brokers"), name: "security", partitions: 2 });
  talk = new DoorTalk(bus, PARTITION);
  const first = bus.gateway("g1");
  await Promise.all([first, bus.supervisor("s1"), bus.agent("a1", { names: ["looper", "booker"] })]);
  gateway = await first;
  await bus.doorsOpen();
  const tools = bus.watch.ofType("DoorOpened")[0]?.event.tools ?? [];
  digestBefore = tools.find(({ tool }) => tool === "orders.annotate")?.digest ?? "";
  expect(digestBefore).not.toBe("");
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
    const { events, directives, control, signals, checkpoints, deadLetters, inbox } = bus.topics;
    for (const topic of [
      events,
      directives,
      control,
      signals,
      checkpoints,
      deadLetters,
      inbox("looper"),
      inbox("booker"),
    ]) {
      expect([topic, await write(log, topic)]).toEqual([topic, DENIED]);
    }
    for (const topic of [bus.topics.heartbeats, bus.topics.blobs]) expect(await write(log, topic)).toBe("appended");
  });

  test("what is published beside a topic that agent A may not write is written all the same [append:bad-topic-alone]", async () => {
    const log = logOf("agent:looper");
    const [good, bad] = [bus.topics.heartbeats, bus.topics.directives];
    const outcomes = await log.publish(
      [good, bad, good].map((topic) => ({ topic, partition: 0, record: record("k") })),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      "appended",
      outcomes[1]?.kind === "refused" ? "refused" : "unknown",
      "appended",
    ]);
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

/**
 * What an agent may write it may write: these attacks are accepted by the broker, from the attacker's own principal, and
 * stopped by the door. Each is followed by the rightful command, so that what is refused is the attack and not all.
 */
describe("the door's wall", () => {
  const call = { step: 1, tool: "orders.annotate", args: '{"orderId":1,"n":1,"text":"x"}', repeat: 0 };
  const asCourier = (chainId: string) => ({ chainId, agent: "courier", incarnation: 1, sequence: 1 });
  /** Writes as agent looper, whose principal may write commands, and returns what the door answers. */
  const answered = (forged: Forged): Promise<readonly string[]> =>
    talk.decided(async () => {
      const [outcome] = await logOf("agent:looper").publish([{ topic: bus.topics.commands, ...forged }]);
      if (outcome?.kind !== "appended") throw new Error(refusalIn(outcome));
      return talk.answersTo(bus.topics.commands, forged.partition, outcome.baseOffset);
    });

  test("agent A commands as B neither with its own key nor without one [door:authentication-checked]", async () => {
    const chainId = await talk.openChain();
    const own = forgeCommand(bus, "CallTool", call, { ...asCourier(chainId), key: agentKey(bus.keys, "looper") });
    expect(await answered(own)).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    const { [HEADER.auth]: _auth, ...unsigned } = own.record.headers ?? {};
    const bare = { ...own, record: { ...own.record, headers: unsigned } };
    expect(await answered(bare)).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    // In its own name it says nothing about a chain of B's.
    const inOwnName = forgeCommand(bus, "CallTool", call, { ...asCourier(chainId), signer: "looper" });
    expect(await answered(inOwnName)).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    expect(await answered(forgeCommand(bus, "CallTool", call, asCourier(chainId)))).toEqual(["EffectAdmitted"]);
  });

  test("B's command, replayed by A, is no second command: there, in another chain, at another place [security:commands-not-replayed] [door:older-answered-again]", async () => {
    const chainId = await talk.openChain();
    const stolen = forgeCommand(bus, "CallTool", call, asCourier(chainId));
    expect(await answered(stolen)).toEqual(["EffectAdmitted"]);
    await bus.watch.until(() => outcomesOf(chainId) === 1, "the effect is done");
    expect(await answered(stolen)).toEqual(["CommandDeferred BUSBAR_DUPLICATE"]);
    expect(await answered({ ...stolen, partition: 1 })).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    const other = await talk.openChain();
    const moved = { ...stolen, record: { ...stolen.record, key: other } };
    expect(await answered(moved)).toEqual(["CommandDeferred BUSBAR_DUPLICATE"]);
    expect(outcomesOf(chainId)).toBe(1);
    expect(bus.fires().filter((fire) => fire.chainId === chainId).length).toBe(1);
  });

  test("A chooses no partition: a chain acts where it hashes to, and nowhere else [door:misplaced-chain-refused]", async () => {
    const chainId = await talk.openChain();
    const elsewhere = forgeCommand(bus, "CallTool", call, { ...asCourier(chainId), partition: 1 });
    expect(await answered(elsewhere)).toEqual(["CommandRejected BUSBAR_CHAIN_MISPLACED"]);
  });

  test("A opens no chain of its own: neither as itself, nor as a client, nor by a command [security:only-clients-open-chains] [door:unopened-chain-refused] [security:clients-signed]", async () => {
    const task = submission(bus, talk.nextKey(), "looper", "{}");
    const chainId = task.record.key;
    const { value } = task.record;
    const position = {
      topic: bus.topics.commands,
      partition: task.partition,
      chainId,
      incarnation: 0,
      sequence: 0,
      value,
    };
    const auth = signCommand(agentKey(bus.keys, "looper"), position);
    const signedBy = (principal: string): Forged => {
      const headers = { ...task.record.headers, [HEADER.principal]: principal, [HEADER.auth]: auth };
      return { ...task, record: { ...task.record, headers } };
    };
    expect(await answered(signedBy("agent:looper"))).toEqual(["CommandRejected BUSBAR_INPUT_INVALID"]);
    expect(await answered(signedBy("client:test"))).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    expect(await answered(signedBy("client:nobody"))).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    expect(await answered(signedBy("gateway"))).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    const unopened = forgeCommand(bus, "CallTool", call, { ...asCourier(chainId), agent: "looper" });
    expect(await answered(unopened)).toEqual(["CommandRejected BUSBAR_CHAIN_UNKNOWN"]);
    expect(await answered(task)).toContain("TaskSubmitted");
  });

  const outcomesOf = (chainId: string): number =>
    bus.watch.ofType("EffectCommitted").filter(({ event }) => event.meta.chainId === chainId).length;
});

describe("the policy's wall", () => {
  test("a tool whose manifest was changed behind the policy's back is refused, and the others run; with the tools of the policy it runs again [security:changed-tool-refused]", async () => {
    const offset = await bus.orders.setPolicy(await policyInForce());
    await talk.appliedThrough(offset, [0, 1]);
    await gateway.kill();
    gateway = await bus.gateway("g2", { BUSBAR_TEST_CHANGED_TOOL: "orders.annotate" });
    const ofG2 = (): number => bus.watch.ofType("DoorOpened").filter(({ event }) => isChanged(event.tools)).length;
    await bus.watch.until(() => ofG2() >= 2, "the changed gateway's doors are open");
    const chainId = await talk.openChain();
    const as = { chainId, agent: "courier", incarnation: 1, sequence: 1 };
    const note = { step: 1, tool: "orders.annotate", args: '{"orderId":1,"n":1,"text":"x"}', repeat: 0 };
    const mail = { step: 2, tool: "mail.send", args: '{"to":"a@example.org","subject":"s","body":"b"}', repeat: 0 };
    expect(await talk.decided(() => talk.answered(forgeCommand(bus, "CallTool", note, as)))).toEqual([
      "EffectRefused BUSBAR_TOOL_CHANGED",
    ]);
    const second = forgeCommand(bus, "CallTool", mail, { ...as, sequence: 2 });
    expect(await talk.decided(() => talk.answered(second))).toEqual(["EffectAdmitted"]);
    expect(bus.fires().filter((fire) => fire.chainId === chainId && fire.tool === "orders.annotate")).toEqual([]);
    await gateway.kill();
    gateway = await bus.gateway("g3");
    await talk.goodTask();
  });

  /** What the first gateway put there; a person signs it from now on. */
  const policyInForce = async (): Promise<{ readonly hash: string; readonly policy: string }> => {
    const all = await talk.contents(bus.topics.directives, 0);
    const policies = all.flatMap(({ value }) => {
      const decoded = bus.codec.decode(value, "directive");
      return decoded.ok && decoded.message.type === "SetPolicy" ? [decoded.message] : [];
    });
    const found = policies.at(-1);
    if (found === undefined) throw new Error("no policy is in force");
    return { hash: found.hash, policy: found.policy };
  };

  const isChanged = (tools: readonly ToolDigest[]): boolean =>
    tools.some(({ tool, digest }) => tool === "orders.annotate" && digest !== digestBefore);
});

describe("behind the broker's wall", () => {
  test("where nobody logs in a forged event is written, and is void: it changes nothing [security:second-wall] [placement:void-is-never-state]", async () => {
    const { events } = bus.topics;
    const { end } = await bus.log.offsets(events, PARTITION);
    const claim = await locateClaim(bus.log, events, PARTITION, end);
    if (claim === null) throw new Error("no claim stands");
    const chainId = await talk.openChain();
    const meta = metaWith({ eventId: "forged", atMs: Date.now(), chainId, agent: "courier" });
    const value = bus.codec.encode("TaskCompleted", { meta, output: '"forged"', untrusted: false, cites: [] });
    // The claim in force, and an offset that it does not get. One that guesses the next offset and wins the race for it
    // is not void: then the digest chain does not fit, and the partition shuts itself (BUSBAR_LOG_CORRUPT).
    const at = (await bus.log.offsets(events, PARTITION)).end + 1_000n;
    const headers = stampHeaders({ type: "TaskCompleted", at, claim, prev: "", value }, () => "0".repeat(64));
    expect(await write(logOf("agent:courier"), events, { key: chainId, value, headers })).toBe(DENIED);
    const voids = bus.watch.voids();
    expect(await write(bus.log, events, { key: chainId, value, headers })).toBe("appended");
    await bus.watch.until(() => bus.watch.voids() > voids, "the forged event is void");
    await talk.goodTask();
    expect(bus.watch.ofType("TaskCompleted").filter(({ event }) => event.meta.chainId === chainId)).toEqual([]);
  });
});
