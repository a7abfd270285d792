/**
 * HTTP tools through a whole bus and through a bad day of their server. The checker is the server's own journal: what it
 * did, under which key. It shares nothing with the gateway but the wire.
 */
import { defineAgent, type ToolDefinition } from "@busbar/agent";
import { closeConnections, defineHttpTool } from "@busbar/agent/http";
import type { JsonObject } from "@busbar/kernel";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus, type TestPolicy } from "../bus/test-bus.ts";
import {
  createFaultServer,
  cutsBeforeHeaders,
  type FaultServer,
  type FaultStep,
  hangs,
  replies,
} from "./fault-server.ts";

vi.setConfig({ testTimeout: 60_000 });

let server: FaultServer;
let bus: TestBus | null = null;
/** What the server did: by the key where it honours keys, else once per request. */
let journal: string[] = [];

beforeEach(async () => {
  server = await createFaultServer();
  journal = [];
});
afterEach(async () => {
  await bus?.stop();
  bus = null;
  await server.close();
});
afterAll(closeConnections);

/** Does what it was asked, once per key, and answers by a step: also where that loses the answer. */
function does(step: FaultStep): FaultStep {
  return (response, request) => {
    const key = String(request.headers["idempotency-key"] ?? `request ${server.requests.length}`);
    if (!journal.includes(key)) journal.push(key);
    step(response, request);
  };
}
const done = does(replies(200, { charged: true }));

const ARGS: JsonObject = { type: "object", properties: { order: { type: "integer" } }, required: ["order"] };
const RESULT: JsonObject = { type: "object", required: ["charged"] };

function charge(toolClass: "exact" | "at-most-once", more: Partial<ToolDefinition> = {}): ToolDefinition {
  const http = { method: "POST", url: `${server.url}/charges` } as const;
  const base = { name: "pay.charge", description: "Charges", effect: "write", args: ARGS, result: RESULT } as const;
  const lifetime = toolClass === "exact" ? { keyLifetimeMs: 86_400_000 } : {};
  return { ...defineHttpTool({ ...base, toolClass, ...lifetime, timeoutMs: 20_000, http }), ...more };
}
const find = (): ToolDefinition => {
  const http = { method: "GET", url: `${server.url}/charges/{order}` } as const;
  return defineHttpTool({
    name: "pay.find",
    description: "Finds",
    effect: "read",
    args: ARGS,
    timeoutMs: 20_000,
    http,
  });
};

const clerk = defineAgent<{ order: number }>({
  name: "clerk",
  version: "1",
  handler: async ({ input }, ctx) => ctx.tool("pay.charge", { order: input.order }),
});

async function open(tools: readonly ToolDefinition[], policy: TestPolicy = {}): Promise<TestBus> {
  bus = await createTestBus({
    agents: [clerk],
    tools,
    policy: { limits: { settleMarginMs: 20 }, ...policy },
    limitMs: 45_000,
  });
  return bus;
}

/** The events of the only chain about its effect, with what tells them apart. */
function story(test: TestBus): readonly string[] {
  return test.events().flatMap((event) => {
    if (!event.type.startsWith("Effect")) return [];
    if (event.type === "EffectFailed") return [`${event.type} ${event.code}${event.final ? " final" : ""}`];
    return [event.type === "EffectInDoubt" ? `${event.type} ${event.code}` : event.type];
  });
}

describe("an exact tool over HTTP", () => {
  it("does its effect once through throttling, lost answers and errors after the deed [http:effects-once]", async () => {
    server.script(
      replies(429, {}, { "retry-after": "0.2" }),
      does(cutsBeforeHeaders),
      replies(503, {}, { "retry-after": "0" }),
      does(replies(500)),
      done,
    );
    const test = await open([charge("exact")], {
      breaker: { consecutiveFailures: 0, agentFailures: 0, pairFailures: 0 },
    });
    expect(await test.submit("clerk", { order: 7 })).toMatchObject({ state: "completed", output: { charged: true } });
    expect(journal.length).toBe(1);
    expect(server.requests.length).toBe(5);
    expect(story(test)).toEqual([
      "EffectAdmitted",
      "EffectFailed BUSBAR_THROTTLED",
      "EffectAdmitted",
      "EffectInDoubt BUSBAR_OUTCOME_UNKNOWN",
      "EffectAdmitted",
      // That this attempt was put off says nothing about the one whose answer was lost.
      "EffectInDoubt BUSBAR_EFFECT_IN_DOUBT",
      "EffectAdmitted",
      "EffectInDoubt BUSBAR_OUTCOME_UNKNOWN",
      "EffectAdmitted",
      "EffectCommitted",
    ]);
  });

  it("whose breaker opens over a lost answer is probed by that very effect, and does it once [attempts:doubt-asks-for-probe]", async () => {
    const test = await open([charge("exact")], { breaker: { consecutiveFailures: 2, cooldownMs: 400 } });
    const isWaiting = () => story(test).includes("EffectInDoubt BUSBAR_BREAKER_OPEN");
    server.route("/charges", (response, request) => (isWaiting() ? done : does(cutsBeforeHeaders))(response, request));
    expect(await test.submit("clerk", { order: 7 })).toMatchObject({ state: "completed", output: { charged: true } });
    expect(journal.length).toBe(1);
    expect(isWaiting()).toBe(true);
    expect(test.events().findLast(({ type }) => type === "EffectAdmitted")).toMatchObject({
      probes: [expect.stringMatching(/./)],
    });
  });

  it("that asked to come later is called at that time by the next gateway, once [attempts:delay-survives-takeover]", async () => {
    server.script(replies(429, {}, { "retry-after": "1" }), done);
    const test = await open([charge("exact")]);
    const handle = await test.start("clerk", { order: 7 });
    const { retryAtMs } = await test.waitFor("EffectFailed");
    await test.replaceGateway();
    expect((await test.outcome(handle)).state).toBe("completed");
    const [, second, ...more] = test.events().filter(({ type }) => type === "EffectAdmitted");
    expect(second?.meta.atMs).toBeGreaterThanOrEqual(retryAtMs);
    expect([more, journal.length, server.requests.length]).toEqual([[], 1, 2]);
  });

  it("is called again at the time that it names, not before [attempts:throttled-is-no-error]", async () => {
    server.script(replies(429, {}, { "retry-after": "0.5" }), done);
    const test = await open([charge("exact")]);
    await test.submit("clerk", { order: 7 });
    const [first, second] = test.events().filter(({ type }) => type === "EffectAdmitted");
    const failed = await test.waitFor("EffectFailed");
    expect(failed.retryAtMs - failed.meta.atMs).toBe(500);
    expect(second?.meta.atMs).toBeGreaterThanOrEqual(failed.retryAtMs);
    expect(first?.meta.atMs).toBeLessThan(failed.retryAtMs);
  });
});

describe("an at-most-once tool over HTTP", () => {
  it("whose answer is lost is in doubt, never sent again, and settled by a read over HTTP that shows it [http:effects-once]", async () => {
    server.script(does(cutsBeforeHeaders));
    server.route("/charges/7", (response, request) => replies(200, { found: journal.length === 1 })(response, request));
    const readBack = { tool: "pay.find", args: { order: "$args.order" }, expect: { found: true } };
    const test = await open([charge("at-most-once", { readBack }), find()]);
    expect((await test.submit("clerk", { order: 7 })).state).toBe("completed");
    expect(server.requests.filter(({ method }) => method === "POST").length).toBe(1);
    expect(journal.length).toBe(1);
    expect(story(test)).toEqual(["EffectAdmitted", "EffectInDoubt BUSBAR_OUTCOME_UNKNOWN", "EffectSettled"]);
    expect(await test.waitFor("EffectSettled")).toMatchObject({ outcome: "committed", by: "read-back" });
  });

  it("whose answer drags on longer than its time-out is in doubt, and its socket is closed [http:abort-closes]", async () => {
    server.script(does(hangs));
    const test = await open([charge("at-most-once", { timeoutMs: 300 })]);
    await test.start("clerk", { order: 7 });
    expect((await test.waitFor("EffectInDoubt")).code).toBe("BUSBAR_OUTCOME_LATE");
    await server.requests[0]?.closed;
    await test.waitFor("EffectSettled", ({ outcome }) => outcome === "unknown");
    expect(server.requests.length).toBe(1);
  });

  it("whose server is not there yet is tried again, since nothing was sent [http:lost-before-or-after]", async () => {
    const { url } = server;
    await server.close();
    const http = { method: "POST", url: `${url}/charges` } as const;
    const gone = defineHttpTool({
      name: "pay.charge",
      description: "Charges",
      effect: "write",
      args: ARGS,
      timeoutMs: 9000,
      http,
    });
    const test = await open([gone]);
    expect(await test.submit("clerk", { order: 7 })).toMatchObject({
      state: "failed",
      code: "BUSBAR_EFFECT_NOT_STARTED",
    });
    expect(story(test).filter((line) => line === "EffectAdmitted").length).toBe(3);
    expect(story(test).at(-1)).toBe("EffectFailed BUSBAR_EFFECT_NOT_STARTED final");
    server = await createFaultServer();
  });

  it("that answers garbage did happen: the agent learns that, and it is not called again [effects:invalid-result-not-retried]", async () => {
    server.script(does(replies(200, ["not what it promised"])));
    const test = await open([charge("at-most-once")]);
    expect(await test.submit("clerk", { order: 7 })).toMatchObject({ state: "failed", code: "BUSBAR_RESULT_INVALID" });
    expect([journal.length, server.requests.length]).toEqual([1, 1]);
  });
});
