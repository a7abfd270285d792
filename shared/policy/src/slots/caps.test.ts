import { describe, expect, it } from "vitest";
import { capKey, capPath, capsOver, narrowCaps, partitionsOfCap, shareOf } from "./caps.ts";

const sharesOf = (key: string, total: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, partition) => shareOf(key, total, partition, count));

describe("static shares", () => {
  it("add up to the cap, whatever the cap and the number of partitions, and differ by one at most [caps:shares-add-up]", () => {
    for (const key of ["tool:a", "agent:b", "agent:b tool:a"]) {
      for (let count = 1; count <= 12; count += 1) {
        for (let total = 1; total <= 40; total += 1) {
          const shares = sharesOf(key, total, count);
          expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  it("a cap below the number of partitions lives on as many named ones, not on the same for every cap [caps:named-partitions]", () => {
    expect(partitionsOfCap("tool:a", 2, 8)).toHaveLength(2);
    const homes = new Set(Array.from({ length: 40 }, (_, index) => partitionsOfCap(`tool:t${index}`, 1, 8)[0]));
    expect(homes.size).toBeGreaterThan(4);
  });

  // A literal: where a cap lives is told to people, and must not move between versions.
  it("the partitions of a cap do not change with the code [caps:named-partitions]", () => {
    expect([partitionsOfCap("tool:pay.charge", 1, 4), partitionsOfCap("tool:pay.charge", 2, 4)]).toEqual(HOMES);
  });
});

const HOMES = [[3], [0, 3]];

describe("the caps over a call", () => {
  const cap = { concurrency: 1, rate: null };
  const caps = {
    [capKey.tool("t")]: cap,
    [capKey.agent("a")]: cap,
    [capKey.agentOnTool("a", "t")]: cap,
    [capKey.model("m")]: cap,
  };
  it.each([
    [{ agent: "a", kind: "tool", name: "t" } as const, ["tool:t", "agent:a", "agent:a tool:t"]],
    [{ agent: "b", kind: "tool", name: "t" } as const, ["tool:t"]],
    [{ agent: "a", kind: "tool", name: "u" } as const, ["agent:a"]],
    [{ agent: "a", kind: "model", name: "m" } as const, ["model:m", "agent:a"]],
    [{ agent: "b", kind: "model", name: "t" } as const, []],
    [{ agent: "constructor", kind: "tool", name: "toString" } as const, []],
  ])("%j is under %j", (call, keys) => {
    expect(capsOver(caps, call)).toEqual(keys);
    expect(capsOver(undefined, call)).toEqual([]);
  });

  it.each([
    [capKey.tool("db.write"), "tools.db.write"],
    [capKey.model("gpt"), "models.gpt"],
    [capKey.agent("support"), "agents.support"],
    [capKey.agentOnTool("support", "db.write"), "agents.support.perTool.db.write"],
  ])("%s stands at %s of busbar.yaml", (key, path) => {
    expect(capPath(key)).toBe(path);
  });
});

describe("what the author of a policy is told", () => {
  it("a cap that does not reach every partition is named with where it lives and what to write [caps:named-partitions]", () => {
    const caps = {
      "tool:pay.charge": { concurrency: 2, rate: { calls: 100, perMs: 1000 } },
      "agent:support": { concurrency: null, rate: { calls: 1, perMs: 1000 } },
      "tool:db.read": { concurrency: 4, rate: null },
    };
    expect(narrowCaps(caps, 4).map(({ reason }) => reason)).toEqual([
      "tools.pay.charge.concurrency: 2 is less than the 4 partitions of the bus, so it lives on partitions 0, 3 only; " +
        "calls of chains elsewhere wait until their deadline. 4 or more reaches all of them",
      expect.stringMatching(/^agents\.support\.rate\.calls: 1 is less than the 4 partitions .* on partition \d only/u),
    ]);
    expect(narrowCaps(caps, 1)).toEqual([]);
    expect(narrowCaps(undefined, 4)).toEqual([]);
  });
});
