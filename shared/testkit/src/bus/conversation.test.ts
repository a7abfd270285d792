import { defineAgent, defineModel, type ModelMessage } from "@busbar/agent";
import { ConversationReader, HISTORY_FIELD } from "@busbar/events";
import { parseJson } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 30_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

/** About a kilobyte each: what a turn adds. */
const textOf = (turn: number): string => `${turn} `.repeat(512 / `${turn} `.length);

/** A model that counts what it is told, and what it was told in all. */
function counting() {
  const told: number[] = [];
  const model = defineModel({
    name: "counting",
    complete: ({ messages }) => {
      told.push(messages.length);
      const said: ModelMessage = { role: "assistant", content: `${textOf(messages.length)}` };
      return { message: said, usage: { inputTokens: 1, outputTokens: 1 } };
    },
  });
  return { told, model };
}

const talker = (gate: (turn: number) => Promise<void> = () => Promise.resolve()) =>
  defineAgent<{ turns: number }>({
    name: "talker",
    version: "1",
    handler: async ({ input }, ctx) => {
      const messages: ModelMessage[] = [];
      for (let turn = 0; turn < input.turns; turn += 1) {
        await gate(turn);
        messages.push({ role: "user", content: textOf(turn) });
        messages.push((await ctx.model("counting", { messages })).message);
      }
      return messages.length;
    },
  });

async function bytesOf(log: EventLog, topics: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const topic of topics) {
    for await (const { records } of log.read(topic, 0, { from: 0n })) {
      for (const { value } of records) bytes += value?.length ?? 0;
    }
  }
  return bytes;
}

/** Bytes of all records that a conversation of so many turns leaves behind. */
async function bytesOfTurns(turns: number): Promise<number> {
  const { told, model } = counting();
  bus = await createTestBus({ agents: [talker()], models: [model], partitions: 1 });
  const outcome = await bus.submit("talker", { turns }, { maxSteps: 200 });
  expect(outcome).toMatchObject({ state: "completed", output: 2 * turns });
  expect(told).toEqual(Array.from({ length: turns }, (_, turn) => 2 * turn + 1));
  const bytes = await bytesOf(bus.log, ["test.events", "test.commands", "test.inbox.talker"]);
  await bus.stop();
  bus = null;
  return bytes;
}

describe("a long conversation", () => {
  it("leaves records that grow with its messages, and the model is told all of them each time [models:conversation-linear] [models:history-by-digest]", async () => {
    const [none, short, long] = [await bytesOfTurns(1), await bytesOfTurns(25), await bytesOfTurns(50)];
    console.info(`bytes of a conversation on the log: 1 turn ${none}, 25 turns ${short}, 50 turns ${long}`);
    // The second half costs what the first did. Written out it would cost three times as much.
    expect(long - short).toBeLessThan(1.25 * (short - none));
    expect(long).toBeLessThan(50 * 8 * 1024);
  });

  it("goes on whole under another gateway and another process, which remember nothing of it [models:history-by-digest]", async () => {
    const { told, model } = counting();
    let go: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      go = resolve;
    });
    const agent = talker((turn) => (turn === 3 ? opened : Promise.resolve()));
    bus = await createTestBus({ agents: [agent], models: [model], partitions: 1 });
    const task = await bus.start("talker", { turns: 5 });
    await bus.waitFor("ModelCallCompleted", ({ callId }) => callId === `${task.chainId}:3`);
    await bus.replaceGateway();
    await bus.replaceAgent("talker");
    go();
    await expect(bus.outcome(task)).resolves.toMatchObject({ state: "completed", output: 10 });
    expect(told).toEqual([1, 3, 5, 7, 9]);
    const events = bus.events(task.chainId);
    const asked = events.filter((event) => event.type === "ModelCallAdmitted");
    expect(asked.map(({ request }) => request.includes(HISTORY_FIELD))).toEqual([false, true, true, true, true]);
    const reader = new ConversationReader();
    for (const event of events) reader.observe(event);
    const last = reader.resolve(parseJson(asked.at(-1)?.request ?? "") ?? null);
    expect(last.ok && last.request).toMatchObject({ messages: { length: 9 } });
  });
});
