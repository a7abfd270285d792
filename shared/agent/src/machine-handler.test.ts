import type { Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { assign, cancel, createMachine, fromPromise, raise, sendParent, setup } from "xstate";
import { agentSetup } from "./agent-machine.ts";
import { type AgentDefinition, defineAgent } from "./define-agent.ts";
import { ASIDE_BASE, foldJournal } from "./journal.ts";
import { handlerOf } from "./machine-handler.ts";
import type { RunCommand } from "./run-context.ts";
import { outcomeOf, playAgain, playLive, runOf, sourcedAt, submittedAt } from "./test-door.ts";

type Context = { readonly order: Json; readonly stock: Json; readonly problem: string };

/** Reads and asks another agent at once, mails when both are there, says what it did, completes. */
const clerkMachine = agentSetup<Context>().createMachine({
  id: "clerk",
  initial: "gathering",
  context: { order: null, stock: null, problem: "" },
  on: {
    "tool.refused": { target: ".givenUp", actions: assign({ problem: ({ event }) => event.code }) },
    halted: ".stoppedByHalt",
  },
  states: {
    gathering: {
      entry: [
        { type: "tool", params: { id: "order", tool: "orders.read", args: { id: 1 } } },
        { type: "send", params: { id: "stock", agent: "warehouse", input: { sku: "a" } } },
      ],
      on: {
        "tool.done": { actions: assign({ order: ({ event }) => event.result }) },
        "subtask.done": { actions: assign({ stock: ({ event }) => event.output }) },
      },
      always: { guard: ({ context }) => context.order !== null && context.stock !== null, target: "mailing" },
    },
    mailing: {
      entry: {
        type: "tool",
        params: ({ context }) => ({ id: "mail", tool: "mail.send", args: { order: context.order } }),
      },
      on: { "tool.done": "stating" },
    },
    stating: {
      entry: { type: "statement", params: { id: "said", subject: "mail", statement: "sent" } },
      on: { "statement.checked": "done" },
    },
    stoppedByHalt: { entry: { type: "statement", params: { id: "last", subject: "mail", statement: "halted" } } },
    givenUp: { type: "final" },
    done: { type: "final" },
  },
  output: ({ context }): Json => ({ stock: context.stock, problem: context.problem }),
});

const clerk = defineAgent({ name: "clerk", version: "1", machine: clerkMachine });
const typesOf = (commands: readonly RunCommand[]): string[] => commands.map(({ step, type }) => `${step} ${type}`);

describe("a machine agent", () => {
  it("runs its intents as steps and completes with the machine's output [agents:machine-agent]", async () => {
    const { commands, end } = await playLive(handlerOf(clerk), (command) => (command.type === "CallTool" ? 4 : 1));
    expect(typesOf(commands)).toEqual(["1 CallTool", "2 SendTask", "3 CallTool", "4 MakeStatement", "5 CompleteTask"]);
    expect(end).toEqual({ kind: "completed", output: '{"problem":"","stock":{"step":2}}' });
  });

  it("does the same twice, and resumes from every prefix of its journal [agents:machine-agent]", async () => {
    const [first, second] = [await playLive(handlerOf(clerk), () => 1), await playLive(handlerOf(clerk), () => 1)];
    expect(second).toEqual(first);
    for (let prefix = 1; prefix <= first.events.length; prefix += 1) {
      const again = await playAgain(handlerOf(clerk), first, prefix);
      const recorded = foldJournal(first.events.slice(0, prefix)).calls.size;
      expect(again.commands).toEqual(first.commands.slice(recorded));
      expect(again.end).toEqual(first.end);
    }
  });

  it("gets a refusal as an event of its own type [agents:machine-agent]", async () => {
    const refusal = {
      type: "EffectRefused",
      callId: "chain-1:1",
      step: 1,
      code: "BUSBAR_FREEZE_ACTIVE",
      reason: "r",
      tool: "orders.read",
      argsHash: "",
    };
    const run = runOf(handlerOf(clerk), foldJournal([submittedAt(0n)]), (command) => {
      const answer = command.type === "CallTool" ? sourcedAt(5n, refusal as never) : outcomeOf(6n, command);
      if (answer !== null) run.receive(answer);
    });
    run.start();
    expect(await run.ended).toMatchObject({
      kind: "completed",
      output: expect.stringContaining("BUSBAR_FREEZE_ACTIVE") as string,
    });
  });

  it("hears of a halt once and may still state something [halt:left-by-person-only]", async () => {
    const commands: RunCommand[] = [];
    const run = runOf(handlerOf(clerk), foldJournal([submittedAt(0n)]), (command) => commands.push(command));
    run.start();
    run.halt("BUSBAR_HALT_ACTIVE", "stop");
    expect((await run.ended).kind).toBe("halted");
    await expect.poll(() => typesOf(commands)).toHaveLength(3);
    expect(commands[2]).toMatchObject({ type: "MakeStatement", statement: "halted" });
    expect(commands[2]?.step).toBeGreaterThan(ASIDE_BASE);
  });

  it("that waits for nothing fails its task instead of waiting for ever [agents:machine-agent]", async () => {
    const stuck = agentSetup<Context>().createMachine({
      context: { order: null, stock: null, problem: "" },
      initial: "a",
      states: { a: {} },
    });
    const { end } = await playLive(handlerOf(defineAgent({ name: "stuck", version: "1", machine: stuck })), () => 0);
    expect(end).toMatchObject({
      kind: "failed",
      code: "BUSBAR_HANDLER_FAILED",
      reason: expect.stringContaining("waits for nothing") as string,
    });
  });

  it("whose guard throws fails its task with that reason [agents:machine-agent]", async () => {
    const throwing = createMachine({
      initial: "a",
      states: {
        a: {
          always: {
            target: "b",
            guard: () => {
              throw new Error("bad guard");
            },
          },
        },
        b: { type: "final" },
      },
    });
    const { end } = await playLive(handlerOf(defineAgent({ name: "bad", version: "1", machine: throwing })), () => 0);
    expect(end).toMatchObject({ kind: "failed", reason: expect.stringContaining("bad guard") as string });
  });
});

describe("a machine's delays", () => {
  /** Waits 50 ms for the reading, or 10 more after it was asked to hurry. */
  const patient = (delays: { readonly first: number }) =>
    agentSetup<{ readonly hurried: boolean }>()
      .extend({ delays: { first: () => delays.first } })
      .createMachine({
        initial: "waiting",
        context: { hurried: false },
        on: { hurry: { actions: assign({ hurried: true }) } } as never,
        states: {
          waiting: {
            entry: [
              { type: "tool", params: { id: "t", tool: "slow", args: {} } },
              raise({ type: "hurry" } as never, { delay: 40, id: "h" }) as never,
            ],
            on: { "tool.done": "read" },
            after: { first: "late" },
          },
          read: { entry: cancel("h"), after: { 7: "done" } },
          late: { type: "final" },
          done: { type: "final" },
        },
        output: ({ context }): Json => context,
      });

  const run = (machine: never, latency: (command: RunCommand) => number) =>
    playLive(handlerOf(defineAgent({ name: "patient", version: "1", machine })), latency);
  const delaysOf = (commands: readonly RunCommand[]) =>
    commands.map((command) => (command.type === "SetTimer" ? command.delayMs : command.type));

  it("are timers of the log: the one that is over first decides, the cancelled ones change nothing [timers:machine-delays]", async () => {
    const fast = await run(patient({ first: 50 }) as never, (one) => (one.type === "CallTool" ? 0 : 5));
    expect(delaysOf(fast.commands)).toEqual(["CallTool", 40, 50, 7, "CompleteTask"]);
    expect(fast.end).toEqual({ kind: "completed", output: '{"hurried":false}' });
    const slow = await run(patient({ first: 50 }) as never, (one) => (one.type === "CallTool" ? 9 : one.step));
    expect(delaysOf(slow.commands)).toEqual(["CallTool", 40, 50, "CompleteTask"]);
    expect(slow.end).toEqual({ kind: "completed", output: '{"hurried":true}' });
  });

  it("replay at every crash point, and another delay has diverged [timers:machine-delays] [agents:divergence-recorded]", async () => {
    const agent = (first: number) =>
      handlerOf(defineAgent({ name: "patient", version: "1", machine: patient({ first }) as never }));
    const live = await playLive(agent(50), (one) => (one.type === "CallTool" ? 3 : one.step));
    for (let prefix = 1; prefix <= live.events.length; prefix += 1) {
      const again = await playAgain(agent(50), live, prefix);
      expect([prefix, again.end]).toEqual([prefix, live.end]);
    }
    const other = await playAgain(agent(51), live, live.events.length);
    expect(other.end).toMatchObject({ kind: "diverged", step: 3 });
  });

  it("a machine that only waits for a halted timer hears of the halt [timers:machine-delays]", async () => {
    const machine = agentSetup<Context>().createMachine({
      context: { order: null, stock: null, problem: "" },
      initial: "a",
      states: {
        a: { after: { 1000: "b" }, on: { halted: "said" } },
        b: { type: "final" },
        said: {
          entry: { type: "statement", params: { id: "last", subject: "mail", statement: "halted" } },
        },
      },
    });
    const commands: RunCommand[] = [];
    const handler = handlerOf(defineAgent({ name: "m", version: "1", machine }));
    const halted = runOf(handler, foldJournal([submittedAt(0n)]), (command) => {
      commands.push(command);
      if (command.type === "SetTimer") halted.halt("BUSBAR_HALT_ACTIVE", "stop");
    });
    halted.start();
    expect(await halted.ended).toMatchObject({ kind: "halted" });
    await expect.poll(() => commands.map(({ type }) => type)).toEqual(["SetTimer", "MakeStatement"]);
  });
});

describe("defineAgent refuses a machine that could not be replayed [agents:machine-agent]", () => {
  const actors = { work: fromPromise(() => Promise.resolve(1)) };
  const build =
    (machine: () => unknown): (() => AgentDefinition) =>
    () =>
      defineAgent({ name: "m", version: "1", machine: machine() as never });

  it.each([
    ["invoke", () => setup({ actors }).createMachine({ initial: "a", states: { a: { invoke: { src: "work" } } } })],
    ["spawn", () => setup({ actors }).createMachine({ entry: ({ spawn }: never) => spawn } as never)],
    [
      "a function as action",
      () => createMachine({ initial: "a", states: { a: { on: { x: { actions: () => undefined } } } } }),
    ],
    ["an action of another kind", () => createMachine({ entry: sendParent({ type: "x" }) })],
    ["an unknown named action", () => createMachine({ entry: { type: "notify" } })],
  ])("%s", (_what, machine) => {
    expect(build(machine)).toThrow(expect.objectContaining({ code: "BUSBAR_CONFIG_INVALID" }) as Error);
  });

  it("and takes a named assign", () => {
    const machine = agentSetup<Context>()
      .extend({ actions: { forget: assign({ order: null }) } })
      .createMachine({ context: { order: null, stock: null, problem: "" }, entry: "forget" });
    expect(build(() => machine)().kind).toBe("machine");
  });
});
