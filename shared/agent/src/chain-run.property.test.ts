import fc from "fast-check";
import { expect, it } from "vitest";
import type { AgentContext, Task } from "./agent-context.ts";
import { describeCall, foldJournal } from "./journal.ts";
import type { RunCommand } from "./run-context.ts";
import { playAgain, playLive } from "./test-door.ts";

/** A handler as data: calls, pauses of promise reactions, sequences and parallel branches. */
type Program =
  | { readonly do: "call"; readonly kind: "tool" | "model" | "send" | "state" | "sleep"; readonly name: string }
  | { readonly do: "hop"; readonly count: number }
  | { readonly do: "draw" }
  | { readonly do: "seq" | "par" | "race"; readonly parts: readonly Program[] };

const leaf: fc.Arbitrary<Program> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      kind: fc.constantFrom("tool", "model", "send", "state", "sleep"),
      name: fc.constantFrom("x", "y"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("hop" as const), count: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: "draw" as const }) },
);

const program: fc.Arbitrary<Program> = fc.letrec<{ node: Program }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.record({
      do: fc.constantFrom("seq" as const, "par" as const, "race" as const),
      parts: fc.array(tie("node"), { minLength: 1, maxLength: 4 }),
    }),
  ),
})).node;

interface Memory {
  /** What was seen so far, in the order of answers: every later call depends on it. */
  readonly seen: unknown[];
}

async function call(step: Extract<Program, { do: "call" }>, ctx: AgentContext, memory: Memory): Promise<void> {
  const seen = memory.seen.length;
  switch (step.kind) {
    case "tool":
      memory.seen.push(await ctx.tool(step.name, { seen, now: ctx.now() }));
      return;
    case "model":
      memory.seen.push((await ctx.model(step.name, { messages: [], seen })).usage);
      return;
    case "send":
      memory.seen.push(await ctx.send(step.name, { seen, random: ctx.random() }));
      return;
    case "sleep":
      await ctx.sleep(seen);
      memory.seen.push(ctx.now());
      return;
    case "state":
      memory.seen.push(await ctx.state(step.name, `seen ${seen} ${ctx.uuid()}`));
  }
}

async function perform(step: Program, ctx: AgentContext, memory: Memory): Promise<void> {
  switch (step.do) {
    case "call":
      return call(step, ctx, memory);
    case "hop":
      for (let hop = 0; hop < step.count; hop += 1) await Promise.resolve();
      return;
    case "draw":
      memory.seen.push(ctx.random());
      return;
    case "seq":
      for (const part of step.parts) await perform(part, ctx, memory);
      return;
    case "par":
      await Promise.all(step.parts.map((part) => perform(part, ctx, memory)));
      return;
    case "race": {
      const arms = step.parts.map(async (part, arm) => {
        await perform(part, ctx, memory);
        return arm;
      });
      memory.seen.push(await ctx.race(arms));
    }
  }
}

const handlerOf = (step: Program) => async (_task: Task, ctx: AgentContext) => {
  const memory: Memory = { seen: [] };
  await perform(step, ctx, memory);
  return memory.seen.length;
};

const latency = (seed: readonly number[]) => (command: RunCommand) => seed[command.step % seed.length] ?? 0;
const latencies = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 7 });

/** All calls of a play in step order: recorded in the prefix, or issued as commands after it. */
function callsOf(
  recorded: readonly { readonly step: number; readonly text: string }[],
  commands: readonly RunCommand[],
): string[] {
  const issued = commands.map((command) => ({ step: command.step, text: JSON.stringify(command) }));
  return [...recorded, ...issued].toSorted((a, b) => a.step - b.step).map(({ step, text }) => `${step} ${text}`);
}

it("a crash after any record: the re-run makes the same calls with the same steps [agents:results-in-log-order]", async () => {
  await fc.assert(
    fc.asyncProperty(program, latencies, fc.integer({ min: 1, max: 3 }), async (step, seed, copies) => {
      const handler = handlerOf(step);
      const live = await playLive(handler, latency(seed));
      expect(live.end.kind).toBe("completed");
      const byStep = new Map(live.commands.map((command) => [command.step, JSON.stringify(command)]));
      for (let prefix = 1; prefix <= live.events.length; prefix += 1) {
        const again = await playAgain(handler, live, prefix, { stallMs: 500 }, copies);
        const recorded = [...foldJournal(live.events.slice(0, prefix)).calls.keys()];
        const known = recorded.map((number) => ({ step: number, text: byStep.get(number) ?? "" }));
        expect(callsOf(known, again.commands)).toEqual(callsOf([], live.commands));
        expect(again.end).toEqual(live.end);
      }
    }),
    { numRuns: 60 },
  );
});

it("the journal is a function of the set of its events: order and repetition change nothing [agents:inbox-deduped]", async () => {
  await fc.assert(
    fc.asyncProperty(program, latencies, fc.infiniteStream(fc.nat()), async (step, seed, random) => {
      const { events } = await playLive(handlerOf(step), latency(seed));
      const shuffled = [...events, ...events].toSorted(() => ((random.next().value ?? 0) % 3) - 1);
      const [expected, actual] = [foldJournal(events), foldJournal(shuffled)];
      expect(actual.answers).toEqual(expected.answers);
      expect([...actual.calls.values()].map(describeCall).toSorted()).toEqual(
        [...expected.calls.values()].map(describeCall).toSorted(),
      );
    }),
    { numRuns: 40 },
  );
});
