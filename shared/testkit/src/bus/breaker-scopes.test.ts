import { chainOfTaskKey, defineAgent, defineTool } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { keyIn } from "./scenes.ts";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

// Milliseconds each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 30_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

interface Ask {
  readonly tool: string;
  readonly fail: boolean;
}

/** One call per chain, so that no rule of a chain stops it first. */
const asker = (name: string) =>
  defineAgent<Ask>({
    name,
    version: "1",
    handler: ({ input }, ctx) => ctx.tool(input.tool, { fail: input.fail }),
  });

/** A tool that fails for who asks it to, and works for everybody else. */
const vendor = (name: string, needs: readonly string[] = []) =>
  defineTool<{ fail: boolean }>({
    name,
    description: "Fails when it is told to",
    effect: "read",
    args: { type: "object", required: [...needs] },
    timeoutMs: 2000,
    run: ({ fail }) => {
      if (fail) throw new Error("the vendor does not understand");
      return { ok: true };
    },
  });

const TOOLS = ["v.a", "v.b", "v.c", "v.d"];
const COOL = { cooldownMs: 60_000 };

async function open(
  breaker: NonNullable<TestBusOptions["policy"]>["breaker"],
  more: TestBusOptions["policy"] = {},
): Promise<TestBus> {
  bus = await createTestBus({
    agents: [asker("careless"), asker("careful")],
    tools: [...TOOLS.map((name) => vendor(name)), vendor("v.strict", ["n"])],
    policy: { breaker: { ...COOL, ...breaker }, ...more },
  });
  return bus;
}

const opened = (test: TestBus, partition = 0): readonly string[] =>
  test
    .events()
    .filter(({ meta }) => meta.eventId.startsWith(`test.events/${partition}/`))
    .flatMap((event) => ("applied" in event ? event.applied : []))
    .filter(({ kind }) => kind === "OpenBreaker")
    .map(({ id }) => id);

const opens = (test: TestBus): Promise<void> =>
  until(() => [0, 1].every((partition) => opened(test, partition).length > 0), "both doors have applied it", 15_000);

let asked = 0;
/** Alternately in both partitions: what is counted is counted across them. */
async function ask(test: TestBus, agent: string, tool: string, fail = false): Promise<string> {
  asked += 1;
  const key = keyIn(asked % 2, 2, (text) => chainOfTaskKey(`${asked} ${text}`));
  const outcome = await test.submit(agent, { tool, fail }, { key: `${asked} ${key}` });
  return outcome.state === "completed" ? "ok" : "code" in outcome ? (outcome.code ?? "") : "";
}

describe("an agent that fails at one tool, which works for others", () => {
  it("is cut off from that tool alone; the tool goes on for the others [supervisor:breaker-scopes] [supervisor:breaker-peers]", async () => {
    const test = await open({});
    for (let n = 0; n < 2; n += 1) expect(await ask(test, "careless", "v.a", true)).toBe("BUSBAR_TOOL_FAILED");
    await opens(test);
    expect(await ask(test, "careless", "v.a")).toBe("BUSBAR_BREAKER_OPEN");
    expect(await ask(test, "careless", "v.b")).toBe("ok");
    expect(await ask(test, "careful", "v.a")).toBe("ok");
    expect(opened(test)).toEqual(["agent:careless/tool:v.a"]);
  });

  it("without the breaker of the pair, and with one agent's failures all counted, it takes the tool from everybody [supervisor:breaker-scopes] [supervisor:breaker-peers]", async () => {
    const test = await open({ pairFailures: 0, perAgent: 0 });
    for (let n = 0; n < 2; n += 1) await ask(test, "careless", "v.a", true);
    await opens(test);
    expect(opened(test)).toEqual(["tool:v.a"]);
    expect(await ask(test, "careful", "v.a")).toBe("BUSBAR_BREAKER_OPEN");
  });
});

describe("an agent that fails at many tools", () => {
  const failAround = async (test: TestBus): Promise<void> => {
    for (const tool of [...TOOLS, "v.a"]) await ask(test, "careless", tool, true);
  };

  it("is cut off from all of them, while other agents go on [supervisor:breaker-scopes]", async () => {
    const test = await open({ pairFailures: 0 });
    await failAround(test);
    await opens(test);
    expect(opened(test)).toEqual(["agent:careless"]);
    for (const tool of TOOLS) expect(await ask(test, "careless", tool)).toBe("BUSBAR_BREAKER_OPEN");
    for (const tool of TOOLS) expect(await ask(test, "careful", tool)).toBe("ok");
  });

  it("is cut off as well where the same records tell of other things too: load, and decisions [supervisor:signal-id]", async () => {
    const flow = { agent: { lower: 0, upper: 1, pause: 100, lagLowerMs: 1, lagUpperMs: 2 }, intervalMs: 1 };
    const test = await open({ pairFailures: 0 }, { drift: { window: 4, psi: 1000 }, flow });
    await failAround(test);
    await opens(test);
    expect(opened(test)).toEqual(["agent:careless"]);
  });

  it("without its breaker it goes on calling [supervisor:breaker-scopes]", async () => {
    const test = await open({ pairFailures: 0, agentFailures: 0 });
    await failAround(test);
    expect(await ask(test, "careless", "v.b")).toBe("ok");
    expect(opened(test)).toEqual([]);
  });

  it("a broken tool alone opens the tool's breaker by failures of two agents, and no agent's [supervisor:breaker-peers]", async () => {
    const test = await open({ pairFailures: 0 });
    const askers = ["careless", "careless", "careless", "careless", "careless", "careless", "careful"];
    for (const agent of askers) await ask(test, agent, "v.a", true);
    await opens(test);
    expect(opened(test)).toEqual(["tool:v.a"]);
    expect(await ask(test, "careless", "v.b")).toBe("ok");
  });

  it("calls that the door refuses for their arguments open its own breaker and never the tool's [supervisor:breaker-whose-error]", async () => {
    const test = await open({ pairFailures: 0 });
    for (let n = 0; n < 5; n += 1) expect(await ask(test, "careless", "v.strict")).toBe("BUSBAR_INPUT_INVALID");
    await opens(test);
    expect(opened(test)).toEqual(["agent:careless"]);
  });
});
