/**
 * Records that nobody can read and commands that nobody may give, among good ones, on the topics of a running bus: what
 * is bad is put aside, refused or void, and the next good record is processed.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { claimHeaders, HEADER, partitionOf } from "@busbar/events";
import { openKeyring } from "@busbar/infra";
import { shortHash } from "@busbar/kernel";
import { metaWith } from "@busbar/runtime";
import { type Bus, openBus } from "../harness/bus.ts";
import { DoorTalk } from "../harness/door-talk.ts";
import { type Forged, forgeCommand, send, sendCommands, signedByClient, submission } from "../harness/forge.ts";
import { openPoisoner, type Poisoner, poisons } from "../harness/poison.ts";

const PARTITION = 1;
let bus: Bus;
let poisoner: Poisoner;
let talk: DoorTalk;

beforeAll(async () => {
  // As a broker that keeps what a producer sent: only so does a foreign codec reach a reader.
  bus = await openBus({
    brokers: inject("brokers"),
    name: "bad-input",
    topicConfig: { "compression.type": "producer" },
  });
  talk = new DoorTalk(bus, PARTITION);
  poisoner = await openPoisoner(inject("brokers"));
  await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
  await bus.doorsOpen();
});

afterAll(async () => {
  await poisoner.close();
  await bus.close();
});

describe("records that nobody can read", () => {
  test.for(["commands", "control"] as const)(
    "on %s each becomes a dead letter and a rejection, and the next good record is processed [schemas:poison-dead-lettered] [door:undecodable-rejected] [log:compressed-batch]",
    async (name) => {
      const topic = bus.topics[name];
      const bad = poisons(bus);
      const offsets = [
        ...(await poisoner.send(
          topic,
          PARTITION,
          bad.map(({ message }) => message),
        )),
      ];
      const snappy = await poisoner.sendCompressed(
        topic,
        PARTITION,
        "snappy",
        bad.slice(0, 2).map(({ message }) => message),
      );
      offsets.push(snappy, snappy + 1n);
      expect(await poisoner.sendOversized(topic, PARTITION)).toBe("MESSAGE_TOO_LARGE");
      await talk.goodTask();
      await bus.watch.until(() => talk.rejectionsOf(topic).length >= offsets.length, "each is rejected");
      const letters = await talk.deadLettersOf(topic);
      expect([...letters.keys()].map(BigInt)).toEqual(offsets);
      expect(talk.rejectionsOf(topic).map(({ event }) => BigInt(event.offset))).toEqual(offsets);
      expect([...letters.values()].every((letter) => letter.startsWith("BUSBAR_SCHEMA_"))).toBe(true);
      expect(letters.get(String(offsets[0]))).toMatch(/^BUSBAR_SCHEMA_INVALID 3 /u);
    },
  );

  test("a zstd batch is opened, and a task whose input says __proto__ is a task like any other [log:compressed-batch] [schemas:codec-never-throws]", async () => {
    const [first, second] = [talk.nextKey(), talk.nextKey()];
    const tasks = [first, second].map((key) =>
      submission(bus, key, "booker", '{"__proto__":{"fails":[]},"fails":[false]}'),
    );
    const messages = tasks.map(({ record }) => ({
      key: record.key,
      value: Buffer.from(record.value),
      headers: { ...record.headers },
    }));
    await poisoner.sendCompressed(bus.topics.commands, PARTITION, "zstd", messages);
    const wanted = new Set([first, second].map((key) => shortHash("task", key)));
    const completed = () => bus.watch.ofType("TaskCompleted").filter(({ event }) => wanted.has(event.meta.chainId));
    await bus.watch.until(() => completed().length === 2, "both tasks complete");
    expect(completed().map(({ event }) => event.output)).toEqual(['{"booked":1}', '{"booked":1}']);
  });

  test("on events they are void, and the owner goes on behind them [placement:headers-alone] [placement:void-counted] [placement:void-is-never-state]", async () => {
    const { events } = bus.topics;
    const bad = poisons(bus);
    const offsets = [
      ...(await poisoner.send(
        events,
        PARTITION,
        bad.map(({ message }) => message),
      )),
    ];
    await talk.goodTask();
    const snappy = await poisoner.sendCompressed(
      events,
      PARTITION,
      "snappy",
      bad.slice(0, 2).map(({ message }) => message),
    );
    offsets.push(snappy, snappy + 1n);
    await talk.goodTask();
    const valid = new Set(
      bus.watch.events.filter(({ partition }) => partition === PARTITION).map(({ offset }) => offset),
    );
    expect(offsets.filter((offset) => valid.has(offset))).toEqual([]);
    expect(bus.watch.undecodable).toEqual([]);
    expect(bus.watch.voids()).toBeGreaterThanOrEqual(offsets.length);
    expect((await bus.check()).findings).toEqual([]);
  });

  test("on every other topic they stop nothing [log:poison-is-data] [agents:inbox-deduped]", async () => {
    const { directives, heartbeats, signals, checkpoints } = bus.topics;
    const messages = poisons(bus).map(({ message }) => ({ ...message, key: message.key ?? "k" }));
    for (const topic of [directives, heartbeats]) await poisoner.send(topic, 0, messages);
    for (const topic of [signals, checkpoints, bus.topics.inbox("booker")])
      await poisoner.send(topic, PARTITION, messages);
    await talk.goodTask();
    // A directive behind the bad ones is applied by every partition.
    const fence = await bus.orders.halt("agent:nobody");
    await talk.appliedThrough(fence, [...Array(bus.partitions).keys()]);
  });
});

const note = (n: number) => ({
  step: n,
  tool: "orders.annotate",
  args: `{"n":${n},"orderId":1,"text":"forged"}`,
  repeat: 0,
});

describe("commands that nobody may give", () => {
  test("a forged, stale, misplaced or repeated command is refused on the log, and the rightful one is accepted [door:authentication-checked] [door:assignment-checked] [door:misplaced-chain-refused] [door:unopened-chain-refused] [door:sequence-next] [door:older-answered-again] [agents:old-incarnation-refused]", async () => {
    const chainId = await talk.openChain();
    const as = { chainId, agent: "courier", incarnation: 1, sequence: 1 };
    const rejected = (code: string) => [`CommandRejected ${code}`];
    const call = (more: Partial<Parameters<typeof forgeCommand>[3]>) =>
      talk.answered(forgeCommand(bus, "CallTool", note(1), { ...as, ...more }));
    expect(await call({ key: new Uint8Array(32) }), "another key").toEqual(rejected("BUSBAR_AUTH_FAILED"));
    expect(await call({ signer: "booker" }), "another agent's own key").toEqual(rejected("BUSBAR_AUTH_FAILED"));
    expect(await call({ incarnation: 2 }), "an incarnation to come").toEqual(rejected("BUSBAR_INCARNATION_OLD"));
    expect(await call({ replay: true }), "a replayed message").toEqual(rejected("BUSBAR_INPUT_INVALID"));
    expect(await call({ partition: 2 }), "another partition").toEqual(rejected("BUSBAR_CHAIN_MISPLACED"));
    const unknown = shortHash("task", talk.nextKey());
    expect(await call({ chainId: unknown }), "a chain that no task opened").toEqual(rejected("BUSBAR_CHAIN_UNKNOWN"));
    expect(await call({ sequence: 3 }), "a gap").toEqual(["CommandDeferred BUSBAR_SEQUENCE_GAP"]);
    const good = forgeCommand(bus, "CallTool", note(1), as);
    const copied: Forged = { ...good, partition: 3 };
    expect(await talk.answered(copied), "the rightful record, copied elsewhere").toEqual(
      rejected("BUSBAR_AUTH_FAILED"),
    );
    const altered = {
      ...good.record,
      value: bus.codec.encode("RequestJournal", { meta: metaWith({ eventId: "x", atMs: 0, chainId }), reason: "" }),
    };
    expect(await talk.answered({ ...good, record: altered }), "its code under other bytes").toEqual(
      rejected("BUSBAR_AUTH_FAILED"),
    );
    expect(bus.fires().filter((fire) => fire.chainId === chainId)).toEqual([]);

    expect(await talk.answered(good)).toEqual(["EffectAdmitted"]);
    expect(await talk.answered(good), "repeated, byte for byte").toEqual(["CommandDeferred BUSBAR_DUPLICATE"]);
    const again = forgeCommand(bus, "RequestJournal", { reason: "a test" }, { ...as, sequence: 0 });
    await sendCommands(bus, [again]);
    const assigned = () => bus.watch.ofType("TaskAssigned").filter(({ event }) => event.meta.chainId === chainId);
    await bus.watch.until(() => assigned().length === 2, "the chain is assigned again");
    expect(
      await talk.answered(forgeCommand(bus, "CallTool", note(2), { ...as, sequence: 2 })),
      "the incarnation before",
    ).toEqual(rejected("BUSBAR_INCARNATION_OLD"));
    expect(bus.fires().filter((fire) => fire.chainId === chainId)).toHaveLength(1);
    expect((await bus.check()).findings).toEqual([]);
  });

  test("what only a gateway or a person may say is refused to everyone else [door:authentication-checked] [door:orders-signed] [effects:person-settles]", async () => {
    const chainId = await talk.openChain();
    const as = { chainId, agent: "courier", incarnation: 1, sequence: 1 };
    const report = {
      parentCallId: `${chainId}:1`,
      childChainId: "c",
      state: "completed",
      output: "{}",
      childOffset: "0",
      tokensUsed: 0,
      untrusted: false,
    };
    expect(await talk.answered(forgeCommand(bus, "ReportSubtask", report, as))).toEqual([
      "CommandRejected BUSBAR_AUTH_FAILED",
    ]);
    const settlement = {
      callId: `${chainId}:1`,
      admitted: "1",
      outcome: "committed",
      reason: "",
      by: "operator:test",
    } as const;
    expect(await talk.answered(forgeCommand(bus, "SettleEffect", settlement, as))).toEqual([
      "CommandRejected BUSBAR_AUTH_FAILED",
    ]);
    const child = submission(bus, talk.nextKey(), "courier", "{}");
    const meta = metaWith({
      eventId: "x",
      atMs: Date.now(),
      chainId: child.record.key,
      lineage: [chainId, child.record.key],
    });
    const body = {
      taskKey: "x",
      agent: "courier",
      input: "{}",
      deadlineAtMs: 0,
      maxSteps: 0,
      budgetTokens: 0,
      parentChainId: chainId,
      parentCallId: `${chainId}:1`,
      untrusted: false,
    };
    const value = bus.codec.encode("SubmitTask", { meta, ...body });
    expect(await talk.answered({ ...child, record: { ...child.record, value } })).toEqual([
      "CommandRejected BUSBAR_AUTH_FAILED",
    ]);
    expect(await talk.answered(signedByClient(bus, child.record.key, value))).toEqual([
      "CommandRejected BUSBAR_INPUT_INVALID",
    ]);

    const before = talk.rejectionsOf(bus.topics.control).length;
    const { control } = bus.topics;
    const order = bus.codec.encode("SettleEffect", {
      meta: metaWith({ eventId: "y", atMs: Date.now(), chainId }),
      ...settlement,
    });
    const principal = "supervisor:s1";
    const byMachine = openKeyring(bus.keys, "supervisor").signOrder({ topic: control, principal, value: order });
    for (const [who, sig] of [["operator:test", "c2lnbmVk"] as const, [principal, byMachine] as const]) {
      const headers = { [HEADER.type]: "SettleEffect", [HEADER.principal]: who, [HEADER.sig]: sig };
      await send(bus, control, PARTITION, { key: chainId, value: order, headers });
    }
    await bus.watch.until(() => talk.rejectionsOf(control).length === before + 2, "both are rejected");
    const codes = talk.rejectionsOf(control).map(({ event }) => event.code);
    expect(codes.slice(-2)).toEqual(["BUSBAR_SIGNATURE_INVALID", "BUSBAR_AUTH_FAILED"]);
  });

  test("an unsigned halt or resume, one of another topic, and a resume that is no person's, have no effect [door:orders-signed] [halt:left-by-person-only] [halt:resume-names-fence]", async () => {
    const { directives } = bus.topics;
    const operator = openKeyring(bus.keys, "operator");
    const supervisor = openKeyring(bus.keys, "supervisor");
    const meta = () => metaWith({ eventId: `forged-${talk.nextId()}`, atMs: Date.now() });
    const halt = () =>
      bus.codec.encode("Halt", {
        meta: meta(),
        scope: "fleet",
        reason: "forged",
        by: "operator:test",
        rule: "",
        cause: "",
      });
    const resume = (fence: string) =>
      bus.codec.encode("Resume", {
        meta: meta(),
        scope: "agent:courier",
        fence,
        reason: "forged",
        by: "operator:test",
        coversThrough: [],
      });
    const order = async (type: string, value: Uint8Array, principal: string, sig: string): Promise<bigint> =>
      send(bus, directives, 0, {
        key: "fleet",
        value,
        headers: { [HEADER.type]: type, [HEADER.principal]: principal, [HEADER.sig]: sig },
      });
    const person = "operator:test";

    await order("Halt", halt(), person, "");
    const second = halt();
    await order(
      "Halt",
      second,
      person,
      operator.signOrder({ topic: bus.topics.control, principal: person, value: second }),
    );
    const third = halt();
    const last = await order(
      "Halt",
      third,
      "agent:courier",
      operator.signOrder({ topic: directives, principal: person, value: third }),
    );
    await talk.appliedThrough(last);
    await talk.goodTask();

    // An old halt, lifted long ago and copied, stops neither the doors nor the honest agents.
    const stood = await bus.orders.halt("agent:booker");
    await bus.orders.resume("agent:booker", String(stood));
    const [old] = (await talk.contents(directives, 0)).filter(({ offset }) => offset === stood);
    await send(bus, directives, 0, {
      key: "agent:booker",
      value: old?.value ?? new Uint8Array(),
      headers: old?.headers ?? {},
    });
    await talk.goodTask();

    const chainId = await talk.openChain();
    const fence = await bus.orders.halt("agent:courier");
    const byMachine = resume(String(fence));
    const principal = "supervisor:s1";
    await order("Resume", resume(String(fence)), person, "");
    const passed = await order(
      "Resume",
      byMachine,
      principal,
      supervisor.signOrder({ topic: directives, principal, value: byMachine }),
    );
    await talk.appliedThrough(passed);
    const as = { chainId, agent: "courier", incarnation: 1, sequence: 1 };
    expect(await talk.answered(forgeCommand(bus, "CallTool", note(1), as))).toEqual([
      "EffectRefused BUSBAR_HALT_ACTIVE",
    ]);

    const lifted = await bus.orders.resume("agent:courier", String(fence));
    await talk.appliedThrough(lifted);
    const [copy] = (await talk.contents(directives, 0)).filter(({ offset }) => offset === lifted);
    const newer = await bus.orders.halt("agent:courier");
    const repeated = await send(bus, directives, 0, {
      key: "fleet",
      value: copy?.value ?? new Uint8Array(),
      headers: copy?.headers ?? {},
    });
    await talk.appliedThrough(repeated);
    const next = { ...as, incarnation: 2, sequence: 1 };
    expect(newer).toBeLessThan(repeated);
    expect(await talk.answered(forgeCommand(bus, "CallTool", note(2), next))).toEqual([
      "EffectRefused BUSBAR_HALT_ACTIVE",
    ]);
    expect(bus.fires().filter((fire) => fire.chainId === chainId)).toEqual([]);
  });

  test("a foreign claim and a record under an older claim: the owner stops, claims again and goes on [ownership:superseded-stops] [ownership:idle-owner-notices] [placement:void-epoch-mismatch] [placement:claims-always-count]", async () => {
    const { events } = bus.topics;
    const { watch } = bus;
    const mine = () =>
      watch.ofType("PartitionClaimed").filter((seen) => seen.partition === PARTITION && seen.event.owner === "g1");
    const before = mine();
    const nonce = "intruder";
    const claim = bus.codec.encode("PartitionClaimed", {
      meta: metaWith({ eventId: "claim", atMs: Date.now() }),
      owner: "intruder",
      nonce,
    });
    await send(bus, events, PARTITION, {
      key: "partition-1",
      value: claim,
      headers: claimHeaders({ owner: "intruder", nonce }),
    });
    await watch.until(() => mine().length > before.length, "the owner claims again");
    const old = before.at(-1);
    const { end } = await bus.log.offsets(events, PARTITION);
    const chainId = await talk.openChain();
    const value = bus.codec.encode("TaskFailed", {
      meta: metaWith({ eventId: "z", atMs: Date.now(), chainId }),
      code: "X",
      reason: "forged",
    });
    const headers = { type: "TaskFailed", at: String(end), epoch: `${old?.offset}:${old?.event.nonce}` };
    await send(bus, events, PARTITION, { key: chainId, value, headers });
    await talk.goodTask();
    expect(watch.ofType("TaskFailed")).toEqual([]);
    expect(partitionOf(chainId, bus.partitions)).toBe(PARTITION);
    expect((await bus.check()).findings).toEqual([]);
  });
});
