/** The settings that durability rests on, one at a time. */
import { describe, expect, it } from "vitest";
import { durabilityOf, replicaSettings, satisfies } from "./topic-durability.ts";

const SAFE: Readonly<Record<string, string>> = {
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "message.timestamp.type": "LogAppendTime",
  "min.insync.replicas": "2",
  "unclean.leader.election.enable": "false",
};

const topic = (replicas: number, over: Readonly<Record<string, string>> = {}) => ({
  partitions: 4,
  replicas,
  config: new Map(Object.entries({ ...SAFE, ...over })),
});

describe("[log:settings-checked] settings of a topic", () => {
  it("three replicas of which two are in step are kept without a flush", () => {
    expect(durabilityOf(topic(3), true)).toEqual({ defects: [], warnings: [] });
  });

  it.each([
    [3, { "min.insync.replicas": "1" }, "one broker's loss"],
    [3, { "unclean.leader.election.enable": "true" }, "lags behind"],
    [1, {}, "no append can be acknowledged"],
    [3, { "cleanup.policy": "compact,delete" }, "compaction"],
    [3, { "message.timestamp.type": "CreateTime" }, "broker's time"],
  ])("%i replicas with %o could lose what was acknowledged", (replicas, over, said) => {
    expect(durabilityOf(topic(replicas, over), false).defects).toEqual([expect.stringContaining(said)]);
  });

  it("one replica is flushed where decisions rest on it, or a warning says so", () => {
    const one = { "min.insync.replicas": "1" };
    expect(durabilityOf(topic(1, one), true).warnings).toEqual([expect.stringContaining("power loss")]);
    expect(durabilityOf(topic(1, one), false)).toEqual({ defects: [], warnings: [] });
    expect(durabilityOf(topic(1, { ...one, "flush.messages": "1" }), true).warnings).toEqual([]);
    expect(durabilityOf(topic(1, { ...one, "unclean.leader.election.enable": "true" }), false).defects).toEqual([]);
  });

  it("a finite retention is a warning: a person may have chosen it, and what is gone shuts the partition", () => {
    expect(durabilityOf(topic(3, { "retention.ms": "604800000" }), false).warnings).toEqual([
      expect.stringContaining("retention.ms is 604800000"),
    ]);
  });

  it("more replicas in step and larger batches than wanted are as good", () => {
    expect(replicaSettings(5)["min.insync.replicas"]).toBe("2");
    expect(satisfies("min.insync.replicas", "3", "2", 5)).toBe(true);
    expect(satisfies("min.insync.replicas", "1", "2", 5)).toBe(false);
    expect(satisfies("min.insync.replicas", "2", "1", 1), "no append could be acknowledged").toBe(false);
    expect(satisfies("retention.ms", "5", "-1", 5)).toBe(false);
    expect(satisfies("max.message.bytes", undefined, "5", 5)).toBe(false);
  });
});
