import { describe, expect, it } from "vitest";
import type { AgentContext, Task } from "./agent-context.ts";
import type { AgentHandler } from "./define-agent.ts";
import { HaltedError, RefusedError, StoppedError, ToolFailedError } from "./errors.ts";
import { ASIDE_BASE, foldJournal, type SourcedEvent } from "./journal.ts";
import type { RunCommand } from "./run-context.ts";
import { admissionOf, outcomeOf, playAgain, playLive, runOf, sourcedAt, submittedAt } from "./test-door.ts";

const instant = () => 0;
const callTool = (step: number, tool: string, args = "{}"): RunCommand => ({
  type: "CallTool",
  step,
  tool,
  args,
  repeat: 0,
});

const twoTools: AgentHandler = async (_task: Task, ctx: AgentContext) => {
  const first = await ctx.tool("one", {});
  const second = await ctx.tool("two", { first });
  return { first, second };
};

/** Answers the only call of a handler with an event and tells what the handler saw. */
async function thrownBy(answer: SourcedEvent): Promise<unknown> {
  let seen: unknown = null;
  const run = runOf(
    async (_task, ctx) => {
      await ctx.tool("one", {}).catch((thrown: unknown) => {
        seen = thrown;
      });
    },
    foldJournal([submittedAt(0n)]),
    (command) => {
      if (command.type === "CallTool") run.receive(answer);
    },
  );
  run.start();
  await run.ended;
  return seen;
}

describe("answers", () => {
  it("a refusal is thrown with code, reason and rule, never returned [effects:rerun-gets-recorded-answer]", async () => {
    const body = {
      type: "EffectRefused",
      callId: "chain-1:1",
      step: 1,
      tool: "one",
      code: "BUSBAR_FREEZE_ACTIVE",
      reason: "r",
      rule: "freeze",
    };
    const thrown = await thrownBy(sourcedAt(2n, body as never));
    expect(thrown).toBeInstanceOf(RefusedError);
    expect(thrown).toMatchObject({
      kind: "refused",
      code: "BUSBAR_FREEZE_ACTIVE",
      reason: "r",
      rule: "freeze",
      callId: "chain-1:1",
    });
  });

  it("a failure that is not final and a doubt are no answers; the final one is [effects:one-call-one-error]", () => {
    const failed = (offset: bigint, final: boolean) =>
      sourcedAt(offset, { type: "EffectFailed", callId: "chain-1:1", code: "X", reason: "r", final } as never);
    const doubt = sourcedAt(3n, { type: "EffectInDoubt", callId: "chain-1:1" } as never);
    const unknown = sourcedAt(4n, { type: "EffectSettled", callId: "chain-1:1", outcome: "unknown" } as never);
    expect(foldJournal([failed(2n, false), doubt, unknown]).answers).toEqual([]);
    expect(foldJournal([failed(2n, false), failed(5n, true)]).answers).toHaveLength(1);
  });

  it("a malformed result of an effect that happened says so [effects:invalid-result-not-retried]", async () => {
    const thrown = await thrownBy(
      sourcedAt(2n, { type: "EffectCommittedInvalid", callId: "chain-1:1", reason: "r" } as never),
    );
    expect(thrown).toBeInstanceOf(ToolFailedError);
    expect(thrown).toMatchObject({ happened: true, code: "BUSBAR_RESULT_INVALID" });
  });

  it("a sub-task that failed is thrown with its reason [agents:subtask]", async () => {
    const body = {
      type: "SubtaskFinished",
      callId: "chain-1:1",
      state: "failed",
      output: '{"code":"X","reason":"no stock"}',
    };
    expect(await thrownBy(sourcedAt(2n, body as never))).toMatchObject({
      code: "BUSBAR_SUBTASK_FAILED",
      reason: "no stock",
    });
  });

  it("an effect that was there already is told apart from a fresh one [effects:same-key-already-done]", async () => {
    const done = {
      type: "EffectAlreadyDone",
      callId: "chain-1:1",
      step: 1,
      tool: "one",
      argsHash: "",
      originalOffset: "7",
      result: "",
    };
    let answer: unknown = null;
    const run = runOf(
      async (_task, ctx) => (answer = await ctx.toolAnswer("one", {})),
      foldJournal([submittedAt(0n)]),
      () => {
        run.receive(sourcedAt(9n, done as never));
      },
    );
    run.start();
    await run.ended;
    expect(answer).toMatchObject({ alreadyDone: true, result: { alreadyDone: true, offset: "7" } });
  });
});

describe("the end of a handler", () => {
  it("completes the task with the next step once every call has its answer [agents:results-in-log-order]", async () => {
    const impatient: AgentHandler = (_task, ctx) => {
      void ctx.tool("slow", {});
      return Promise.resolve("done");
    };
    const { commands, events } = await playLive(impatient, () => 5);
    expect(commands.map(({ type, step }) => `${step} ${type}`)).toEqual(["1 CallTool", "2 CompleteTask"]);
    expect(events.map(({ event }) => event.type)).toContain("EffectCommitted");
  });

  it("fails the task with the code of what it threw [agents:results-in-log-order]", async () => {
    const { commands, end } = await playLive(() => Promise.reject(new Error("broken")), instant);
    expect(end).toEqual({ kind: "failed", code: "BUSBAR_HANDLER_FAILED", reason: "broken" });
    expect(commands).toMatchObject([{ type: "FailTask", step: 1 }]);
  });

  it("ctx.complete wins over the return value and ends the calls [agents:results-in-log-order]", async () => {
    let late: unknown = null;
    const { end } = await playLive(async (_task, ctx) => {
      ctx.complete({ a: 1 });
      late = await ctx.tool("one", {}).catch((thrown: unknown) => thrown);
      return "not this";
    }, instant);
    expect(end).toEqual({ kind: "completed", output: '{"a":1}' });
    await expect.poll(() => late).toBeInstanceOf(StoppedError);
  });

  it("an output or argument without a JSON form never becomes a command [agents:results-in-log-order]", async () => {
    const output = await playLive(() => Promise.resolve({ value: 1n }), instant);
    expect(output.commands).toMatchObject([{ type: "FailTask" }]);
    const args = await playLive((_task, ctx) => ctx.tool("one", { big: "x".repeat(4 * 1024 * 1024) }), instant);
    expect(args.commands).toMatchObject([{ type: "FailTask", step: 1, code: "BUSBAR_RECORD_TOO_LARGE" }]);
  });
});

describe("divergence", () => {
  const other: AgentHandler = async (_task, ctx) => {
    await ctx.tool("one", {});
    await ctx.tool("three", {});
  };

  it("a re-run that asks for something else reports the position and sends nothing after it [agents:divergence-recorded]", async () => {
    const live = await playLive(twoTools, instant);
    const again = await playAgain(other, live, live.events.length);
    expect(again.end).toMatchObject({ kind: "diverged", step: 2 });
    expect(again.commands).toMatchObject([{ type: "ReportDivergence", step: 2 }]);
    expect(again.commands[0]).toMatchObject({ actual: expect.stringContaining("tool three") as string });
  });

  it("other arguments of the same tool are a divergence too [agents:divergence-recorded]", async () => {
    const live = await playLive(twoTools, instant);
    const changed: AgentHandler = async (_task, ctx) => {
      await ctx.tool("one", { more: true });
    };
    expect((await playAgain(changed, live, live.events.length)).end).toMatchObject({ kind: "diverged", step: 1 });
  });

  it("a re-run that ends before its recorded calls has diverged [agents:divergence-recorded]", async () => {
    const live = await playLive(twoTools, instant);
    const again = await playAgain(async (_task, ctx) => ctx.tool("one", {}), live, live.events.length);
    expect(again.end).toMatchObject({ kind: "diverged", step: 2, actual: "the end of the handler" });
  });

  it("a re-run that does not get to its recorded calls has diverged after the stall time [agents:divergence-recorded]", async () => {
    const live = await playLive(twoTools, instant);
    const again = await playAgain(() => new Promise(() => undefined), live, live.events.length, { stallMs: 20 });
    expect(again.end).toMatchObject({ kind: "diverged", step: 1 });
  });
});

describe("halts", () => {
  const refused = (offset: bigint, step: number, incarnation: number) =>
    sourcedAt(
      offset,
      {
        type: "EffectRefused",
        callId: `chain-1:${step}`,
        step,
        tool: "two",
        argsHash: "",
        code: "BUSBAR_HALT_ACTIVE",
        reason: "stop",
        rule: "door",
      } as never,
      incarnation,
    );

  it("rejects what is pending, ends the run, and only statements pass after it, as asides [halt:left-by-person-only]", async () => {
    const commands: RunCommand[] = [];
    const seen: unknown[] = [];
    const note = (thrown: unknown) => seen.push(thrown);
    let verdict: unknown = null;
    const run = runOf(
      async (_task, ctx) => {
        await ctx.tool("one", {}).catch(note);
        await ctx.tool("two", {}).catch(note);
        verdict = await ctx.state("rollback", "impossible");
        return "output";
      },
      foldJournal([submittedAt(0n)]),
      (command) => {
        commands.push(command);
        const outcome = command.type === "MakeStatement" ? outcomeOf(9n, command) : null;
        if (outcome !== null) run.receive(outcome);
      },
    );
    run.start();
    run.halt("BUSBAR_CHAIN_HALTED", "two errors");
    expect(await run.ended).toEqual({ kind: "halted", reason: "two errors" });
    await expect.poll(() => verdict).toMatchObject({ agrees: false });
    expect(seen).toEqual([expect.any(HaltedError), expect.any(HaltedError)]);
    expect(commands.map(({ type }) => type)).toEqual(["CallTool", "MakeStatement"]);
    expect(commands[1]?.step).toBeGreaterThan(ASIDE_BASE);
  });

  it("a call that a halt refused is asked again under a new step after the resume [halt:left-by-person-only]", async () => {
    const one = callTool(1, "one");
    const journal = [submittedAt(0n), admissionOf(1n, one), outcomeOf(2n, one), refusedTwo()].filter(
      (event) => event !== null,
    );
    function refusedTwo(): SourcedEvent {
      const event = refused(3n, 2, 1);
      return { ...event, event: { ...event.event, argsHash: hashOfTwo } as never };
    }
    const commands: RunCommand[] = [];
    const run = runOf(
      twoTools,
      foldJournal(journal),
      (command) => {
        commands.push(command);
        const outcome = outcomeOf(10n, command);
        if (outcome !== null) run.receive(outcome);
      },
      { incarnation: 2 },
    );
    run.start();
    expect((await run.ended).kind).toBe("completed");
    expect(commands.map(({ type, step }) => `${step} ${type}`)).toEqual(["3 CallTool", "4 CompleteTask"]);
  });

  it("in its own incarnation such a refusal ends the run [halt:left-by-person-only]", async () => {
    const run = runOf(
      (_task, ctx) => ctx.tool("two", {}),
      foldJournal([submittedAt(0n)]),
      () => {
        run.receive(refused(3n, 1, 1));
      },
    );
    run.start();
    expect(await run.ended).toEqual({ kind: "halted", reason: "stop" });
  });

  it("an agent that does not obey gets it as one more error and goes on [halt:left-by-person-only]", async () => {
    const commands: RunCommand[] = [];
    const run = runOf(
      async (_task, ctx) => {
        for (let attempt = 0; attempt < 3; attempt += 1) await ctx.tool("two", { attempt }).catch(() => undefined);
      },
      foldJournal([submittedAt(0n)]),
      (command) => {
        commands.push(command);
        if (command.type === "CallTool") run.receive(refused(BigInt(command.step), command.step, 1));
      },
      { obeysHalts: false },
    );
    run.start();
    expect((await run.ended).kind).toBe("completed");
    expect(commands).toHaveLength(4);
  });
});

it("a call that another run of the incarnation sent keeps its number and is not sent again [agents:second-run-same-numbers]", async () => {
  // The assignment came to two processes: the answer of the first one's call is here before this run makes it.
  const answered = outcomeOf(5n, callTool(1, "one"));
  const numbers = (incarnation: number): Promise<readonly string[]> => {
    const seen: string[] = [];
    const run = runOf(
      twoTools,
      foldJournal([submittedAt(0n), answered].filter((event) => event !== null)),
      (command) => {
        seen.push(`send ${command.step}`);
        const outcome = outcomeOf(9n, command);
        if (outcome !== null) run.receive(outcome);
      },
      { incarnation, skip: () => seen.push("skip") },
    );
    run.start();
    return run.ended.then(() => seen);
  };
  expect(await numbers(1)).toEqual(["skip", "send 2", "send 3"]);
  // Of an older incarnation: that was refused, and no number of this one is taken.
  expect(await numbers(2)).toEqual(["send 2", "send 3"]);
});

it("stop rejects what is pending and lets nothing out any more [agents:old-incarnation-refused]", async () => {
  const commands: RunCommand[] = [];
  let seen: unknown = null;
  const run = runOf(
    async (_task, ctx) => {
      seen = await ctx.tool("one", {}).catch((thrown: unknown) => thrown);
      await ctx.state("a", "b").catch(() => undefined);
    },
    foldJournal([submittedAt(0n)]),
    (command) => commands.push(command),
  );
  run.start();
  run.stop("moved");
  expect(await run.ended).toEqual({ kind: "stopped", reason: "moved" });
  await expect.poll(() => seen).toBeInstanceOf(StoppedError);
  expect(commands).toHaveLength(1);
});

const hashOfTwo =
  foldJournal(
    [admissionOf(1n, callTool(1, "two", '{"first":{"step":1}}'))].filter((event) => event !== null),
  ).calls.get(1)?.hash ?? "";
