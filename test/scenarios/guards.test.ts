/**
 * The scenarios of the guards on a real broker: log, gateway, supervisor, agents and client talk over Kafka. All of them
 * run in memory on level `bus`, and where a user types `busbar guards test`.
 */
import { randomUUID } from "node:crypto";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { SCENARIOS, tryScenario } from "@busbar/testkit/scenarios";
import { expect, inject, test } from "vitest";

/**
 * Long on a broker: flow.int, drift.int and caps.int of level `integration` have what they are about there, with services
 * as processes.
 */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "slow-agent",
  "turned-over-night",
  "endless-loop",
  "a-thousand-chains",
]);
const HERE = SCENARIOS.filter(({ name }) => !ELSEWHERE.has(name));

test.each(HERE.map((scenario) => [`${scenario.guard}: ${scenario.name}`, scenario] as const))(
  "%s: the harm is stopped on a broker, and without the guard it is there [guards:scenarios-on-broker]",
  { timeout: 120_000 },
  async (_name, scenario) => {
    const { on, off } = await tryScenario(scenario, () => ({
      log: createKafkaEventLog({ brokers: inject("brokers"), clientId: "scenario" }),
      topicConfig: { "message.timestamp.type": "LogAppendTime", "retention.ms": "-1" },
      prefix: `scenario-${randomUUID()}`,
    }));
    expect([on, off]).toMatchObject([{ isHarmed: false }, { isHarmed: true }]);
  },
);
