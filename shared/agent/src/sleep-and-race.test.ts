import { isBusbarError } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import type { AgentContext, Task } from "./agent-context.ts";
import type { AgentHandler } from "./define-agent.ts";
import { isCallError } from "./errors.ts";
import { foldJournal } from "./journal.ts";
import type { RunCommand } from "./run-context.ts";
import { outcomeOf, playAgain, playLive, runOf, submittedAt } from "./test-door.ts";
import { systemTimers } from "./timers.ts";

type Body = (ctx: AgentContext) => Promise<unknown>;
const handlerOf =
  (body: Body): AgentHandler =>
  (_task: Task, ctx: AgentContext) =>
    body(ctx);

const typesOf = (commands: readonly RunCommand[]): string[] => commands.map(({ step, type }) => `${step} ${type}`);
const toolFirst = (command: RunCommand): number => (command.type === "CallTool" ? 1 : 6);
const timerFirst = (command: RunCommand): number => (command.type === "CallTool" ? 6 : 1);

/** A tool with a time-out of the handler's own. */
const timed = handlerOf((ctx) =>
  ctx.race([ctx.tool("slow", {}).then(() => "answered"), ctx.sleep(50).then(() => "too late")]),
);

describe("ctx.sleep", () => {
  it("is a step with a whole number of ms, and moves ctx.now [timers:on-the-log]", async () => {
    const { commands, end } = await playLive(
      handlerOf(async (ctx) => {
        const before = ctx.now();
        await ctx.sleep(0.2);
        return ctx.now() > before;
      }),
      () => 0,
    );
    expect(commands).toEqual([
      { type: "SetTimer", step: 1, delayMs: 1 },
      { type: "CompleteTask", step: 2, output: "true" },
    ]);
    expect(end.kind).toBe("completed");
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
    "of %s ms throws and takes no step [timers:on-the-log]",
    async (ms) => {
      const { commands, end } = await playLive(
        handlerOf((ctx) => ctx.sleep(ms)),
        () => 0,
      );
      expect(typesOf(commands)).toEqual(["1 FailTask"]);
      expect(end).toMatchObject({ kind: "failed", reason: expect.stringContaining("sleep") as string });
    },
  );

  it("that nobody waits for any more does not keep the task open [timers:lost-race]", async () => {
    const commands: RunCommand[] = [];
    const handler = handlerOf((ctx) => {
      void ctx.sleep(1000);
      return Promise.resolve("done");
    });
    const run = runOf(handler, foldJournal([submittedAt(0n)]), (command) => commands.push(command));
    run.start();
    expect(await run.ended).toEqual({ kind: "completed", output: '"done"' });
    expect(typesOf(commands)).toEqual(["1 SetTimer", "2 CompleteTask"]);
  });
});

describe("ctx.race", () => {
  it("is won by the answer that stands first in the log, and by the same one in every re-run [timers:race-by-the-log]", async () => {
    for (const [latency, output] of [
      [toolFirst, '"answered"'],
      [timerFirst, '"too late"'],
    ] as const) {
      const live = await playLive(timed, latency);
      expect(live.end).toEqual({ kind: "completed", output });
      for (let prefix = 1; prefix <= live.events.length; prefix += 1) {
        const again = await playAgain(timed, live, prefix);
        expect([prefix, again.end]).toEqual([prefix, live.end]);
      }
    }
  });

  it("passes on the error of the first arm, and what the others do later is nobody's concern [timers:race-by-the-log]", async () => {
    const failing = handlerOf((ctx) =>
      ctx.race([ctx.sleep(1).then(() => Promise.reject(new Error("first"))), ctx.tool("slow", {})]),
    );
    const { end } = await playLive(failing, timerFirst);
    expect(end).toMatchObject({ kind: "failed", reason: expect.stringContaining("first") as string });
  });

  it("an arm that settles by something else than an answer is told: the log cannot decide it [timers:race-by-the-log]", async () => {
    let fire: () => void = () => undefined;
    const outside = new Promise<string>((resolve) => {
      fire = () => resolve("outside");
    });
    const commands: RunCommand[] = [];
    let told = "";
    const handler = handlerOf((ctx) =>
      ctx.race([ctx.tool("slow", {}), outside]).catch((thrown: unknown) => {
        told = isBusbarError(thrown) ? thrown.code : "another error";
        throw thrown;
      }),
    );
    const run = runOf(handler, foldJournal([submittedAt(0n)]), (command) => commands.push(command));
    run.start();
    systemTimers.turn(() => systemTimers.turn(fire));
    await expect.poll(() => told).toBe("BUSBAR_RACE_UNRECORDED");
    const [asked] = commands;
    const answer = asked === undefined ? null : outcomeOf(2n, asked);
    if (answer !== null) run.receive(answer);
    expect(await run.ended).toMatchObject({ kind: "failed", code: "BUSBAR_RACE_UNRECORDED" });
    expect(typesOf(commands)).toEqual(["1 CallTool", "2 FailTask"]);
  });

  it("what is there already wins, in the order of the arms; without arms it throws [timers:race-by-the-log]", async () => {
    const { end } = await playLive(
      handlerOf(async (ctx) => [await ctx.race([1, Promise.resolve(2)]), await ctx.race([]).catch(() => "no arm")]),
      () => 0,
    );
    expect(end).toEqual({ kind: "completed", output: '[1,"no arm"]' });
  });

  it("rejects with the halt when the run is halted meanwhile [timers:halt-and-deadline]", async () => {
    let seen: unknown = null;
    const body: Body = (ctx) =>
      ctx.race([ctx.tool("slow", {}), ctx.sleep(1)]).catch((thrown: unknown) => {
        seen = thrown;
        throw thrown;
      });
    const run = runOf(handlerOf(body), foldJournal([submittedAt(0n)]), (command) => {
      if (command.type === "SetTimer") systemTimers.after(1, () => run.halt("BUSBAR_HALT_ACTIVE", "stop"));
    });
    run.start();
    expect((await run.ended).kind).toBe("halted");
    await expect.poll(() => isCallError(seen) && seen.kind).toBe("halted");
  });
});
