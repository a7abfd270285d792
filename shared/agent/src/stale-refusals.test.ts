import { describe, expect, it } from "vitest";
import type { AgentHandler } from "./define-agent.ts";
import type { RefusedError } from "./errors.ts";
import { contentHash, foldJournal, type SourcedEvent } from "./journal.ts";
import type { RunCommand } from "./run-context.ts";
import { admissionOf, CHAIN, outcomeOf, runOf, sourcedAt, submittedAt } from "./test-door.ts";

const callTool = (step: number, tool: string): RunCommand => ({ type: "CallTool", step, tool, args: "{}", repeat: 0 });

describe("refusals before a person's resume", () => {
  const FROZEN = "BUSBAR_FREEZE_ACTIVE";
  const frozen = (offset: bigint, command: RunCommand, incarnation = 1): SourcedEvent => {
    const { step, tool } = command.type === "CallTool" ? command : { step: 0, tool: "" };
    const named = { callId: `${CHAIN}:${step}`, step, tool, argsHash: contentHash("{}") };
    const body = { type: "EffectRefused", ...named, code: FROZEN, reason: "frozen", rule: "door" };
    return sourcedAt(offset, body as never, incarnation);
  };
  const resumedAt = (offset: bigint, directive = "7"): SourcedEvent =>
    sourcedAt(offset, { type: "ChainResumed", directive, reason: "thawed", by: "operator" } as never);
  /** Two calls in a row that may fail, the second one whatever comes of the first. */
  const insists: AgentHandler = async (_task, ctx) => {
    const first = await ctx.tool("one", {}).catch((thrown: unknown) => (thrown as RefusedError).code);
    return { first, second: await ctx.tool("two", {}) };
  };
  const [one, two] = [callTool(1, "one"), callTool(2, "two")];

  /** A run over a journal; every command that leaves it succeeds. */
  async function rerun(handler: AgentHandler, journal: readonly SourcedEvent[], incarnation = 2) {
    const commands: RunCommand[] = [];
    const events: SourcedEvent[] = [...journal];
    const run = runOf(
      handler,
      foldJournal(journal),
      (command) => {
        commands.push(command);
        const offset = 100n + BigInt(commands.length) * 10n;
        for (const event of [admissionOf(offset, command, incarnation), outcomeOf(offset + 1n, command)])
          if (event !== null) events.push(event);
        const outcome = outcomeOf(offset + 1n, command);
        if (outcome !== null) run.receive(outcome);
      },
      { incarnation },
    );
    run.start();
    const end = await run.ended;
    const sent = commands.map(({ type, step }) => `${step} ${type}`);
    return { end, sent, events };
  }

  it("after the resume the refusal on which nothing rests is asked again as a new step; the one that the handler went on from stands [agents:stale-refusals-asked-again]", async () => {
    const journal = [submittedAt(0n), frozen(1n, one), frozen(2n, two), resumedAt(5n)];
    const { end, sent } = await rerun(insists, journal);
    expect(sent).toEqual(["3 CallTool", "4 CompleteTask"]);
    expect(end).toMatchObject({ kind: "completed", output: expect.stringContaining(`"first":"${FROZEN}"`) as string });
  });

  it("calls that were asked side by side are all asked again [agents:stale-refusals-asked-again]", async () => {
    const both: AgentHandler = (_task, ctx) => Promise.all([ctx.tool("one", {}), ctx.tool("two", {})]);
    const { end, sent } = await rerun(both, [submittedAt(0n), frozen(1n, one), frozen(2n, two), resumedAt(5n)]);
    expect([sent, end.kind]).toEqual([["3 CallTool", "4 CallTool", "5 CompleteTask"], "completed"]);
  });

  it("a later run, after a crash, makes the same steps at the same places [agents:stale-refusals-asked-again]", async () => {
    const journal = [submittedAt(0n), frozen(1n, one), frozen(2n, two), resumedAt(5n)];
    const { events, end } = await rerun(insists, journal);
    const again = await rerun(insists, events, 3);
    expect(again.sent).toEqual(["4 CompleteTask"]);
    expect(again.end).toEqual(end);
    const refusedAgain = [...journal, { ...frozen(7n, callTool(3, "two"), 2) }, resumedAt(9n)];
    expect((await rerun(insists, refusedAgain, 3)).sent).toEqual(["4 CallTool", "5 CompleteTask"]);
  });

  it.each([
    ["without a resume", []],
    ["where only a degradation ended", [resumedAt(5n, "")]],
    ["where it came after the resume", [{ ...resumedAt(0n), offset: 0n, source: "busbar.events/0/resumed" }]],
  ])("%s a refusal stands, as it was recorded [agents:stale-refusals-asked-again]", async (_name, more) => {
    const { end, sent } = await rerun(insists, [submittedAt(0n), frozen(1n, one), frozen(2n, two), ...more]);
    expect([sent, end]).toMatchObject([["3 FailTask"], { kind: "failed", code: FROZEN }]);
  });
});
