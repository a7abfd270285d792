import { describe, expect, test } from "vitest";
import { covers, formatScope, parseScope } from "./index.ts";

const subject = { agent: "support", tool: "sql.write", lineage: ["root", "parent", "self"] };

describe("scopes", () => {
  test("the four kinds are written and read alike [halt:fence-per-scope]", () => {
    for (const text of ["fleet", "agent:support", "tool:sql.write", "chain:abc", "chain:a:b"]) {
      const scope = parseScope(text);
      expect(scope && formatScope(scope)).toBe(text);
    }
    const flawed = ["", "fleet:", "agent", "agent:", "team:x", ":x", " fleet", "Fleet", `agent:${"a".repeat(201)}`];
    for (const text of flawed) expect([text, parseScope(text)]).toEqual([text, null]);
  });

  test("a scope covers what it names and nothing else [halt:fence-per-scope]", () => {
    const covered = ["fleet", "agent:support", "tool:sql.write", "chain:root", "chain:parent", "chain:self"];
    for (const scope of covered) expect([scope, covers(scope, subject)]).toEqual([scope, true]);
    const others = ["agent:supp", "agent:sql.write", "tool:sql", "tool:support", "chain:other", "chain:support"];
    for (const scope of others) expect([scope, covers(scope, subject)]).toEqual([scope, false]);
  });

  test("without a tool no tool scope covers [halt:fence-per-scope]", () => {
    expect(covers("tool:sql.write", { agent: "support", lineage: ["root"] })).toBe(false);
    expect(covers("tool:undefined", { agent: "support", lineage: ["root"] })).toBe(false);
  });

  test("text that is no scope covers everything: it fails closed [halt:fence-per-scope]", () => {
    expect(covers("agnt:support", subject)).toBe(true);
  });
});
