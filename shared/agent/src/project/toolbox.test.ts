import type { Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { invalidResult, noReply, notStarted, outcomeUnknown, throttled } from "../attempt-errors.ts";
import { defineModel } from "../model.ts";
import { defineTool, type ToolRunContext } from "../tool.ts";
import type { ToolRun } from "@busbar/policy";
import { createToolbox } from "./toolbox.ts";

const runOf = (tool: string): ToolRun<AbortSignal> => ({
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

  it("gives a tool the secrets that it declares, none else, and none back in its answer [security:secrets-by-name] [security:redacted]", async () => {
    const ask = (name: string, asked: string, fail = false) =>
      defineTool({
        name,
        description: name,
        effect: "write",
        secrets: ["DB"],
        args: { type: "object" },
        timeoutMs: 100,
        run: (_args, context) => {
          const value = context.secret(asked);
          if (fail) throw new Error(`login with ${value}`);
          return { length: value.length, value };
        },
      });
    const secrets = new Map([
      ["DB", "the password"],
      ["OTHER", "not for this tool"],
    ]);
    const box = createToolbox([ask("own", "DB"), ask("fails", "DB", true), ask("others", "OTHER")], [], secrets);
    const result = { length: 12, value: "[redacted:DB]" };
    expect(await box.runTool(runOf("own"))).toEqual({ kind: "result", result });
    expect(await box.runTool(runOf("fails"))).toMatchObject({ kind: "failed", reason: "login with [redacted:DB]" });
    const refused = await box.runTool(runOf("others"));
    expect(refused).toMatchObject({ kind: "failed", beforeEffect: true });
    expect(() => createToolbox([ask("own", "DB")])).toThrow(expect.objectContaining({ code: "BUSBAR_SECRET_MISSING" }));
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

  it("tells a lost answer, an unusable one and a pause as the tool told them [attempts:lost-answer-in-doubt]", async () => {
    const box = createToolbox([
      tool("cut", () => {
        throw outcomeUnknown("cut");
      }),
      tool("garbled", () => {
        throw invalidResult("no JSON", "<html>");
      }),
      tool("busy", () => {
        throw throttled("429", 250);
      }),
    ]);
    expect(await box.runTool(runOf("cut"))).toEqual({ kind: "unknown", reason: "cut" });
    expect(await box.runTool(runOf("garbled"))).toEqual({ kind: "invalid", reason: "no JSON", result: "<html>" });
    expect(await box.runTool(runOf("busy"))).toEqual({ kind: "throttled", reason: "429", retryAfterMs: 250 });
  });

  const asked = (model: string, request: Json) => ({
    model,
    request,
    callId: "c:1",
    chainId: "c",
    signal: new AbortController().signal,
  });

  it("asks a model, and says why it failed and whether asking again may help [attempts:model-asked-again]", async () => {
    const ends: readonly (() => never)[] = [
      () => {
        throw new Error("quota");
      },
      () => {
        throw noReply("cut", { inputTokens: 5, outputTokens: 1 });
      },
      () => {
        throw throttled("429", 250);
      },
    ];
    const model = defineModel({
      name: "gpt",
      complete: ({ messages }) => {
        ends[messages.length - 1]?.();
        return { message: { role: "assistant", content: "hello" }, usage: { inputTokens: 1, outputTokens: 2 } };
      },
    });
    const box = createToolbox([], [model]);
    const ask = (name: string, messages: readonly string[]) => box.askModel(asked(name, { messages }));
    const reply = { inputTokens: 1, outputTokens: 2, estimated: false, finishReason: "", problems: [] };
    const failed = { kind: "failed", retryable: false, inputTokens: 0, outputTokens: 0 };
    expect(await ask("gpt", [])).toEqual({
      kind: "reply",
      response: { role: "assistant", content: "hello" },
      ...reply,
    });
    expect(await ask("gpt", ["x"])).toEqual({ ...failed, reason: "quota" });
    expect(await ask("gpt", ["x", "y"])).toEqual({
      ...failed,
      reason: "cut",
      retryable: true,
      inputTokens: 5,
      outputTokens: 1,
    });
    expect(await ask("gpt", ["x", "y", "z"])).toEqual({ kind: "throttled", reason: "429", retryAfterMs: 250 });
    expect(await ask("other", [])).toEqual({ ...failed, reason: "this gateway has no model other" });
  });

  it("offers a model the bus's tools by their manifests, and none that it does not have [models:tools-from-manifests]", async () => {
    const offered: unknown[] = [];
    const model = defineModel({
      name: "gpt",
      complete: ({ tools }) => {
        offered.push(tools);
        return { message: { role: "assistant", content: "" }, usage: { inputTokens: 1, outputTokens: 2 } };
      },
    });
    const box = createToolbox([tool("t", () => null)], [model]);
    const own = { type: "function", function: { name: "own" } };
    await box.askModel(asked("gpt", { messages: [], tools: ["t", own] }));
    const parameters = { type: "object" };
    expect(offered).toEqual([[{ type: "function", function: { name: "t", description: "t", parameters } }, own]]);
    expect(await box.askModel(asked("gpt", { messages: [], tools: ["gone"] }))).toMatchObject({ kind: "failed" });
  });
});
