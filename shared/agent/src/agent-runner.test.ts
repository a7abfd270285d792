import type { Json } from "@busbar/kernel";
import { type EventLog, forwardingLog } from "@busbar/log";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AgentContext, Task } from "./agent-context.ts";
import type { AgentProcess, RunAgentOptions } from "./agent-process.ts";
import { runAgent } from "./agent-runner.ts";
import { chainOfTaskKey, type Client, createClient } from "./client.ts";
import { defineAgent } from "./define-agent.ts";
import { HaltedError } from "./errors.ts";
import { mortal } from "./test-logs.ts";
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

type Handler = (task: Task, ctx: AgentContext) => Promise<unknown>;

async function start(handler: Handler, change: Partial<RunAgentOptions> = {}): Promise<AgentProcess> {
  const agent = defineAgent({ name: "worker", version: "1.2.3", handler });
  const { log, codec } = bus;
  const isOrderSigned = (): boolean => true;
  const options = { log, codec, agent, prefix: PREFIX, key: KEY, isOrderSigned, instance: "one", heartbeatMs: 5 };
  const process = await runAgent({ ...options, ...change });
  running.push(process);
  return process;
}

const submit = (key: string, input: Json = null) => client.submit({ agent: "worker", input, key, timeoutMs: 2000 });
const outcome = async (key: string) => client.awaitOutcome(await submit(key), { timeoutMs: 3000 });
const typesSent = () => bus.commands.map(({ command }) => command.type);

const threeTools: Handler = async (_task, ctx) => {
  const first = await ctx.tool("a", { n: 1 });
  const second = await ctx.tool("b", { first });
  return ctx.tool("c", { second });
};

describe("an agent process", () => {
  it("runs an assigned chain to its end, with signed commands in sequence [agents:assignment-is-a-fact]", async () => {
    await start(threeTools);
    expect(await outcome("k")).toMatchObject({ state: "completed", output: { step: 3 } });
    const own = bus.commands.map(({ command }) => command).filter(({ type }) => type !== "SubmitTask");
    expect(own.map(({ meta }) => meta.streamSeq)).toEqual([1, 2, 3, 4]);
    expect(own.at(-1)).toMatchObject({
      type: "CompleteTask",
      meta: { agent: "worker", incarnation: 1, codeVersion: "1.2.3" },
    });
    expect(own[1]?.meta.causationId).toMatch(/^t\.events\/\d\/\d+$/);
  });

  it("reports what the handler threw as the task's failure [agents:assignment-is-a-fact]", async () => {
    await start(() => Promise.reject(new Error("no idea")));
    expect(await outcome("k")).toMatchObject({ state: "failed", code: "BUSBAR_HANDLER_FAILED", reason: "no idea" });
  });

  it("resumes after a kill at each record of the chain: each call is made once [agents:resume-after-kill]", async () => {
    for (let kill = 1; kill <= 3; kill += 1) {
      const key = `kill-${kill}`;
      const chain = chainOfTaskKey(key);
      const process = mortal(bus.log);
      bus.script(({ step, meta }) => {
        if (meta.chainId === chain && step === kill) process.die();
        return { do: "answer" };
      });
      const first = await start(threeTools, { log: process.log });
      const handle = await submit(key);
      await expect
        .poll(() =>
          bus.commands.some(
            ({ command }) => "step" in command && command.step === kill && command.meta.chainId === chain,
          ),
        )
        .toBe(true);
      await first.stop().catch(() => undefined);
      running = [];
      bus.script(() => ({ do: "answer" }));
      await start(threeTools, { instance: "two" });
      await bus.reassign(chain);
      expect(await client.awaitOutcome(handle, { timeoutMs: 3000 })).toMatchObject({
        state: "completed",
        output: { step: 3 },
      });
      expect(bus.recorded(chain).filter((type) => type === "EffectAdmitted")).toHaveLength(3);
      await Promise.all(running.map((one) => one.stop()));
      running = [];
    }
  });

  it("does nothing twice when the whole inbox comes again [agents:inbox-deduped]", async () => {
    let starts = 0;
    await start(async (task, ctx) => {
      starts += 1;
      return threeTools(task, ctx);
    });
    bus.script((command) => (command.step === 3 ? { do: "admit" } : { do: "answer" }));
    const handle = await submit("k");
    await expect.poll(typesSent).toHaveLength(4);
    await bus.repeatInbox("worker");
    await bus.answer(handle.chainId, 3, "done");
    expect(await client.awaitOutcome(handle, { timeoutMs: 3000 })).toMatchObject({ output: "done" });
    await bus.repeatInbox("worker");
    await expect.poll(async () => (await bus.log.offsets("t.inbox.worker", handle.partition)).end > 10n).toBe(true);
    expect(starts).toBe(1);
    expect(typesSent().filter((type) => type === "RequestJournal")).toEqual([]);
  });

  it("asks once for the journal of a chain whose outcome it gets and does not run [agents:assignment-is-a-fact]", async () => {
    bus.script((command) => (command.meta.incarnation === 1 ? { do: "admit" } : { do: "answer" }));
    const process = mortal(bus.log);
    const first = await start(threeTools, { log: process.log });
    const handle = await submit("k");
    await expect.poll(typesSent).toContain("CallTool");
    process.die();
    running = [];
    await start(threeTools, { instance: "two" });
    await bus.answer(handle.chainId, 1, { step: 1 });
    expect(await client.awaitOutcome(handle, { timeoutMs: 3000 })).toMatchObject({ state: "completed" });
    expect(typesSent().filter((type) => type === "RequestJournal")).toHaveLength(1);
    await first.stop().catch(() => undefined);
  });

  it("takes an assignment only when its inbox position is committed [agents:assignment-is-a-fact]", async () => {
    let mayCommit = false;
    let commits = 0;
    const log: EventLog = {
      ...forwardingLog(bus.log),
      async join(options) {
        const membership = await bus.log.join(options);
        const commit: typeof membership.commit = async (topic, positions) => {
          commits += 1;
          if (!mayCommit) throw new Error("the coordinator is away");
          await membership.commit(topic, positions);
        };
        return { memberName: "m", heartbeats: () => membership.heartbeats(), leave: () => membership.leave(), commit };
      },
    };
    const process = await start(threeTools, { log });
    const handle = await submit("k");
    await expect.poll(() => commits).toBeGreaterThan(2);
    expect(typesSent()).toEqual(["SubmitTask"]);
    expect(process.state().chains).toMatchObject([{ phase: "waiting" }]);
    mayCommit = true;
    expect(await client.awaitOutcome(handle, { timeoutMs: 3000 })).toMatchObject({ state: "completed" });
  });
});

describe("commands", () => {
  it("that were lost, deferred or out of sequence are sent again with the same bytes [agents:resend-same-bytes]", async () => {
    const seen = new Map<number, number>();
    bus.script(({ step }) => {
      const count = (seen.get(step) ?? 0) + 1;
      seen.set(step, count);
      if (step === 1 && count < 3) return { do: "lose" };
      if (step === 2 && count < 3) return { do: "defer", code: "BUSBAR_DOOR_CLOSED", retryAfterMs: 2 };
      return { do: "answer" };
    });
    await start(async (_task, ctx) => Promise.all([ctx.tool("a", {}), ctx.tool("b", {}), ctx.tool("c", {})]), {
      answerTimeoutMs: 30,
    });
    expect(await outcome("k")).toMatchObject({ state: "completed", output: [{ step: 1 }, { step: 2 }, { step: 3 }] });
    const bytes = new Map<number, Set<string>>();
    for (const { command, record } of bus.commands) {
      if (command.type === "SubmitTask") continue;
      const text = `${record.headers["auth"]} ${Buffer.from(record.value ?? []).toString("base64")}`;
      bytes.set(command.meta.streamSeq, (bytes.get(command.meta.streamSeq) ?? new Set()).add(text));
    }
    expect([...bytes.values()].map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    expect(seen.get(1)).toBeGreaterThanOrEqual(3);
  });

  it("whose append is unknown are sent again; the door takes them once [agents:resend-same-bytes]", async () => {
    let sent = 0;
    const log: EventLog = {
      ...forwardingLog(bus.log),
      async publish(publications) {
        const outcomes = await bus.log.publish(publications);
        if (publications[0]?.topic !== "t.commands") return outcomes;
        sent += 1;
        return sent % 2 === 1 ? outcomes.map(() => ({ kind: "unknown", cause: "lost answer" }) as const) : outcomes;
      },
    };
    await start(threeTools, { log });
    expect(await outcome("k")).toMatchObject({ state: "completed", output: { step: 3 } });
  });

  it("of an old incarnation end their run in silence [agents:old-incarnation-refused]", async () => {
    bus.script(({ step, meta }) => {
      if (step !== 2 || meta.incarnation !== 1) return { do: "answer" };
      void bus.reassign(meta.chainId);
      return { do: "lose" };
    });
    const process = await start(threeTools);
    expect(await outcome("k")).toMatchObject({ state: "completed", output: { step: 3 } });
    await expect.poll(() => process.state().chains).toEqual([]);
    expect(typesSent().filter((type) => type === "FailTask")).toEqual([]);
  });
});

describe("signs of life", () => {
  it("vouch for what runs and what waits for a slot, and for nothing that is over [agents:reassigned-without-life]", async () => {
    bus.script(() => ({ do: "admit" }));
    const process = await start((_task, ctx) => ctx.tool("a", {}), { maxChains: 1 });
    const handles = await Promise.all(["1", "2", "3"].map((key) => submit(key)));
    const latest = async () => (await bus.heartbeats()).at(-1);
    await expect.poll(async () => (await latest())?.chains.length).toBe(3);
    expect(await latest()).toMatchObject({ agent: "worker", instance: "one", state: "working" });
    await expect.poll(() => typesSent().filter((type) => type === "CallTool").length).toBe(1);
    expect(
      process
        .state()
        .chains.map(({ phase }) => phase)
        .toSorted(),
    ).toEqual(["running", "waiting", "waiting"]);
    for (const { chainId } of handles) {
      await expect
        .poll(() => bus.commands.some(({ command }) => command.type === "CallTool" && command.meta.chainId === chainId))
        .toBe(true);
      await bus.answer(chainId, 1, "x");
      await client.awaitOutcome(
        {
          ...handles[0],
          chainId,
          partition: handles.find((one) => one.chainId === chainId)?.partition ?? 0,
          from: 0n,
          agent: "worker",
        },
        { timeoutMs: 2000 },
      );
    }
    await expect.poll(async () => (await latest())?.chains).toEqual([]);
    expect((await latest())?.state).toBe("idle");
  });

  it("end with the process: the last one says stopped [agents:reassigned-without-life]", async () => {
    bus.script(() => ({ do: "admit" }));
    const process = await start((_task, ctx) => ctx.tool("a", {}));
    await submit("k");
    await expect.poll(typesSent).toContain("CallTool");
    await process.stop();
    running = [];
    expect((await bus.heartbeats()).at(-1)).toMatchObject({ state: "stopped", chains: [] });
  });
});

describe("losing the partition", () => {
  it("stops its chains and their signs of life; getting it back starts nothing by itself [agents:reassigned-without-life]", async () => {
    let assign: (partitions: readonly number[]) => void = () => undefined;
    const log: EventLog = {
      ...forwardingLog(bus.log),
      async join(options) {
        assign = (partitions) => {
          options.onAssignment(partitions, 2);
        };
        return bus.log.join(options);
      },
    };
    let seen: unknown = null;
    bus.script(() => ({ do: "admit" }));
    const process = await start(
      async (_task, ctx) => {
        await ctx.tool("a", {}).catch((thrown: unknown) => (seen = thrown));
        await ctx.tool("after", {});
      },
      { log },
    );
    const handle = await submit("k");
    await expect.poll(typesSent).toContain("CallTool");
    assign([1 - handle.partition]);
    await expect.poll(() => seen).toMatchObject({ kind: "stopped" });
    expect(process.state()).toMatchObject({ partitions: [1 - handle.partition], chains: [] });
    assign([0, 1]);
    await expect.poll(() => process.state().partitions).toEqual([0, 1]);
    expect(typesSent()).toEqual(["SubmitTask", "CallTool"]);
  });
});

describe("halts", () => {
  it("a covering halt rejects pending calls and ends the run; the resumed chain re-runs from its journal [halt:left-by-person-only]", async () => {
    let seen: unknown = null;
    bus.script(({ step, meta }) => (step === 2 && meta.incarnation === 1 ? { do: "admit" } : { do: "answer" }));
    const process = await start(async (_task, ctx) => {
      await ctx.tool("a", {});
      return ctx.tool("b", {}).catch((thrown: unknown) => {
        seen = thrown;
        throw thrown;
      });
    });
    const handle = await submit("k");
    await expect.poll(typesSent).toEqual(["SubmitTask", "CallTool", "CallTool"]);
    const fence = await bus.direct("Halt", { scope: "fleet" });
    await expect.poll(() => seen).toBeInstanceOf(HaltedError);
    expect(process.state()).toMatchObject({ state: "halted", chains: [{ phase: "halted" }] });
    await bus.reassign(handle.chainId);
    await expect.poll(() => process.state().chains).toMatchObject([{ phase: "waiting", incarnation: 2 }]);
    await bus.direct("Resume", { scope: "fleet", fence: String(fence + 1n) });
    await bus.direct("Resume", { scope: "fleet", fence: String(fence) });
    await expect.poll(() => process.state()).toMatchObject({ state: "working", chains: [{ phase: "running" }] });
    await bus.answer(handle.chainId, 2, "b");
    expect(await client.awaitOutcome(handle, { timeoutMs: 3000 })).toMatchObject({ state: "completed", output: "b" });
    expect(typesSent().filter((type) => type === "FailTask")).toEqual([]);
  });

  it("a halt of another chain or a lifted one of the past concerns nobody [halt:covers-descendants]", async () => {
    const old = await bus.direct("Halt", { scope: "fleet" });
    await bus.direct("Resume", { scope: "fleet", fence: String(old) });
    await bus.direct("Halt", { scope: "chain:other" });
    await bus.direct("Halt", { scope: "tool:a" });
    await start(threeTools);
    expect(await outcome("k")).toMatchObject({ state: "completed" });
  });

  it("ChainHalted ends the run in the same way [halt:left-by-person-only]", async () => {
    let seen: unknown = null;
    bus.script(() => ({ do: "admit" }));
    await start(async (_task, ctx) => ctx.tool("a", {}).catch((thrown: unknown) => (seen = thrown)));
    const handle = await submit("k");
    await expect.poll(typesSent).toContain("CallTool");
    await bus.emit(handle.chainId, "ChainHalted", {
      rule: "two-errors",
      ruleVersion: 1,
      reason: "two",
      evidence: [],
      directive: "",
    });
    expect(await client.awaitOutcome(handle, { timeoutMs: 2000 })).toMatchObject({ state: "halted", reason: "two" });
    await expect.poll(() => seen).toMatchObject({ kind: "halted", reason: "two" });
  });

  it("without obedience the door's refusals are all that the agent meets [halt:left-by-person-only]", async () => {
    await bus.direct("Halt", { scope: "fleet" });
    bus.script(() => ({ do: "refuse", code: "BUSBAR_HALT_ACTIVE" }));
    await start(
      async (_task, ctx) => {
        let refused = 0;
        for (let n = 0; n < 5; n += 1) await ctx.tool("a", { n }).catch(() => (refused += 1));
        return refused;
      },
      { obeysHalts: false },
    );
    expect(await outcome("k")).toMatchObject({ state: "completed", output: 5 });
  });
});

it("a re-run that differs tells the door and the position, and runs nothing [agents:divergence-recorded]", async () => {
  let version = 1;
  bus.script(({ step }) => (step === 2 ? { do: "admit" } : { do: "answer" }));
  const process = await start(async (_task, ctx) => {
    await ctx.tool(version === 1 ? "a" : "z", {});
    return ctx.tool("b", {});
  });
  const handle = await submit("k");
  await expect.poll(typesSent).toHaveLength(3);
  version = 2;
  await bus.reassign(handle.chainId);
  await expect.poll(typesSent).toEqual(["SubmitTask", "CallTool", "CallTool", "ReportDivergence"]);
  expect(bus.commands.at(-1)?.command).toMatchObject({ step: 1, actual: expect.stringContaining("tool z") as string });
  await expect.poll(() => process.state().chains).toEqual([]);
});
