import { describe, expect, it } from "vitest";
import { dependedRead, versionOf } from "./freshness.ts";
import { DEFAULT_TOOL, type Policy, type ToolPolicy } from "./policy-document.ts";

const tool = (more: Partial<ToolPolicy>): ToolPolicy => ({ ...DEFAULT_TOOL, effect: "read", digest: "", ...more });

describe("the version that a result tells", () => {
  it.each([
    ["$result.row.version", { row: { version: 7 } }, "7"],
    ["$result.row.version", { row: { version: "a7" } }, "a7"],
    ["$result.row.version", { row: null }, "null"],
    ["$result", { a: 1 }, '{"a":1}'],
  ])("by %s of %j is %s [effects:version-carried]", (version, result, told) => {
    expect(versionOf({ version }, {}, result)).toBe(told);
  });

  it("is a digest where it is long, and nothing where none is declared [effects:version-carried]", () => {
    const long = { text: "x".repeat(500) };
    expect(versionOf({ version: "$result" }, {}, long)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(versionOf({ version: "$result" }, {}, { ...long, more: 1 })).not.toBe(
      versionOf({ version: "$result" }, {}, long),
    );
    expect(versionOf({}, {}, long)).toBe("");
  });
});

describe("what a change depends on", () => {
  const change = tool({
    effect: "write",
    dependsOn: { tool: "get", args: { id: "$args.id", all: true }, check: "tool" },
  });
  const policy = (get: Partial<ToolPolicy>) => ({ tools: { get: tool(get), change } }) as unknown as Policy;

  it("is known by the read's subject, else by all its arguments [effects:version-carried]", () => {
    const args = { id: 3, more: 1 };
    expect(dependedRead(policy({ subject: ["id"] }), change, args)).toEqual({
      tool: "get",
      args: { id: 3, all: true },
      subject: '["get",3]',
    });
    expect(dependedRead(policy({}), change, args)?.subject).toBe('["get",{"all":true,"id":3}]');
    expect(dependedRead(policy({}), tool({}), args)).toBeNull();
  });
});
