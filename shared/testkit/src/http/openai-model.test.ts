import { createToolbox } from "@busbar/agent/project";
import { attemptEndOf, type ModelDefinition, type ModelReply, type ModelRequest, modelTool } from "@busbar/agent";
import { closeConnections, defineOpenAiModel, type OpenAiModelSpec } from "@busbar/agent/http";
import type { Json } from "@busbar/kernel";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import {
  createFaultServer,
  cutsBeforeHeaders,
  cutsInBody,
  drips,
  type FaultServer,
  type FaultStep,
  hangs,
  replies,
  repliesText,
  streams,
} from "./fault-server.ts";

let server: FaultServer;
beforeEach(async () => {
  server = await createFaultServer();
  vi.stubEnv("OPENAI_BASE_URL", `${server.url}/v1`);
  vi.stubEnv("TEST_KEY", "sk-test");
});
afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
});
afterAll(closeConnections);

const chunk = (delta: Json, finishReason: string | null = null): string =>
  JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finishReason }] });
const USAGE = JSON.stringify({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 5 } });
const HELLO = [
  chunk({ role: "assistant", content: "Hel" }),
  chunk({ content: "lo" }),
  chunk({}, "stop"),
  USAGE,
  "[DONE]",
];

const ASKED: ModelRequest = { messages: [{ role: "user", content: "Say hello" }], temperature: 0 };
const model = (spec: Partial<OpenAiModelSpec> = {}): ModelDefinition => defineOpenAiModel({ name: "gpt", ...spec });

async function ask(one = model(), request = ASKED, signal = new AbortController().signal): Promise<ModelReply> {
  return one.complete(request, { signal, callId: "c:1", chainId: "c", secret: () => process.env["TEST_KEY"] ?? "" });
}

/** How an attempt ended: `reply`, `failed` (final), or what the model told, with its reason. */
async function end(
  one?: ModelDefinition,
  request?: ModelRequest,
  signal?: AbortSignal,
): Promise<readonly [string, string]> {
  try {
    return ["reply", JSON.stringify(await ask(one, request, signal))];
  } catch (error) {
    return [attemptEndOf(error)?.kind ?? "failed", error instanceof Error ? error.message : String(error)];
  }
}

describe("a streamed answer", () => {
  it("is gathered into one, with its tokens and why it stopped; address and key of the environment suffice [models:environment-suffices]", async () => {
    server.script(streams(HELLO));
    expect(await ask()).toEqual({
      message: { role: "assistant", content: "Hello" },
      usage: { inputTokens: 12, outputTokens: 5, estimated: false },
      finishReason: "stop",
    });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", path: "/v1/chat/completions" });
    expect(request?.headers.authorization).toBe("Bearer sk-test");
    expect(JSON.parse(request?.body ?? "")).toEqual({
      model: "gpt",
      messages: ASKED.messages,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("may come in any pieces, also within a character [models:stream-gathered]", async () => {
    const bytes = Buffer.from(
      `data: ${chunk({ content: "Grüße 🙂" })}\r\n\r\ndata: ${chunk({}, "stop")}\n\ndata: [DONE]\n\n`,
    );
    server.script((response) => {
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      for (const byte of bytes) response.write(Uint8Array.of(byte));
      response.end();
    });
    expect((await ask()).message.content).toBe("Grüße 🙂");
  });

  it("brings tool calls in pieces; names with dots go and come back [models:stream-gathered]", async () => {
    const call = (index: number, delta: Json) => chunk({ tool_calls: [{ index, ...(delta as object) }] });
    server.script(
      streams([
        call(0, { id: "a", function: { name: "orders_read", arguments: "" } }),
        call(0, { function: { arguments: '{"id":' } }),
        call(1, { id: "b", function: { name: "orders_refund", arguments: "{}" } }),
        call(0, { function: { arguments: "7}" } }),
        chunk({}, "tool_calls"),
        "[DONE]",
      ]),
    );
    const tools = ["orders.read", "orders.refund"].map((name) =>
      modelTool({ name, description: name, args: { type: "object" } }),
    );
    const earlier = { id: "z", type: "function", function: { name: "orders.read", arguments: "{}" } } as const;
    const messages = [{ role: "assistant", content: null, tool_calls: [earlier] } as const, ...ASKED.messages];
    const reply = await ask(model(), { messages, tools });
    expect(reply.message.tool_calls).toEqual([
      { id: "a", type: "function", function: { name: "orders.read", arguments: '{"id":7}' } },
      { id: "b", type: "function", function: { name: "orders.refund", arguments: "{}" } },
    ]);
    const sent = JSON.parse(server.requests[0]?.body ?? "") as {
      readonly tools: readonly { readonly function: { readonly name: string } }[];
      readonly messages: readonly { readonly tool_calls?: Json }[];
    };
    expect(sent.tools.map((tool) => tool.function.name)).toEqual(["orders_read", "orders_refund"]);
    expect(JSON.stringify(sent.messages[0]?.tool_calls)).toContain('"orders_read"');
  });

  it("whose tool call is broken JSON is kept as it was written [models:broken-tool-call-is-an-answer]", async () => {
    const call = { index: 0, id: "a", function: { name: "t", arguments: '{"id": 7' } };
    server.script(streams([chunk({ tool_calls: [call] }), chunk({}, "length"), "[DONE]"]));
    const reply = await ask();
    expect(reply.finishReason).toBe("length");
    expect(reply.message.tool_calls?.[0]?.function.arguments).toBe('{"id": 7');
  });

  it.each([
    ["length", { content: "Half of" }, "Half of"],
    ["content_filter", {}, ""],
  ])("that stopped for %s is an answer that says so [models:finish-reason-told]", async (reason, delta, content) => {
    server.script(streams([chunk(delta), chunk({}, reason), "[DONE]"]));
    expect(await ask()).toMatchObject({ finishReason: reason, message: { content } });
  });

  it("without told tokens has them estimated, and says so [models:tokens-estimated]", async () => {
    server.script(streams([chunk({ content: "x".repeat(400) }), chunk({}, "stop"), "[DONE]"]));
    const { usage } = await ask();
    expect(usage).toMatchObject({ outputTokens: 100, estimated: true });
    expect(usage.inputTokens).toBeGreaterThan(10);
  });

  it("may come whole from an endpoint that does not stream [models:stream-gathered]", async () => {
    const message = { role: "assistant", content: "Hello" };
    const usage = { prompt_tokens: 3, completion_tokens: 2 };
    server.script(replies(200, { choices: [{ index: 0, message, finish_reason: "stop" }], usage }));
    expect(await ask(model({ stream: false, model: "local", baseUrl: `${server.url}/api/` }))).toMatchObject({
      message: { content: "Hello" },
      usage: { inputTokens: 3, outputTokens: 2 },
    });
    expect(server.requests[0]?.path).toBe("/api/chat/completions");
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ model: "local", stream: false });
  });
});

const BEGUN = [chunk({ content: "x".repeat(40) })];
const ENDS: readonly (readonly [string, FaultStep, string])[] = [
  ["cuts before the headers", cutsBeforeHeaders, "no-reply"],
  ["cuts in mid-stream", streams(BEGUN, "cut"), "no-reply"],
  ["ends its stream too early", streams(BEGUN), "no-reply"],
  ["cuts a whole answer", cutsInBody('{"choices":'), "no-reply"],
  ["streams no JSON", streams(["{"]), "no-reply"],
  ["streams an error", streams([...BEGUN, JSON.stringify({ error: { message: "overloaded" } })]), "no-reply"],
  ["answers no choice", streams([USAGE, "[DONE]"]), "no-reply"],
  ["answers empty choices", replies(200, { choices: [] }), "no-reply"],
  ["answers HTML", repliesText(200, "<html>", { "content-type": "text/html" }), "no-reply"],
  ["answers 500", replies(500, { error: { message: "boom" } }), "no-reply"],
  ["answers 503", replies(503), "no-reply"],
  ["answers 429", replies(429, {}, { "retry-after": "3" }), "throttled"],
  ["answers 503 with a time", replies(503, {}, { "retry-after": "3" }), "throttled"],
  ["has no quota left", replies(429, { error: { code: "insufficient_quota", message: "pay" } }), "failed"],
  ["answers 400", replies(400, { error: { message: "bad request" } }), "failed"],
  ["answers 401", replies(401, { error: { message: "bad key" } }), "failed"],
  ["redirects", replies(307, {}, { location: "http://127.0.0.2:1/" }), "failed"],
];

describe("an endpoint that", () => {
  it.each(ENDS)("%s: the attempt ends so, and was one request [models:ends-classified]", async (_, step, expected) => {
    server.script(step);
    expect((await end())[0]).toBe(expected);
    expect(server.requests.length).toBe(1);
  });

  it("breaks off counts what it had written by then [models:tokens-estimated]", async () => {
    server.script(streams(BEGUN, "cut"));
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(attemptEndOf(error)).toMatchObject({ kind: "no-reply", usage: { outputTokens: 10, estimated: true } });
  });

  it("writes without end is stopped at a bound [models:answer-bounded]", async () => {
    const endless = `data: ${chunk({ content: "x".repeat(100_000) })}\n\n`;
    server.script((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const more = (): void => {
        while (!response.destroyed && response.write(endless));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    expect(await end()).toEqual(["no-reply", expect.stringContaining("bytes")]);
    await server.requests[0]?.closed;
  });

  it.each<[string, FaultStep]>([
    ["says nothing", hangs],
    ["sends its head and no token", streams([], "hang")],
    ["drips comments and no token", drips(5, { "content-type": "text/event-stream" })],
  ])(
    "%s is left at the bound of the first token, and its socket closed [models:first-token-bound]",
    async (_, step) => {
      server.script(step);
      expect(await end(model({ firstTokenTimeoutMs: 150 }))).toEqual(["no-reply", expect.stringContaining("150 ms")]);
      await server.requests[0]?.closed;
    },
  );

  it("has begun is not held to the bound of the first token [models:first-token-bound]", async () => {
    server.script((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${BEGUN[0]}\n\n`);
      setTimeout(() => response.end(`data: ${chunk({ content: "!" }, "stop")}\n\n`), 400);
    });
    expect((await ask(model({ firstTokenTimeoutMs: 200 }))).message.content).toMatch(/x!$/);
  });

  it("drags on is left when the caller's time is over, and its socket closed [http:abort-closes]", async () => {
    server.script(streams(BEGUN, "hang"));
    const abort = new AbortController();
    const ended = end(model(), ASKED, abort.signal);
    await until(() => server.requests.length === 1, "the request is there", 45_000);
    abort.abort();
    expect((await ended)[0]).toBe("no-reply");
    await server.requests[0]?.closed;
  });
});

describe("a definition", () => {
  it("names its key, and a gateway that lacks it does not start; the usual one may be missing [http:secrets-by-name]", () => {
    const missing = { code: "BUSBAR_SECRET_MISSING", fields: { what: "model gpt", secret: "NO_SUCH_KEY" } };
    expect(() => createToolbox([], [model({ apiKey: "NO_SUCH_KEY" })])).toThrow(expect.objectContaining(missing));
    expect(() => createToolbox([], [model()])).not.toThrow();
  });

  it("gets its key from the gateway's secrets, and its answers do not hold it [http:secrets-by-name]", async () => {
    server.script(streams([chunk({ content: "the key is sk-12345678" }), chunk({}, "stop"), "[DONE]"]));
    const box = createToolbox([], [model({ apiKey: "LLM_KEY" })], new Map([["LLM_KEY", "sk-12345678"]]));
    const { signal } = new AbortController();
    const run = { model: "gpt", request: ASKED as unknown as Json, callId: "c:1", chainId: "c", signal };
    expect(await box.askModel(run)).toMatchObject({ response: { content: "the key is [redacted:LLM_KEY]" } });
    expect(server.requests[0]?.headers.authorization).toBe("Bearer sk-12345678");
  });

  it("takes nothing from the bare environment, and no other secret than its own [http:secrets-by-name]", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-bare-1234");
    server.script(streams(HELLO));
    const box = createToolbox([], [model()], new Map([["OTHER", "another secret"]]));
    const { signal } = new AbortController();
    await box.askModel({ model: "gpt", request: ASKED as unknown as Json, callId: "c:1", chainId: "c", signal });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("needs no key where none is set: local endpoints have none [models:environment-suffices]", async () => {
    vi.stubEnv("TEST_KEY", "");
    server.script(streams(HELLO));
    await ask();
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each<Partial<OpenAiModelSpec>>([
    { baseUrl: "ftp://x" },
    { baseUrl: "x" },
    { firstTokenTimeoutMs: 0 },
    { timeoutMs: -1 },
  ])("of %j is refused [http:definition-checked]", (spec) => {
    expect(() => model(spec)).toThrow(/gpt/);
  });

  it("keeps the agent from choosing another model, more answers or another form [models:request-bounded]", async () => {
    server.script(streams(HELLO));
    await ask(model(), { ...ASKED, model: "dearest", n: 50, stream: false });
    const sent: unknown = JSON.parse(server.requests[0]?.body ?? "");
    expect(sent).toMatchObject({ model: "gpt", stream: true });
    expect(sent).not.toHaveProperty("n");
  });
});
