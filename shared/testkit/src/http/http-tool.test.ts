import { createToolbox } from "@busbar/agent/project";
import { attemptEndOf, notStarted, type ToolDefinition, toolManifest } from "@busbar/agent";
import { closeConnections, defineHttpTool, type HttpCall, type HttpToolSpec } from "@busbar/agent/http";
import type { Json, JsonObject } from "@busbar/kernel";
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
} from "./fault-server.ts";

let server: FaultServer;
beforeEach(async () => {
  server = await createFaultServer();
});
afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
});
afterAll(closeConnections);

const ARGS = {
  type: "object",
  properties: { id: { type: "string" }, cents: { type: "integer" } },
  required: ["id"],
} satisfies JsonObject;

type Told = Partial<Omit<HttpToolSpec, "http">> & { readonly http?: Partial<HttpCall> };

/** A charge, at most once unless told otherwise. */
function charge({ http, ...more }: Told = {}): ToolDefinition {
  const call = { method: "POST", url: `${server.url}/customers/{id}/charges`, ...http } as const;
  const base = { name: "pay.charge", description: "Charges", effect: "write", args: ARGS, timeoutMs: 5000 } as const;
  return defineHttpTool({ ...base, ...more, http: call });
}

/** The customer, a read. */
function look(http: Partial<HttpCall> = {}): ToolDefinition {
  return charge({ effect: "read", http: { method: "GET", url: `${server.url}/customers/{id}`, ...http } });
}

interface Ran {
  readonly attempt?: number;
  readonly signal?: AbortSignal;
  readonly version?: string;
}

async function run(tool: ToolDefinition, args: JsonObject = { id: "c1", cents: 5 }, ran: Ran = {}): Promise<Json> {
  const { attempt = 1, signal = new AbortController().signal } = ran;
  const ids = { key: "key-1", attempt, atMs: 0, callId: "c:1", chainId: "c", agent: "a" };
  const secret = (name: string): string => {
    if (name === "PAY_TOKEN" && (tool.secrets ?? []).includes(name)) return "s3cret-12";
    throw notStarted(`it does not declare ${name}`);
  };
  return tool.run(args, {
    ...ids,
    signal,
    secret,
    ...(ran.version === undefined ? {} : { expected: { subject: "s", version: ran.version } }),
  });
}

/** How an attempt ended: `result`, `failed`, or the kind that the tool told; with its reason. */
async function end(tool: ToolDefinition, args?: JsonObject, ran?: Ran): Promise<readonly [string, string]> {
  try {
    return ["result", JSON.stringify(await run(tool, args, ran))];
  } catch (error) {
    return [attemptEndOf(error)?.kind ?? "failed", error instanceof Error ? error.message : String(error)];
  }
}

describe("a call", () => {
  it("puts arguments into path, query and body, secrets into headers and the effect's key where it belongs [http:call-mapped]", async () => {
    server.script(replies(200, { charged: 5 }));
    const http = { query: { source: "$args.source" }, headers: { authorization: "Bearer ${PAY_TOKEN}" } };
    const properties = { ...ARGS.properties, source: { type: "string" }, note: { type: "string" } };
    const tool = charge({ toolClass: "exact", args: { ...ARGS, properties }, http });
    expect(await run(tool, { id: "c/1", cents: 5, source: "a&b", note: "hi" })).toEqual({ charged: 5 });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", path: "/customers/c%2F1/charges?source=a%26b" });
    expect(request?.headers).toMatchObject({ authorization: "Bearer s3cret-12", "idempotency-key": "key-1" });
    expect(JSON.parse(request?.body ?? "")).toEqual({ cents: 5, note: "hi" });
  });

  it("takes a body of its own form, with the key anywhere in it [http:call-mapped]", async () => {
    const body = { amount: { value: "$args.cents", currency: "EUR" }, ids: ["$key", "$args.gone"], all: "$args" };
    await run(charge({ http: { body, idempotencyHeader: "X-Request-Id" } }));
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({
      amount: { value: 5, currency: "EUR" },
      ids: ["key-1", null],
      all: { id: "c1", cents: 5 },
    });
    expect(server.requests[0]?.headers["x-request-id"]).toBe("key-1");
  });

  it("an at-most-once change carries no key unless its header is declared; a read never does [http:call-mapped]", async () => {
    await run(charge());
    await run(look({ idempotencyHeader: "Idempotency-Key" }));
    expect(server.requests.map(({ headers }) => headers["idempotency-key"])).toEqual([undefined, undefined]);
  });

  it("declares the secrets that its headers name: a gateway without one does not start [http:secrets-by-name]", () => {
    const tool = charge({
      http: { headers: { authorization: "Bearer ${NO_SUCH_TOKEN}", "x-id": "${NO_SUCH_TOKEN}" } },
    });
    expect(toolManifest(tool).secrets).toEqual(["NO_SUCH_TOKEN"]);
    const missing = { code: "BUSBAR_SECRET_MISSING", fields: { what: `tool ${tool.name}`, secret: "NO_SUCH_TOKEN" } };
    expect(() => createToolbox([tool])).toThrow(expect.objectContaining(missing));
  });

  it("takes no secret from the bare environment, and its answer holds none [http:secrets-by-name]", async () => {
    vi.stubEnv("SHOP_TOKEN", "from the environment");
    server.script(replies(200, { told: "Bearer the-declared-one" }));
    const tool = charge({ http: { headers: { authorization: "Bearer ${SHOP_TOKEN}" } } });
    const box = createToolbox([tool], [], new Map([["SHOP_TOKEN", "the-declared-one"]]));
    const ids = { key: "", attempt: 1, atMs: 0, callId: "c:1", chainId: "c", agent: "a" };
    const { signal } = new AbortController();
    const answer = await box.runTool({ tool: tool.name, args: { id: "c1", cents: 5 }, ...ids, signal });
    expect(answer).toMatchObject({ result: { told: "Bearer [redacted:SHOP_TOKEN]" } });
    expect(server.requests[0]?.headers.authorization).toBe("Bearer the-declared-one");
  });

  it("carries the version that its chain has read, and a 412 says that it is stale [effects:stale-refused]", async () => {
    const dependsOn = { tool: "customers.find", args: { id: "$args.id" }, check: "tool" } as const;
    server.script(replies(412, { error: "changed" }), replies(412, { error: "changed" }), replies(200, {}));
    expect((await end(charge({ dependsOn }), undefined, { version: "7" }))[0]).toBe("stale");
    expect((await end(charge(), undefined))[0]).toBe("failed");
    const own = charge({ dependsOn, http: { versionHeader: "X-Version" } });
    expect((await end(own, undefined, { version: "7" }))[0]).toBe("result");
    expect(server.requests.map(({ headers }) => [headers["if-match"], headers["x-version"]])).toEqual([
      ['"7"', undefined],
      [undefined, undefined],
      [undefined, "7"],
    ]);
  });

  it("whose argument attacks the path is not sent [http:url-fixed]", async () => {
    expect((await end(charge(), { id: "../../admin" }))[0]).toBe("failed");
    expect(server.requests).toEqual([]);
  });
});

describe("a definition", () => {
  it.each<[string, Told]>([
    ["a GET that writes", { http: { method: "GET" } }],
    ["a body on a GET", { effect: "read", http: { method: "GET", body: {} } }],
    ["a placeholder that args does not declare", { http: { url: "http://h/{nobody}" } }],
    ["a host out of an argument", { http: { url: "http://{id}/" } }],
    ["a header that is none", { http: { headers: { "a b": "x" } } }],
    ["an unknown method", { http: { method: "TRACE" as "GET" } }],
  ])("with %s is refused [http:definition-checked]", (_, told) => {
    expect(() => charge(told)).toThrow(/pay\.charge/);
  });
});

/** Steps of a server, and what each means to a read, an at-most-once and an exact change. */
const ENDS: readonly (readonly [string, FaultStep, string, string, string])[] = [
  ["cuts before the headers", cutsBeforeHeaders, "not-started", "unknown", "unknown"],
  ["cuts in the body", cutsInBody('{"charged":'), "not-started", "unknown", "unknown"],
  ["answers 500", replies(500, { error: "boom" }), "not-started", "unknown", "unknown"],
  ["answers 422", replies(422, { error: "no funds" }), "failed", "failed", "failed"],
  ["answers 429 with a time", replies(429, {}, { "retry-after": "2" }), "throttled", "throttled", "throttled"],
  ["answers 503 with a time", replies(503, {}, { "retry-after": "2" }), "throttled", "throttled", "throttled"],
  ["answers HTML", repliesText(200, "<html>", { "content-type": "text/html" }), "failed", "invalid", "invalid"],
  [
    "answers broken JSON",
    repliesText(200, "{", { "content-type": "application/json" }),
    "failed",
    "invalid",
    "invalid",
  ],
  ["answers JSON as text", repliesText(200, "{}", { "content-type": "text/plain" }), "failed", "invalid", "invalid"],
  ["answers compressed", replies(200, {}, { "content-encoding": "br" }), "failed", "invalid", "invalid"],
  ["answers too much", replies(200, "x".repeat(3000)), "failed", "invalid", "invalid"],
  ["answers nothing", (response) => void response.writeHead(204).end(), "result", "result", "result"],
  [
    "redirects to another host",
    replies(302, {}, { location: "http://127.0.0.2:1/elsewhere" }),
    "failed",
    "unknown",
    "unknown",
  ],
  ["redirects with 307", replies(307, {}, { location: "http://127.0.0.2:1/elsewhere" }), "failed", "failed", "failed"],
];

describe("a server that", () => {
  it.each(ENDS)("%s: read, at most once, exact [http:ends-classified]", async (_, step, ...expected) => {
    server.script(step, step, step);
    const http = { responseLimitBytes: 2000 };
    const tools = [look(http), charge({ http }), charge({ toolClass: "exact", http })];
    const ends: string[] = [];
    for (const tool of tools) ends.push((await end(tool))[0]);
    expect(ends).toEqual(expected);
    // One attempt is one request: nothing below the tool tries again.
    expect(server.requests.length).toBe(3);
  });

  it("is not there: nothing was sent, so nothing happened [http:lost-before-or-after]", async () => {
    const { url } = server;
    await server.close();
    const tool = charge({ http: { url: `${url}/x` } });
    expect(await end(tool)).toEqual(["not-started", expect.stringContaining("ECONNREFUSED")]);
    const tls = charge({ http: { url: "https://no-such-host.invalid/x" } });
    expect((await end(tls))[0]).toBe("not-started");
    server = await createFaultServer();
  });

  it("speaks no TLS where the tool does: nothing was sent [http:lost-before-or-after]", async () => {
    const tool = charge({ http: { url: `${server.url.replace("http:", "https:")}/x` } });
    expect((await end(tool))[0]).toBe("not-started");
    expect(server.requests).toEqual([]);
  });

  it("tells why it refuses: its words are in the reason, its secrets are not [http:secrets-by-name]", async () => {
    server.script(replies(402, { error: "no funds" }));
    const [, reason] = await end(charge({ http: { headers: { authorization: "Bearer ${PAY_TOKEN}" } } }));
    expect(reason).toContain("no funds");
    expect(reason).not.toContain("s3cret-12");
  });

  it("answers garbage to a change: what it said is kept, bounded [http:ends-classified]", async () => {
    server.script(repliesText(200, "<html>done</html>", { "content-type": "text/html" }));
    const error: unknown = await run(charge()).catch((thrown: unknown) => thrown);
    expect(attemptEndOf(error)).toEqual({ kind: "invalid", result: "<html>done</html>" });
  });

  it("redirects a read within its own origin is followed, and only so far [http:redirects-bounded]", async () => {
    server.script(replies(302, {}, { location: "/customers/c2" }), replies(200, { name: "Ada" }));
    expect(await end(look())).toEqual(["result", '{"name":"Ada"}']);
    expect(server.requests.map(({ path }) => path)).toEqual(["/customers/c1", "/customers/c2"]);
    server.script(...Array.from({ length: 9 }, () => replies(302, {}, { location: "/loop" })));
    expect((await end(look()))[0]).toBe("failed");
    expect(server.requests.length).toBe(6);
  });
});

describe("an abort", () => {
  it.each<[string, FaultStep, string]>([
    ["while the server says nothing", hangs, "unknown"],
    ["while it drips a body", drips(5), "unknown"],
  ])("%s ends the attempt and closes the socket [http:abort-closes]", async (_, step, expected) => {
    server.script(step);
    const abort = new AbortController();
    const ended = end(charge(), undefined, { signal: abort.signal });
    await until(() => server.requests.length === 1, "the request is there", 45_000);
    abort.abort();
    expect((await ended)[0]).toBe(expected);
    await server.requests[0]?.closed;
  });

  it("before the request is sent leaves nothing done [http:lost-before-or-after]", async () => {
    expect((await end(charge(), undefined, { signal: AbortSignal.abort() }))[0]).toBe("not-started");
    expect(server.requests).toEqual([]);
  });
});

describe("connections", () => {
  it("are bounded: what waits for one is not sent, and an abort then leaves nothing done [http:pool-bounded]", async () => {
    server.script(...Array.from({ length: 16 }, () => hangs));
    const abort = new AbortController();
    const signals = Array.from({ length: 17 }, () => ({ signal: abort.signal }));
    const ends = signals.map((ran) => end(charge(), undefined, ran));
    await until(() => server.requests.length === 16, "sixteen requests are there", 45_000);
    expect(server.connections()).toBe(16);
    abort.abort();
    const kinds = (await Promise.all(ends)).map(([kind]) => kind);
    expect(kinds.filter((kind) => kind === "unknown").length).toBe(16);
    expect(kinds.filter((kind) => kind === "not-started").length).toBe(1);
  });

  it("are kept for what may be repeated, and never used again for what may not [http:own-connection]", async () => {
    for (let count = 0; count < 10; count += 1) await run(look());
    const kept = server.connections();
    // A request that comes in the very turn of the last answer may find it not yet free: more than one, far from ten.
    expect(kept).toBeLessThan(5);
    for (let count = 0; count < 10; count += 1) await run(charge());
    await Promise.all(server.requests.slice(10).map(({ closed }) => closed));
    expect(server.connections()).toBe(kept);
  });
});
