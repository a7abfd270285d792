import { describe, expect, it } from "vitest";
import { DEFAULT_BREAKER } from "../policy-document.ts";
import { breakerKeys, parseBreakerKey, tripPolicyOf } from "./keys.ts";

describe("keys of breakers", () => {
  it("a call meets that of its agent, of its tool, and of the agent at the tool [supervisor:breaker-scopes]", () => {
    const keys = breakerKeys("support", "db.write");
    expect(keys).toEqual(["agent:support", "tool:db.write", "agent:support/tool:db.write"]);
    expect(keys.map(parseBreakerKey)).toEqual([
      { kind: "agent", agent: "support" },
      { kind: "tool", tool: "db.write" },
      { kind: "pair", agent: "support", tool: "db.write" },
    ]);
  });

  it.each(["", "/", "agent:", "tool:", "db.write", "agent:a/", "/tool:b", "agent:a/b", "agent:atool:b", "chain:c"])(
    "%j is none [supervisor:breaker-scopes]",
    (key) => {
      const found = parseBreakerKey(key);
      // What reads as the name of an agent is one.
      if (key === "agent:atool:b") expect(found).toEqual({ kind: "agent", agent: "atool:b" });
      else expect(found).toBeNull();
    },
  );

  it("each kind has a limit of its own, and none alone condemns another [supervisor:breaker-peers]", () => {
    const rows = breakerKeys("support", "db.write").map((key) => tripPolicyOf(DEFAULT_BREAKER, key));
    expect(rows.map(({ failures, perPeer }) => [failures, perPeer])).toEqual([
      [5, 2],
      [2, 1],
      [2, 0],
    ]);
    for (const { failures, perPeer } of rows.slice(0, 2)) expect(perPeer).toBeLessThan(failures);
  });
});
