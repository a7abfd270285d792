import type { JsonObject } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { HaltedError, RefusedError, ToolFailedError } from "./errors.ts";
import type { ModelMessage, ModelReply, ModelRequest } from "./model.ts";
import { runTools } from "./run-tools.ts";

const usage = { inputTokens: 1, outputTokens: 1 };
const asks = (...texts: readonly string[]): ModelReply => {
  const calls = texts.map((text, index) => ({
    id: `call-${index}`,
    type: "function" as const,
    function: { name: "t", arguments: text },
  }));
  return { message: { role: "assistant", content: null, tool_calls: calls }, usage };
};
const last: ModelReply = { message: { role: "assistant", content: "done" }, usage, finishReason: "stop" };

/** A ctx whose model gives these replies, and whose tool answers with what the function makes. */
function ctxOf(answers: readonly ModelReply[], tool: (args: JsonObject) => unknown) {
  const requests: ModelRequest[] = [];
  const ctx = {
    model: async (_name: string, request: ModelRequest) => {
      requests.push({ ...request, messages: [...request.messages] });
      return answers[requests.length - 1] ?? last;
    },
    tool: async (_name: string, args: JsonObject) => tool(args) as never,
  };
  return { ctx, requests };
}
const QUESTION: readonly ModelMessage[] = [{ role: "user", content: "go" }];
const loop = { model: "gpt", messages: QUESTION, tools: ["t"] };
const told = (requests: readonly ModelRequest[]) => requests.at(-1)?.messages.filter(({ role }) => role === "tool");

describe("the loop of an LLM agent", () => {
  it("makes the model's calls in their order and tells it what came back [models:refusals-reach-the-model]", async () => {
    const made: unknown[] = [];
    const { ctx, requests } = ctxOf([asks('{"n":1}', '{"n":2}'), last], (args) => {
      made.push(args);
      return { seen: args["n"] ?? null };
    });
    const end = await runTools(ctx, { ...loop, request: { temperature: 0 } });
    expect(made).toEqual([{ n: 1 }, { n: 2 }]);
    expect(told(requests)?.map(({ content }) => content)).toEqual(['{"seen":1}', '{"seen":2}']);
    expect(requests[0]).toMatchObject({ temperature: 0, tools: ["t"] });
    expect(end.reply).toEqual(last);
    expect(end.messages.length).toBe(5);
  });

  it("tells refusals and failures, and whether it happened all the same [models:refusals-reach-the-model]", async () => {
    const errors = [
      new RefusedError({ code: "BUSBAR_FREEZE_ACTIVE", reason: "year end" }),
      new ToolFailedError({ code: "BUSBAR_RESULT_INVALID", reason: "no object", happened: true }),
    ];
    const { ctx, requests } = ctxOf([asks("{}", "{}"), last], () => {
      throw errors.shift() ?? new Error("a third call");
    });
    await runTools(ctx, loop);
    expect(told(requests)?.map(({ content }) => JSON.parse(content ?? "") as unknown)).toEqual([
      { error: "BUSBAR_FREEZE_ACTIVE", reason: "year end" },
      { error: "BUSBAR_RESULT_INVALID", reason: "no object", happened: true },
    ]);
  });

  it("ends with the run: a halt is nothing to tell a model", async () => {
    const { ctx, requests } = ctxOf([asks("{}"), last], () => {
      throw new HaltedError({ code: "BUSBAR_HALT_ACTIVE", reason: "stop" });
    });
    await expect(runTools(ctx, loop)).rejects.toThrow(HaltedError);
    expect(requests.length).toBe(1);
  });

  it("has a bound of its own", async () => {
    const { ctx, requests } = ctxOf(
      Array.from({ length: 9 }, () => asks("{}")),
      () => null,
    );
    await expect(runTools(ctx, { ...loop, maxRounds: 3 })).rejects.toThrow(/3 answers/);
    expect(requests.length).toBe(3);
  });

  it("cuts long results, and says so", async () => {
    const { ctx, requests } = ctxOf([asks("{}"), last], () => "x".repeat(100));
    await runTools(ctx, { ...loop, resultCharacters: 10 });
    expect(told(requests)?.[0]?.content).toBe(`"${"x".repeat(9)} … (92 more characters)`);
  });
});
