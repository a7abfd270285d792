/** Topics, brokers and groups that no single broker of a test run can be given. */
import { topicSpecs } from "@busbar/infra";
import { settingsOf } from "@busbar/log";
import type { BrokerFacts, GroupFacts, TopicDescription } from "@busbar/log/kafka";
import { describe, expect, it } from "vitest";
import { checkGroup } from "./group-checks.ts";
import { checkBrokers, checkTopics } from "./topic-checks.ts";

const SPECS = topicSpecs({ prefix: "busbar", partitions: 2, agents: [], durability: "disk" });
const brokers = (count: number, settings: Readonly<Record<string, string>> = {}): readonly BrokerFacts[] =>
  Array.from({ length: count }, (_, id) => ({
    id,
    address: `b${id}:9092`,
    settings: new Map(Object.entries(settings)),
  }));

/** All topics as declared, with so many replicas. */
function declared(replicas: number): readonly TopicDescription[] {
  const ids = Array.from({ length: replicas }, (_, id) => id);
  return SPECS.map((spec) => ({
    name: spec.name,
    partitions: Array.from({ length: spec.partitions }, (_, partition) => ({
      partition,
      leader: 0,
      replicas: ids,
      inSync: ids,
    })),
    settings: new Map(Object.entries(settingsOf(spec, replicas))),
  }));
}

const EVENTS = "busbar.events";
const changed = (all: readonly TopicDescription[], change: (events: TopicDescription) => Partial<TopicDescription>) =>
  all.map((topic) => (topic.name === EVENTS ? { ...topic, ...change(topic) } : topic));
const withSetting = (all: readonly TopicDescription[], key: string, value: string) =>
  changed(all, ({ settings }) => ({ settings: new Map([...settings, [key, value]]) }));

describe("topics on three brokers", () => {
  it("are right with three replicas, two of them in step, and no flush", () => {
    expect(checkTopics(SPECS, declared(3), brokers(3))).toMatchObject([{ id: "topics", state: "ok" }]);
    expect(settingsOf(SPECS[0] ?? { name: "", partitions: 1, config: {} }, 3)).not.toHaveProperty("flush.messages");
  });

  it("want three replicas, and two in step before a record counts [doctor:topic-replicas] [doctor:topic-in-sync]", () => {
    const one = checkTopics(SPECS, declared(1), brokers(3));
    expect(one).toHaveLength(SPECS.length);
    expect(one[0]).toMatchObject({
      id: "topic-replicas",
      state: "fail",
      next: `kafka-reassign-partitions.sh --bootstrap-server b0:9092,b1:9092,b2:9092 --reassignment-json-file ${EVENTS}.json --execute`,
    });
    expect(checkTopics(SPECS, withSetting(declared(3), "min.insync.replicas", "1"), brokers(3))).toMatchObject([
      { id: "topic-in-sync", subject: EVENTS, state: "fail", next: "npx busbar topics apply --repair" },
    ]);
  });

  it("want a leader and all replicas in step [doctor:topic-leaderless]", () => {
    const behind = changed(declared(3), ({ partitions }) => ({
      partitions: partitions.map((one) => ({ ...one, inSync: [0] })),
    }));
    expect(checkTopics(SPECS, behind, brokers(3))).toMatchObject([
      { id: "topic-leaderless", subject: `${EVENTS}/0`, text: "1 of 3 replicas are in step" },
    ]);
    const lost = changed(declared(1), ({ partitions }) => ({
      partitions: partitions.map((one) => ({ ...one, leader: -1 })),
    }));
    expect(checkTopics(SPECS, lost, brokers(1))).toMatchObject([{ text: "it has no leader" }]);
  });

  it("may take larger batches than are written", () => {
    expect(checkTopics(SPECS, withSetting(declared(1), "max.message.bytes", "9999999"), brokers(1))).toMatchObject([
      { state: "ok" },
    ]);
  });
});

describe("a broker", () => {
  it("that makes topics of misspelt names is told [doctor:broker-auto-create]", () => {
    expect(checkBrokers(brokers(1, { "auto.create.topics.enable": "false" }))).toMatchObject([{ state: "ok" }]);
    expect(checkBrokers(brokers(1, { "auto.create.topics.enable": "true" }))).toMatchObject([
      { id: "broker-auto-create", state: "warn", subject: "broker 0 at b0:9092" },
    ]);
  });
});

describe("a group", () => {
  const group = (state: string, held: Readonly<Record<string, readonly number[]>>): GroupFacts => ({
    group: "busbar.gateway",
    state,
    members: Object.entries(held).map(([client, partitions]) => ({ id: client, client, assigned: { t: partitions } })),
  });

  it("shares its partitions out evenly and settles [doctor:group-unbalanced]", () => {
    expect(checkGroup(group("Stable", { a: [0, 1], b: [2] }), "t")).toMatchObject([{ id: "group", state: "ok" }]);
    expect(checkGroup(group("Empty", {}), "t")).toMatchObject([{ id: "group", state: "ok" }]);
    expect(checkGroup(group("Stable", { a: [0, 1, 2], b: [] }), "t")).toMatchObject([
      {
        id: "group-unbalanced",
        state: "warn",
        text: "its members hold a 3, b 0",
        next: "restart a; then npx busbar doctor",
      },
    ]);
    expect(checkGroup(group("PreparingRebalance", { a: [0] }), "t")).toMatchObject([
      { id: "group-unbalanced", state: "warn" },
    ]);
  });
});
