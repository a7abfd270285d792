/**
 * An LLM agent as a user writes one, through a whole bus, on a bad day of both its model and its tool. The checker is the
 * tool server's own journal; the log is then asked whether it tells the same story.
 */
import { defineAgent, type ModelMessage, runTools } from "@busbar/agent";
import { closeConnections, defineHttpTool, defineOpenAiModel } from "@busbar/agent/http";
import { loadProject } from "@busbar/agent/project";
import type { Json, JsonObject } from "@busbar/kernel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus, type TestPolicy } from "../bus/test-bus.ts";
import {
  createFaultServer,
  cutsBeforeHeaders,
  type FaultServer,
  type FaultStep,
  hangs,
  replies,
  streams,
} from "./fault-server.ts";

vi.setConfig({ testTimeout: 60_000 });

let llm: FaultServer;
let shop: FaultServer;
let bus: TestBus | null = null;
/** Keys of the refunds that the shop has made. */
let journal: string[] = [];

beforeEach(async () => {
  [llm, shop] = await Promise.all([createFaultServer(), createFaultServer()]);
  journal = [];
  vi.stubEnv("OPENAI_BASE_URL", `${llm.url}/v1`);
});
afterEach(async () => {
  await bus?.stop();
  bus = null;
  await Promise.all([llm.close(), shop.close()]);
  vi.unstubAllEnvs();
});
afterAll(closeConnections);

const chunk = (delta: Json, finishReason: string | null = null): string =>
  JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finishReason }] });

/** The model's last word. */
const says = (content: string): FaultStep => streams([chunk({ content }), chunk({}, "stop"), "[DONE]"]);

/** The model asks for a tool; its arguments are text, as models write it. */
function asksFor(name: string, text: string, id = "call-1"): FaultStep {
  const call = { index: 0, id, function: { name, arguments: text } };
  return streams([chunk({ tool_calls: [call] }), chunk({}, "tool_calls"), "[DONE]"]);
}

/** The shop refunds, once per key, and answers by the step: also where that loses the answer. */
function refunds(step: FaultStep): FaultStep {
  return (response, request) => {
    const key = String(request.headers["idempotency-key"]);
    if (!journal.includes(key)) journal.push(key);
    step(response, request);
  };
}

// #region agent
const agent = defineAgent<{ readonly question: string }>({
  name: "clerk",
  version: "1.0.0",
  async handler({ input }, ctx) {
    const messages: readonly ModelMessage[] = [
      { role: "system", content: "You refund orders." },
      { role: "user", content: input.question },
    ];
    const { reply } = await runTools(ctx, { model: "gpt", messages, tools: ["orders.refund"] });
    return { answer: reply.message.content, stopped: reply.finishReason ?? "" };
  },
});
// #endregion

const ARGS: JsonObject = { type: "object", properties: { order: { type: "integer" } }, required: ["order"] };
const RESULT: JsonObject = { type: "object", required: ["refunded"] };

async function open(
  policy: TestPolicy = {},
  more: { readonly timeoutMs?: number; readonly attempts?: number } = {},
): Promise<TestBus> {
  const http = { method: "POST", url: `${shop.url}/orders/{order}/refunds` } as const;
  const base = {
    name: "orders.refund",
    description: "Refunds an order",
    effect: "write",
    toolClass: "exact",
    keyLifetimeMs: 86_400_000,
  } as const;
  const refund = defineHttpTool({ ...base, args: ARGS, result: RESULT, timeoutMs: 20_000, http });
  const model = defineOpenAiModel({ name: "gpt", model: "gpt-4.1-mini", ...more });
  const limits = { settleMarginMs: 20 };
  bus = await createTestBus({
    agents: [agent],
    tools: [refund],
    models: [model],
    policy: { limits, ...policy },
    limitMs: 45_000,
  });
  return bus;
}

const DONE = refunds(replies(200, { refunded: true }));
const QUESTION = { question: "Refund order 7, please" };

/** The story of model and tool, without what they said. */
function story(test: TestBus): readonly string[] {
  return test.events().flatMap((event) => {
    if (!event.type.startsWith("Effect") && !event.type.startsWith("ModelCall")) return [];
    const code = "code" in event ? ` ${event.code}` : "";
    const last = "final" in event && event.final ? " final" : "";
    return [event.type + code + last];
  });
}

interface Sent {
  readonly messages: readonly ModelMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters: Json } }[];
}
const sentTo = (server: FaultServer, index: number): Sent => JSON.parse(server.requests.at(index)?.body ?? "") as Sent;

describe("an agent with a model and a tool over HTTP", () => {
  it("comes through throttling, cuts and lost answers of both; each refund is made once, and the log says what it knew [http:effects-once]", async () => {
    llm.script(
      replies(429, {}, { "retry-after": "0.2" }),
      streams([chunk({ content: "I will" })], "cut"),
      asksFor("orders_refund", '{"order":7}'),
      cutsBeforeHeaders,
      replies(500),
      says("Order 7 is refunded."),
    );
    shop.script(replies(503, {}, { "retry-after": "0.1" }), refunds(cutsBeforeHeaders), DONE);
    const test = await open({ breaker: { consecutiveFailures: 0, agentFailures: 0, pairFailures: 0 } });
    const outcome = await test.submit("clerk", QUESTION);
    expect(outcome).toMatchObject({ state: "completed", output: { answer: "Order 7 is refunded.", stopped: "stop" } });
    expect(journal.length).toBe(1);
    expect(shop.requests.map(({ path }) => path)).toEqual(Array.from({ length: 3 }, () => "/orders/7/refunds"));
    expect(story(test)).toEqual([
      "ModelCallAdmitted",
      "ModelCallFailed BUSBAR_THROTTLED",
      "ModelCallAdmitted",
      "ModelCallFailed BUSBAR_TOOL_FAILED",
      "ModelCallAdmitted",
      "ModelCallCompleted",
      "EffectAdmitted",
      "EffectFailed BUSBAR_THROTTLED",
      "EffectAdmitted",
      "EffectInDoubt BUSBAR_OUTCOME_UNKNOWN",
      "EffectAdmitted",
      "EffectCommitted",
      "ModelCallAdmitted",
      "ModelCallFailed BUSBAR_TOOL_FAILED",
      "ModelCallAdmitted",
      "ModelCallFailed BUSBAR_TOOL_FAILED",
      "ModelCallAdmitted",
      "ModelCallCompleted",
    ]);
    const [offered] = sentTo(llm, 0).tools ?? [];
    expect(offered?.function).toMatchObject({ name: "orders_refund", parameters: ARGS });
    expect(sentTo(llm, -1).messages.at(-1)).toEqual({
      role: "tool",
      tool_call_id: "call-1",
      content: '{"refunded":true}',
    });
  });

  it("whose model writes broken JSON tells it so, keeps what it wrote, and goes on [models:broken-tool-call-is-an-answer]", async () => {
    llm.script(
      asksFor("orders_refund", '{"order": 7'),
      asksFor("orders_refund", '{"order":7}', "call-2"),
      says("Done."),
    );
    shop.script(DONE);
    const test = await open();
    expect(await test.submit("clerk", QUESTION)).toMatchObject({ state: "completed" });
    const [broken] = test.events().filter((event) => event.type === "ModelCallCompleted");
    expect(broken?.problems).toEqual([
      { toolCallId: "call-1", tool: "orders.refund", reason: "its arguments are no JSON object" },
    ]);
    expect(broken?.response).toContain('{\\"order\\": 7');
    const told = sentTo(llm, 1).messages.at(-1);
    expect(JSON.parse(told?.content ?? "")).toMatchObject({ error: "not called", arguments: '{"order": 7' });
    expect(journal.length).toBe(1);
  });

  it("whose model asks for a tool that was not offered calls nothing; twice in a row is two errors [models:broken-tool-call-is-an-answer]", async () => {
    llm.script(asksFor("orders_delete", '{"order":7}'), asksFor("rm_rf", "{}"));
    const test = await open();
    expect(await test.submit("clerk", QUESTION)).toMatchObject({ state: "halted" });
    expect((await test.waitFor("ChainHalted")).rule).toBe("consecutive-errors");
    expect(shop.requests).toEqual([]);
  });

  it("tells the model what the door refuses, and the model finds another way [models:refusals-reach-the-model]", async () => {
    llm.script(asksFor("orders_refund", '{"order":"seven"}'), says("I cannot."));
    const test = await open();
    expect(await test.submit("clerk", QUESTION)).toMatchObject({ output: { answer: "I cannot." } });
    const told = sentTo(llm, 1).messages.at(-1);
    expect(JSON.parse(told?.content ?? "")).toMatchObject({ error: "BUSBAR_INPUT_INVALID" });
    expect(shop.requests).toEqual([]);
  });

  it("whose model says nothing is asked again after the model's own time-out, and fails after its attempts [models:timeout-of-definition]", async () => {
    llm.route("/v1/chat/completions", hangs);
    const test = await open({}, { timeoutMs: 150, attempts: 2 });
    expect(await test.submit("clerk", QUESTION)).toMatchObject({ state: "failed", code: "BUSBAR_TIMEOUT" });
    expect(story(test)).toEqual([
      "ModelCallAdmitted",
      "ModelCallFailed BUSBAR_TIMEOUT",
      "ModelCallAdmitted",
      "ModelCallFailed BUSBAR_TIMEOUT final",
    ]);
    await Promise.all(llm.requests.map(({ closed }) => closed));
  });

  it("spends what lost attempts used: a budget ends a model that is cut again and again [models:tokens-estimated]", async () => {
    llm.route("/v1/chat/completions", streams([chunk({ content: "x".repeat(4000) })], "cut"));
    const test = await open();
    const outcome = await test.submit("clerk", QUESTION, { budgetTokens: 1500 });
    expect(outcome).toMatchObject({ state: "failed", code: "BUSBAR_BUDGET_SPENT" });
    expect(llm.requests.length).toBe(2);
  });

  it("does not ask and refund again when its process is replaced in the middle [agents:resume-after-kill]", async () => {
    llm.script(asksFor("orders_refund", '{"order":7}'), hangs, says("Done."));
    shop.script(DONE);
    const test = await open({}, { timeoutMs: 1500 });
    const handle = await test.start("clerk", QUESTION);
    await test.waitFor("ModelCallAdmitted", ({ step }) => step === 3);
    await test.replaceAgent("clerk");
    expect(await test.outcome(handle)).toMatchObject({ state: "completed", output: { answer: "Done." } });
    expect([journal.length, shop.requests.length]).toEqual([1, 1]);
    expect(llm.requests.length).toBe(3);
  });
});

describe("a project without code for its tools and models", () => {
  it("is a busbar.yaml with an address and a key in the environment [models:declared-in-project]", async () => {
    const folder = mkdtempSync(join(tmpdir(), "busbar-http-"));
    try {
      const file = join(folder, "busbar.yaml");
      const tool = `{ description: Refunds, effect: write, toolClass: exact, keyLifetimeMs: 86400000, args: ${JSON.stringify(ARGS)}, timeoutMs: 5000,
        http: { method: POST, url: "${shop.url}/orders/{order}/refunds" } }`;
      writeFileSync(
        file,
        `version: 1\nhttpTools:\n  orders.refund: ${tool}\nmodels:\n  gpt: { kind: openai, timeoutMs: 9000 }\nagents:\n  clerk: { tools: [orders.refund], models: [gpt] }\n`,
      );
      const { tools, models, policy } = await loadProject(file);
      expect(policy.models["gpt"]).toEqual({ timeoutMs: 9000, attempts: 3 });
      llm.script(asksFor("orders_refund", '{"order":7}'), says("Done."));
      shop.script(DONE);
      bus = await createTestBus({ agents: [agent], tools, models, limitMs: 45_000 });
      expect(await bus.submit("clerk", QUESTION)).toMatchObject({ output: { answer: "Done." } });
      expect(journal.length).toBe(1);
      expect(JSON.parse(llm.requests[0]?.body ?? "")).toMatchObject({ model: "gpt" });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
