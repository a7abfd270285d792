import type { Json } from "@busbar/kernel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AgentProcess, RunAgentOptions } from "./agent-process.ts";
import { runAgent } from "./agent-runner.ts";
import { chainOfTaskKey, type Client, createClient } from "./client.ts";
import { type AgentDefinition, defineAgent } from "./define-agent.ts";
import { createTestBus, KEY, PREFIX, type TestBus } from "./test-bus.ts";

let bus: TestBus;
let client: Client;
let running: AgentProcess[] = [];

beforeEach(async () => {
  bus = await createTestBus(["worker"]);
  client = createClient({ log: bus.log, codec: bus.codec, prefix: PREFIX, name: "test", key: KEY });
});

afterEach(async () => {
  await Promise.all(running.map((process) => process.stop()));
  running = [];
  await client.close();
  await bus.close();
});

async function start(agent: AgentDefinition, change: Partial<RunAgentOptions> = {}): Promise<AgentProcess> {
  const { log, codec } = bus;
  const isOrderSigned = (): boolean => true;
  const options = { log, codec, agent, prefix: PREFIX, key: KEY, isOrderSigned, instance: "one", heartbeatMs: 5 };
  const process = await runAgent({ ...options, ...change });
  running.push(process);
  return process;
}

const submit = (key: string, input: Json = null) => client.submit({ agent: "worker", input, key, timeoutMs: 2000 });
const outcome = async (key: string) => client.awaitOutcome(await submit(key), { timeoutMs: 3000 });

describe("versions of an agent", () => {
  it("runs the chains of its version beside another version, each its own [deploy:versions-side-by-side]", async () => {
    const of = (version: string): Promise<AgentProcess> => {
      const agent = defineAgent({
        name: "worker",
        version,
        handler: async (_task, ctx) => [version, await ctx.tool("a", {})],
      });
      return start(agent, { deployed: true, instance: version });
    };
    await Promise.all([of("1"), of("2")]);
    bus.pin("1");
    const handles = [await submit("old")];
    bus.pin("2");
    handles.push(await submit("new"));
    const outcomes = await Promise.all(handles.map((handle) => client.awaitOutcome(handle, { timeoutMs: 3000 })));
    expect(outcomes).toMatchObject([{ output: ["1", { step: 1 }] }, { output: ["2", { step: 1 }] }]);
    const asked = bus.commands.map(({ command }) => command.type).filter((type) => type === "RequestJournal");
    expect(asked).toEqual([]);
    expect(new Set((await bus.heartbeats()).map(({ version }) => version))).toEqual(new Set(["1", "2"]));
  });

  it("leaves pinned chains alone where nobody deployed it, and takes the others [deploy:versions-side-by-side]", async () => {
    const ran: string[] = [];
    const agent = defineAgent({
      name: "worker",
      version: "1",
      handler: (task) => Promise.resolve(ran.push(task.chainId)),
    });
    await start(agent);
    bus.pin("1");
    await submit("pinned");
    bus.pin("");
    await expect(outcome("free")).resolves.toMatchObject({ state: "completed" });
    expect(ran).toEqual([chainOfTaskKey("free")]);
  });
});
