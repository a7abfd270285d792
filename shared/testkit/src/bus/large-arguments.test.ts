import { defineAgent, defineTool, isCallError, notStarted } from "@busbar/agent";
import { type EventLog, forwardingLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 30_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const LARGE = 1_500_000;

/** A tool that tells how long what it was given is; `fails` first attempts do not begin. */
function press(fails = 0) {
  const lengths: number[] = [];
  const tool = defineTool<{ text: string }>({
    name: "press.print",
    description: "Prints a text",
    effect: "write",
    args: { type: "object", required: ["text"], properties: { text: { type: "string" } } },
    timeoutMs: 5000,
    run: ({ text }) => {
      lengths.push(text.length);
      if (lengths.length <= fails) throw notStarted("no paper");
      return { printed: text.length };
    },
  });
  return { lengths, tool };
}

const author = defineAgent<{ length: number }>({
  name: "author",
  version: "1",
  handler: async ({ input }, ctx) => {
    const first = await ctx.tool("press.print", { text: "x".repeat(input.length) });
    const again = await ctx.toolAnswer("press.print", { text: "x".repeat(input.length) });
    return { first, again: again.alreadyDone };
  },
});

const printing = (length: number) => bus?.submit("author", { length });

describe("arguments that have no room in a record", () => {
  it("reach the tool whole and name their effect, and the log of events holds their digest only [arguments:by-reference]", async () => {
    const { lengths, tool } = press();
    bus = await createTestBus({ agents: [author], tools: [tool], partitions: 1 });
    await expect(printing(LARGE)).resolves.toMatchObject({ state: "completed", output: { again: true } });
    expect(lengths).toEqual([LARGE]);
    const [admitted, ...more] = bus.events().filter((event) => event.type === "EffectAdmitted");
    expect([admitted?.args, admitted?.meta.claimCheck?.bytes, more.length]).toEqual([
      "",
      LARGE + '{"text":""}'.length,
      0,
    ]);
    expect(JSON.stringify(bus.events()).length).toBeLessThan(100_000);
  });

  it("are read again for an attempt that another gateway makes, which has none of them in memory [arguments:by-reference]", async () => {
    const { lengths, tool } = press(2);
    const policy = { tools: { "press.print": { attempts: 3 } } };
    bus = await createTestBus({ agents: [author], tools: [tool], policy, partitions: 1 });
    const task = await bus.start("author", { length: LARGE });
    // The second attempt comes at once, the third after a pause, in which the gateway is replaced.
    await bus.waitFor("EffectFailed", ({ attempt, retryAtMs }) => attempt === 2 && retryAtMs > 0);
    await bus.replaceGateway();
    await expect(bus.outcome(task)).resolves.toMatchObject({
      state: "completed",
      output: { first: { printed: LARGE } },
    });
    expect(lengths).toEqual([LARGE, LARGE, LARGE]);
  });

  it("are not sent again by a process that takes over: what is recorded is compared by their digest [arguments:by-reference]", async () => {
    const { lengths, tool } = press();
    bus = await createTestBus({ agents: [author], tools: [tool], partitions: 1 });
    const task = await bus.start("author", { length: LARGE });
    await bus.waitFor("EffectCommitted");
    await bus.replaceAgent("author");
    await expect(bus.outcome(task)).resolves.toMatchObject({ state: "completed" });
    expect(lengths).toEqual([LARGE]);
    expect(bus.events(task.chainId).filter(({ type }) => type === "Diverged")).toEqual([]);
  });

  it("beyond 4 MiB take no step [arguments:bounded]", async () => {
    const { lengths, tool } = press();
    bus = await createTestBus({ agents: [author], tools: [tool], partitions: 1 });
    const outcome = await printing(4 * 1024 * 1024);
    expect(outcome?.state).toBe("failed");
    expect(JSON.stringify(bus.events())).toContain("BUSBAR_RECORD_TOO_LARGE");
    expect([lengths, bus.events().filter(({ type }) => type === "EffectAdmitted")]).toEqual([[], []]);
  });

  it("that are lost on the way are a refusal, and no tool runs [arguments:missing-refused]", async () => {
    const { lengths, tool } = press();
    let code = "";
    const careless = defineAgent({
      name: "careless",
      version: "1",
      handler: async (_task, ctx) => {
        await ctx.tool("press.print", { text: "x".repeat(LARGE) }).catch((thrown: unknown) => {
          code = isCallError(thrown) ? thrown.code : "another error";
        });
        return code;
      },
    });
    const agentLog = (log: EventLog): EventLog => ({
      ...forwardingLog(log),
      publish: (publications) =>
        log.publish(
          publications.map((one) =>
            one.topic === "test.blobs" ? { ...one, record: { ...one.record, value: new Uint8Array(8) } } : one,
          ),
        ),
    });
    const log = createEmbeddedLog({});
    bus = await createTestBus({ agents: [careless], tools: [tool], partitions: 1, log, agentLog });
    await expect(bus.submit("careless", {})).resolves.toMatchObject({ output: "BUSBAR_CONTENT_MISSING" });
    expect(lengths).toEqual([]);
  });
});
