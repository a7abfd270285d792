import type { BusDirective } from "@busbar/events";
import { HEADER } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDirectiveFeed } from "./feeds.ts";
import { metaWith } from "./meta.ts";
import { type Keyring, SYSTEM_CLOCK, SYSTEM_TIMERS } from "./ports.ts";

const TOPIC = "t.directives";
const codec = createCodec({ ids: builtinSchemaIds() });
const keyring = { isOrderSigned: () => true } as unknown as Keyring;
let log: ReturnType<typeof createEmbeddedLog>;

beforeEach(async () => {
  log = createEmbeddedLog();
  await log.ensureTopics([{ name: TOPIC, partitions: 1, config: {} }]);
});

afterEach(() => log.close());

async function publish(type: BusDirective["type"], principal: string, body: object): Promise<void> {
  const value = codec.encode(type, { meta: metaWith({ eventId: principal, atMs: 1 }), ...body } as never);
  const headers = { [HEADER.type]: type, [HEADER.principal]: principal, [HEADER.sig]: `${type} ${principal}` };
  await log.publish([{ topic: TOPIC, partition: 0, record: { key: "k", value, headers } }]);
}

describe("the directives that a gateway hands to its doors", () => {
  it("which version runs is a person's word, whatever key a service has [deploy:order-is-a-record]", async () => {
    const said = { agent: "a", version: "1", reason: "", by: "" };
    const deployed = { ...said, codeDigest: "d", tools: [], policyHash: "p", instances: 1 };
    for (const principal of ["gateway:g", "supervisor:s", "operator:ann"]) {
      await publish("AgentDeployed", principal, deployed);
      await publish("AgentPromoted", principal, said);
      await publish("AgentRolledBack", principal, { ...said, to: "" });
      await publish("AgentUndeployed", principal, { ...said, force: false });
      await publish("AgentScaled", principal, { agent: "a", instances: 2, reason: "", by: "" });
    }
    const feed = await createDirectiveFeed({
      log,
      codec,
      keyring,
      topic: TOPIC,
      logger: SILENT_LOGGER,
      clock: SYSTEM_CLOCK,
      timers: SYSTEM_TIMERS,
    });
    await feed.ready();
    const { applied } = feed.since(0n);
    expect(applied.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      "AgentDeployed a@1",
      "AgentPromoted a@1",
      "AgentRolledBack a@1",
      "AgentUndeployed a@1",
      "AgentScaled a",
    ]);
    expect(applied.every(({ detail }) => detail.includes('"by":"operator:ann"'))).toBe(true);
    await feed.stop();
  });
});
