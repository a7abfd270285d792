import { describe, expect, it } from "vitest";
import { isNotStarted, notStarted } from "./attempt-errors.ts";
import { defineModel, toolCallArguments } from "./model.ts";
import { toolManifest } from "./tool-manifest.ts";
import { defineTool, type ToolSpec } from "./tool.ts";

const schema = { type: "object", properties: { id: { type: "integer" }, note: { type: "string" } }, required: ["id"] };
const refund: ToolSpec<{ readonly id: number }> = {
  name: "orders.refund",
  description: "Pays an order back.",
  effect: "write",
  args: schema,
  identity: ["id"],
  subject: ["id"],
  timeoutMs: 1000,
  readBack: {
    tool: "orders.read",
    args: { id: "$args.id" },
    expect: { "refund.id": "$result.refundId", state: "refunded" },
  },
  run: ({ id }) => ({ refundId: id }),
};

describe("defineTool", () => {
  it("fills in the careful defaults [effects:at-most-once]", () => {
    expect(defineTool(refund)).toMatchObject({ toolClass: "at-most-once", volatile: false, fireBoundMs: 5000 });
  });

  it.each([
    ["a name with a colon", { name: "model:x" }],
    ["a time-out of nothing", { timeoutMs: 0 }],
    ["arguments that are no object", { args: { type: "string" } }],
    ["an identity field that the arguments lack", { identity: ["order"] }],
    ["a subject field that the arguments lack", { subject: ["order"] }],
    [
      "a read-back of an argument that is not there",
      { readBack: { tool: "r", args: { id: "$args.order" }, expect: { a: 1 } } },
    ],
    ["a read-back that expects nothing", { readBack: { tool: "r", args: {}, expect: {} } }],
    ["an expectation that is no expression", { readBack: { tool: "r", args: {}, expect: "seen.state ==" } }],
    ["an expectation of something unknown", { readBack: { tool: "r", args: {}, expect: "world.state == 1" } }],
    ["a read-back of a read", { effect: "read" as const }],
    ["a key's lifetime of a tool that honours no key", { keyLifetimeMs: 60_000 }],
    ["a key's lifetime without room for an attempt", { toolClass: "exact" as const, keyLifetimeMs: 6000 }],
  ])("refuses %s", (_what, change) => {
    expect(() => defineTool({ ...refund, ...change })).toThrow(
      expect.objectContaining({ code: "BUSBAR_CONFIG_INVALID" }) as Error,
    );
  });

  it.each([
    ["a tracked argument that there is not", { outbound: true, tracked: ["order"] }, "tracked: order is no argument"],
    [
      "what the person says as untrusted text",
      { person: true, trust: "untrusted" as const },
      "person: what the person says",
    ],
    [
      "a check that cannot be evaluated",
      { checks: [{ name: "a", require: "result.x == 1", reason: "" }] },
      "checks.0.require: Unknown variable: result",
    ],
    [
      "a claim of an argument that there is not",
      { claims: [{ subject: "order:{$args.order}", value: 1, source: "s" }] },
      "claims.0: it uses $args.order",
    ],
  ])("refuses %s, with the place [evidence:declared]", (_what, change, reason) => {
    expect(() => defineTool({ ...refund, ...change })).toThrow(reason);
  });

  it("puts what results are worth into the manifest, and nothing where nothing is said [evidence:declared]", () => {
    const worth = { outbound: true, tracked: ["id"], trust: "untrusted" as const };
    expect(toolManifest(defineTool({ ...refund, ...worth }))).toMatchObject(worth);
    expect(Object.keys(toolManifest(defineTool(refund)))).not.toContain("trust");
  });
});

describe("toolManifest", () => {
  it("is plain data that survives JSON, without code", () => {
    const manifest = toolManifest(defineTool(refund));
    expect(JSON.parse(JSON.stringify(manifest))).toEqual(manifest);
    expect(manifest).toMatchObject({
      identity: ["id"],
      subject: ["id"],
      result: null,
      readBack: { tool: "orders.read" },
    });
  });

  it("has one digest for one declaration, whatever the order of its fields, and another for any change", () => {
    const digest = (change: Partial<typeof refund>) => toolManifest(defineTool({ ...refund, ...change })).digest;
    expect(digest({ args: { required: ["id"], properties: schema.properties, type: "object" } })).toBe(digest({}));
    expect(digest({ run: () => null })).toBe(digest({}));
    expect(digest({ timeoutMs: 1001 })).not.toBe(digest({}));
  });
});

it("notStarted is told apart from any other error [effects:not-started-retryable]", () => {
  expect(isNotStarted(notStarted("no connection"))).toBe(true);
  expect(isNotStarted(new Error("no connection"))).toBe(false);
});

it("a model's arguments are an object or null: models write broken JSON", () => {
  const call = (text: string) => ({ id: "1", type: "function" as const, function: { name: "f", arguments: text } });
  expect(toolCallArguments(call('{"a":1}'))).toEqual({ a: 1 });
  for (const text of ["{", "[1]", "null", '"a"']) expect(toolCallArguments(call(text))).toBeNull();
  expect(defineModel({ name: "m", complete: () => Promise.reject(new Error("unused")) }).timeoutMs).toBe(60_000);
});
