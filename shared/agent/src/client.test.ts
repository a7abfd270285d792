import { type EventLog, forwardingLog } from "@busbar/log";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AgentProcess } from "./agent-process.ts";
import { runAgent } from "./agent-runner.ts";
import { chainOfTaskKey, type Client, createClient } from "./client.ts";
import { defineAgent } from "./define-agent.ts";
import { systemTimers, type Timers } from "./timers.ts";
import { createTestBus, KEY, PREFIX, type TestBus } from "./test-bus.ts";

let bus: TestBus;
let agent: AgentProcess;
let clients: Client[] = [];

const worker = defineAgent({ name: "worker", version: "1", handler: (task) => Promise.resolve({ echo: task.input }) });

beforeEach(async () => {
  bus = await createTestBus(["worker", "idle"]);
  const { log, codec } = bus;
  const isOrderSigned = (): boolean => true;
  agent = await runAgent({ log, codec, agent: worker, prefix: PREFIX, key: KEY, isOrderSigned, instance: "one" });
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await agent.stop();
  await bus.close();
});

function clientOn(log: EventLog): Client {
  const client = createClient({ log, codec: bus.codec, prefix: PREFIX, name: "test", answerTimeoutMs: 20 });
  clients.push(client);
  return client;
}

const submissions = () => bus.commands.filter(({ command }) => command.type === "SubmitTask");
const task = { agent: "worker", input: { n: 1 }, key: "k", timeoutMs: 2000 };

describe("submit", () => {
  it("the same key is the same task, also for another client, and its outcome is found [door:submit-idempotent]", async () => {
    const [first, second] = [clientOn(bus.log), clientOn(bus.log)];
    const handle = await first.submit(task);
    expect(handle).toMatchObject({ chainId: chainOfTaskKey("k"), isKnown: false });
    const outcome = await first.awaitOutcome(handle, { timeoutMs: 2000 });
    expect(outcome).toMatchObject({ state: "completed", output: { echo: { n: 1 } } });
    const again = await second.submit(task);
    expect(again).toMatchObject({ chainId: handle.chainId, isKnown: true, from: outcome.offset });
    expect(await second.awaitOutcome(again, { timeoutMs: 2000 })).toEqual(outcome);
    expect(await first.awaitOutcome(handle, { timeoutMs: 2000 })).toEqual(outcome);
  });

  it("a handle is plain data: any client finds the outcome from its position [door:submit-idempotent]", async () => {
    const handle = await clientOn(bus.log).submit(task);
    const later = await clientOn(bus.log).awaitOutcome(handle, { timeoutMs: 2000 });
    expect(later.state).toBe("completed");
  });

  it("sends the same bytes again after an unknown append, until the door answers [agents:resend-same-bytes]", async () => {
    let sent = 0;
    const log: EventLog = {
      ...forwardingLog(bus.log),
      async publish(publications) {
        sent += 1;
        return sent === 1 ? [{ kind: "unknown", cause: "not even sent" }] : bus.log.publish(publications);
      },
    };
    const handle = await clientOn(log).submit(task);
    expect(handle.isKnown).toBe(false);
    expect(sent).toBeGreaterThan(1);
    expect(new Set(submissions().map(({ record }) => Buffer.from(record.value ?? []).toString("hex"))).size).toBe(1);
  });

  it("sends nothing any more once it is answered, also when the answer outruns the acknowledgement [agents:resend-same-bytes]", async () => {
    const waiting = new Set<() => void>();
    const timers: Timers = {
      ...systemTimers,
      after(delayMs, run) {
        waiting.add(run);
        const cancel = systemTimers.after(delayMs, () => {
          waiting.delete(run);
          run();
        });
        return () => {
          waiting.delete(run);
          cancel();
        };
      },
    };
    let acknowledge: () => void = () => undefined;
    const isAnswered = new Promise<void>((resolve) => (acknowledge = resolve));
    const log: EventLog = {
      ...forwardingLog(bus.log),
      async publish(publications) {
        const outcomes = await bus.log.publish(publications);
        await isAnswered;
        return outcomes;
      },
    };
    const client = createClient({ log, codec: bus.codec, prefix: PREFIX, name: "test", timers });
    clients.push(client);
    await client.submit(task);
    acknowledge();
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting.size).toBe(0);
  });

  it("void records of an intruder are no outcome [placement:void-at-mismatch]", async () => {
    const client = clientOn(bus.log);
    const held = await client.submit({ ...task, agent: "idle", key: "held" });
    const value = bus.codec.encode("TaskCompleted", {
      output: '"forged"',
      untrusted: false,
      cites: [],
      meta: { ...forgedMeta(held.chainId) },
    });
    const forger = await bus.log.openAppender(`${PREFIX}.events`, held.partition);
    await forger.append([{ key: held.chainId, value, headers: { type: "TaskCompleted", at: "0", epoch: "0:n" } }]);
    await expect(client.awaitOutcome(held, { timeoutMs: 100 })).rejects.toMatchObject({ code: "BUSBAR_TIMEOUT" });
  });
});

describe("awaitOutcome", () => {
  it("times out with a code and what to type next [cli:error-says-next]", async () => {
    const client = clientOn(bus.log);
    const handle = { chainId: chainOfTaskKey("none"), partition: 0, from: 1n, agent: "worker" };
    await expect(client.awaitOutcome(handle, { timeoutMs: 20 })).rejects.toMatchObject({ code: "BUSBAR_TIMEOUT" });
  });
});

function forgedMeta(chainId: string) {
  const texts = {
    eventId: "",
    agent: "",
    causationId: "",
    correlationId: "",
    traceparent: "",
    namespace: "",
    policyHash: "",
    codeVersion: "",
  };
  const numbers = { incarnation: 1, atMs: 1, streamSeq: 1, commandSeq: 0 };
  return { ...texts, ...numbers, chainId, lineage: [chainId], replay: false, claimCheck: null, progress: null };
}
