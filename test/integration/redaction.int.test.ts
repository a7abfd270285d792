/**
 * A canary in every place where a secret can come up: the environment of every process, a tool's result, its error, the
 * arguments of a call, a request to a model, the output of a task, a record that nobody can read. Then all topics and
 * all logs are searched for it, byte by byte, by a search that shares nothing with what redacts.
 */
import { randomBytes } from "node:crypto";
import type { StoredRecord } from "@busbar/log";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Bus, openBus } from "../harness/bus.ts";
import type { ServiceProcess } from "../harness/process.ts";
import { send } from "../harness/forge.ts";

/** With what JSON, URLs and base64 each write in their own way. */
const CANARY = `canary "${randomBytes(12).toString("hex")}"/+\\é`;
const SHAPES = [
  CANARY,
  JSON.stringify(CANARY).slice(1, -1),
  encodeURIComponent(CANARY),
  Buffer.from(CANARY).toString("base64"),
  Buffer.from(CANARY).toString("hex"),
  // Whatever wrote it: the part that looks the same everywhere.
  CANARY.slice(8, 32),
].map((text) => Buffer.from(text));

let bus: Bus;
let services: readonly ServiceProcess[] = [];

beforeAll(async () => {
  const env = { BUSBAR_SECRET_CANARY: CANARY, BUSBAR_LOG_LEVEL: "debug", BUSBAR_CHECKPOINT_EVERY: "3" };
  bus = await openBus({ brokers: inject("brokers"), name: "redaction", partitions: 1, env });
  services = await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["teller"] })]);
  await bus.doorsOpen();
});
afterAll(() => bus?.close());

const holds = (bytes: Uint8Array | string): boolean => SHAPES.some((shape) => Buffer.from(bytes).includes(shape));

async function recordsOf(topic: string): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (let partition = 0; partition < (await bus.log.partitionCount(topic)); partition += 1) {
    for await (const delivery of bus.log.read(topic, partition, { from: 0n })) records.push(...delivery.records);
  }
  return records;
}

/** Topics in which the canary is, in a key, a header or a value. */
async function leaks(): Promise<readonly string[]> {
  const topics = (await bus.log.listTopics()).filter((topic) => topic.startsWith(`${bus.prefix}.`));
  const found: string[] = [];
  for (const topic of topics) {
    const records = await recordsOf(topic);
    if (
      records.some(
        ({ key, value, headers }) => holds(value ?? "") || holds(key ?? "") || holds(JSON.stringify(headers)),
      )
    )
      found.push(topic.slice(bus.prefix.length + 1));
  }
  return found;
}

const run = async (heard: string, key: string) => {
  const task = await bus.client.submit({ agent: "teller", input: { heard }, key });
  return bus.client.awaitOutcome(task, { timeoutMs: 45_000 });
};

describe("a secret of a tool", () => {
  test("is in no record of any topic, no blob, no checkpoint and no log line, whatever says it [security:canary] [security:redacted] [security:secrets-by-name]", async () => {
    const outcome = await run("nothing new", "first");
    // Everything happened: the tool had its secret, twice answered with it, and once failed with it.
    expect(bus.fires().filter(({ tool }) => tool === "vault.open").length).toBe(3);
    const [small, big] = bus.watch.ofType("EffectCommitted").map(({ event }) => event);
    expect(small?.result).toContain('"token":"[redacted:CANARY]"');
    expect(big?.meta.claimCheck?.field).toBe("result");
    expect(bus.watch.ofType("EffectFailed")[0]?.event.reason).toContain("the login with [redacted:CANARY] was refused");
    expect(bus.watch.ofType("ModelCallAdmitted")[0]?.event.request).toContain("[redacted:CANARY]");
    expect(outcome).toMatchObject({ state: "completed", output: { said: "nothing new and [redacted:CANARY]" } });
    await bus.watch.until(() => true, "the log is read");
    await expect
      .poll(async () => (await recordsOf(bus.topics.checkpoints)).length, { timeout: 45_000 })
      .toBeGreaterThan(0);
    expect((await recordsOf(bus.topics.blobs)).length).toBeGreaterThan(0);
    expect(await leaks()).toEqual([]);
    const lines = services.flatMap((service) => service.lines());
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(holds)).toEqual([]);
  });

  test("that somebody else wrote is in that record alone: what the bus makes of it is redacted, its dead letter too [security:canary]", async () => {
    const { commands, deadLetters } = bus.topics;
    // The test's own client does not know what is secret, as an agent that came by it would not.
    expect(await run(CANARY, "second")).toMatchObject({ state: "completed" });
    expect(bus.watch.ofType("TaskSubmitted").at(-1)?.event.input).toBe('{"heard":"[redacted:CANARY]"}');
    await send(bus, commands, 0, { key: "k", value: Buffer.from(`nothing that can be read: ${CANARY}`) });
    await expect.poll(async () => (await recordsOf(deadLetters)).length, { timeout: 45_000 }).toBe(1);
    expect(await leaks()).toEqual(["commands"]);
  });
});
