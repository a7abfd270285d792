/** The repository's compose file on a real engine, as `BUSBAR_BROKER=docker` uses it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, describe, expect, it } from "vitest";
import { type Bus, chooseBroker, machineProbes, startBus } from "@busbar/infra";

const TEST_TIMEOUT_MS = 180_000;

const engine = await machineProbes().docker();
if (!engine.ok) process.stderr.write(`compose: not run: ${engine.reason}\n`);

describe("the compose file", () => {
  const stateDir = mkdtempSync(path.join(tmpdir(), "busbar-compose-test-"));
  let bus: Bus | null = null;
  afterAll(async () => {
    await bus?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }, TEST_TIMEOUT_MS);

  it(
    "brings up broker and registry, and returns when both serve [infra:compose]",
    async ({ skip }) => {
      skip(!engine.ok, `not run: ${engine.reason}`);
      const choice = await chooseBroker({ BUSBAR_BROKER: "docker" }, machineProbes());
      bus = await startBus({ choice, stateDir, registry: true, temporary: true, onProgress: () => undefined });
      expect(bus.kind).toBe("docker");
      const admin = new Kafka({ brokers: [...bus.brokers], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      expect(await admin.listTopics()).toContain("kafkasql-journal");
      await admin.disconnect();
      const answer = await fetch(`${bus.registryUrl}/subjects`);
      expect([answer.status, await answer.json()]).toEqual([200, []]);
    },
    TEST_TIMEOUT_MS,
  );
});
