import { describe, expect, it } from "vitest";
import { notStarted } from "../errors.ts";
import { defineModel } from "../model.ts";
import { defineTool, type ToolRunContext } from "../tool.ts";
import { createToolbox, type ToolboxRun } from "./toolbox.ts";

const runOf = (tool: string): ToolboxRun => ({
  tool,
  args: { n: 1 },
  key: "key",
  attempt: 2,
  atMs: 3,
  callId: "c:1",
  chainId: "c",
  agent: "clerk",
  signal: new AbortController().signal,
});
const tool = (name: string, run: (args: unknown, context: ToolRunContext) => never | null) =>
  defineTool({ name, description: name, effect: "write", args: { type: "object" }, timeoutMs: 100, run });

describe("the toolbox", () => {
  it("gives a tool its arguments and its context, and its result back [effects:intent-before-effect]", async () => {
    const seen: unknown[] = [];
    const box = createToolbox([
      defineTool<{ n: number }>({
        name: "t",
        description: "t",
        effect: "write",
        args: { type: "object" },
        timeoutMs: 100,
        run: (args, context) => {
          seen.push([args, context.key, context.attempt, context.atMs, context.callId, context.chainId, context.agent]);
          return { n: args.n + 1 };
        },
      }),
    ]);
    expect(await box.runTool(runOf("t"))).toEqual({ kind: "result", result: { n: 2 } });
    expect(seen).toEqual([[{ n: 1 }, "key", 2, 3, "c:1", "c", "clerk"]]);
  });

  it("a tool that says nothing answers null", async () => {
    expect(await createToolbox([tool("t", () => undefined as never)]).runTool(runOf("t"))).toEqual({
      kind: "result",
      result: null,
    });
  });

  it("never rejects: an error is a failure, before the effect only where the tool says so [effects:not-started-retryable]", async () => {
    const box = createToolbox([
      tool("late", () => {
        throw new Error("500");
      }),
      tool("early", () => {
        throw notStarted("no route");
      }),
    ]);
    expect(await box.runTool(runOf("late"))).toEqual({ kind: "failed", reason: "500", beforeEffect: false });
    expect(await box.runTool(runOf("early"))).toMatchObject({ kind: "failed", beforeEffect: true });
  });

  it("a tool that this process does not have has not started [effects:not-started-retryable]", async () => {
    expect(await createToolbox([]).runTool(runOf("constructor"))).toEqual({
      kind: "failed",
      reason: "this gateway has no tool constructor",
      beforeEffect: true,
    });
  });

  it("asks a model, and says why it failed", async () => {
    const model = defineModel({
      name: "gpt",
      complete: ({ messages }) => {
        if (messages.length > 0) throw new Error("quota");
        return { message: { role: "assistant", content: "hello" }, usage: { inputTokens: 1, outputTokens: 2 } };
      },
    });
    const box = createToolbox([], [model]);
    const ask = (name: string, messages: readonly string[]) =>
      box.askModel({
        model: name,
        request: { messages },
        callId: "c:1",
        chainId: "c",
        signal: new AbortController().signal,
      });
    expect(await ask("gpt", [])).toEqual({
      kind: "reply",
      response: { role: "assistant", content: "hello" },
      inputTokens: 1,
      outputTokens: 2,
    });
    expect(await ask("gpt", ["x"])).toEqual({ kind: "failed", reason: "quota" });
    expect(await ask("other", [])).toEqual({ kind: "failed", reason: "this gateway has no model other" });
  });
});
