import { describe, expect, it } from "vitest";
import { MAX_MESSAGE_BYTES, topicSpecs } from "./topics.ts";

const options = { prefix: "busbar", partitions: 4, agents: ["support", "refunds"], durability: "disk" } as const;
const byName = (specs: ReturnType<typeof topicSpecs>) => new Map(specs.map((spec) => [spec.name, spec]));

describe("topics as data", () => {
  it("lists each topic once, with one inbox per agent", () => {
    expect(topicSpecs({ ...options, agents: ["support", "refunds", "support"] }).map((spec) => spec.name)).toEqual([
      "busbar.events",
      "busbar.commands",
      "busbar.control",
      "busbar.directives",
      "busbar.signals",
      "busbar.heartbeats",
      "busbar.checkpoints",
      "busbar.dead-letters",
      "busbar.blobs",
      "busbar.inbox.support",
      "busbar.inbox.refunds",
    ]);
  });

  it("gives everything keyed by chain the same count, and directives and heartbeats one partition", () => {
    const single = ["busbar.directives", "busbar.heartbeats"];
    for (const spec of topicSpecs({ ...options, partitions: 12 })) {
      expect([spec.name, spec.partitions]).toEqual([spec.name, single.includes(spec.name) ? 1 : 12]);
    }
  });

  it("stamps records of every topic with the broker's append time [append:broker-time]", () => {
    for (const spec of topicSpecs(options)) expect(spec.config["message.timestamp.type"]).toBe("LogAppendTime");
  });

  it("deletes nothing but heartbeats and compacts nothing but checkpoints", () => {
    const specs = topicSpecs(options);
    const expire = specs.filter(
      (spec) => spec.config["cleanup.policy"] === "delete" && spec.config["retention.ms"] !== "-1",
    );
    expect(expire.map((spec) => spec.name)).toEqual(["busbar.heartbeats"]);
    const compact = specs.filter((spec) => spec.config["cleanup.policy"] === "compact");
    expect(compact.map((spec) => spec.name)).toEqual(["busbar.checkpoints"]);
    for (const spec of specs) expect(spec.config["retention.bytes"] ?? "-1").toBe("-1");
  });

  it("flushes events and directives only, and only where durability is disk", () => {
    const flushed = (durability: "disk" | "page-cache") =>
      topicSpecs({ ...options, durability })
        .filter((spec) => spec.config["flush.messages"] === "1")
        .map((spec) => spec.name);
    expect(flushed("disk")).toEqual(["busbar.events", "busbar.directives"]);
    expect(flushed("page-cache")).toEqual([]);
  });

  it("lets no codec of a producer and no batch above 1 MiB reach a reader", () => {
    for (const spec of topicSpecs(options)) {
      expect(spec.config["compression.type"]).toBe("uncompressed");
      expect(spec.config["max.message.bytes"]).toBe(String(MAX_MESSAGE_BYTES));
    }
  });

  it("keeps buses with different prefixes apart", () => {
    const names = new Set(byName(topicSpecs(options)).keys());
    for (const spec of topicSpecs({ ...options, prefix: "test-1" })) expect(names.has(spec.name)).toBe(false);
  });
});
