/**
 * The repository's compose file on a real engine: broker and registry alone, as `BUSBAR_BROKER=docker` uses it, and
 * the whole bus, as a person does. Without an engine neither is run, and both say so.
 */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Bus, chooseBroker, freePorts, machineProbes, readPassword, startBus } from "@busbar/infra";
import { engine, notRun } from "./engine.ts";

/** The first run builds the image, which downloads the services' dependencies. */
const START_BOUND_MS = 420_000;
const TEST_TIMEOUT_MS = 180_000;

const ROOT = path.resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

describe("the compose file", () => {
  const stateDir = mkdtempSync(path.join(tmpdir(), "busbar-compose-test-"));
  let bus: Bus | null = null;
  afterAll(async () => {
    await bus?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }, TEST_TIMEOUT_MS);

  it(
    "brings up broker and registry and nothing else, and returns when both serve [infra:compose]",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      const choice = await chooseBroker({ BUSBAR_BROKER: "docker" }, machineProbes());
      const access = { keys: path.join(stateDir, "keys"), prefix: "busbar", agents: [], clients: [] };
      bus = await startBus({
        choice,
        access,
        stateDir,
        registry: true,
        temporary: true,
        onProgress: () => undefined,
      });
      expect(bus.kind).toBe("docker");
      const stranger = new Kafka({
        brokers: [...bus.brokers],
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
      }).admin();
      await expect(stranger.connect().then(() => stranger.listTopics())).rejects.toThrow();
      await stranger.disconnect();
      const sasl = { mechanism: "plain" as const, username: "admin", password: readPassword(access.keys, "admin") };
      const admin = new Kafka({ brokers: [...bus.brokers], logLevel: logLevel.NOTHING, sasl }).admin();
      await admin.connect();
      const topics = await admin.listTopics();
      await admin.disconnect();
      expect(topics).toContain("kafkasql-journal");
      expect(topics.filter((topic) => topic.startsWith("busbar."))).toEqual([]);
      const answer = await fetch(`${bus.registryUrl}/subjects`);
      expect([answer.status, await answer.json()]).toEqual([200, []]);
    },
    TEST_TIMEOUT_MS,
  );
});

/** What the shop's own journal holds, by tool: rows, and different effect keys among them. */
const READ_JOURNAL = `
  const { DatabaseSync } = require("node:sqlite");
  const shop = new DatabaseSync(process.env.BUSBAR_SHOP, { readOnly: true });
  const sql = "SELECT tool, count(*) AS n, count(DISTINCT effect_key) AS keys FROM journal GROUP BY tool ORDER BY tool";
  console.log(JSON.stringify(shop.prepare(sql).all()));`;

const effects = (n: number): readonly object[] =>
  ["inventory.sync", "mail.send", "orders.refund"].map((tool) => ({ tool, n, keys: n }));

describe("the whole bus in containers", () => {
  const project = `busbar-test-${process.pid}`;
  const folder = mkdtempSync(path.join(tmpdir(), "busbar-compose-test-"));
  let env: NodeJS.ProcessEnv = process.env;

  const docker = async (...args: string[]): Promise<string> => (await run("docker", args, { env })).stdout.trim();
  const compose = (...args: string[]): Promise<string> =>
    docker("compose", "-f", path.join(ROOT, "docker-compose.yml"), "-p", project, ...args);
  const ofContainer = (service: string, format: string): Promise<string> =>
    docker("inspect", "-f", format, `${project}-${service}-1`);
  const left = (kind: "container" | "volume" | "network"): Promise<string> =>
    docker(
      kind,
      "ls",
      ...(kind === "container" ? ["-a"] : []),
      "-q",
      "--filter",
      `label=com.docker.compose.project=${project}`,
    );

  /** As a client of this bus: its key and its password are in the volume `keys`. */
  async function submit(orderId: number): Promise<unknown> {
    const input = JSON.stringify({ orderId, reason: "damaged in transit" });
    const args = ["submit", "support", input, "--key", `order-${orderId}`, "--wait", "--timeout", "60s", "-o", "json"];
    return JSON.parse(await compose("run", "--rm", "-T", "cli", ...args));
  }

  const journal = async (): Promise<unknown> =>
    JSON.parse(await compose("exec", "-T", "gateway", "node", "-e", READ_JOURNAL));

  beforeAll(async () => {
    if (!engine.ok) return;
    const [kafka = 0, registry = 0, gateway = 0, supervisor = 0, agents = 0] = await freePorts(5);
    env = {
      ...process.env,
      KAFKA_PORT: String(kafka),
      REGISTRY_PORT: String(registry),
      GATEWAY_PORT: String(gateway),
      SUPERVISOR_PORT: String(supervisor),
      AGENTS_PORT: String(agents),
      BUSBAR_COMPOSE_PROJECT: project,
      BUSBAR_BROKERS: `127.0.0.1:${kafka}`,
      SCHEMA_REGISTRY_URL: `http://127.0.0.1:${registry}/apis/ccompat/v7`,
    };
    await compose("build", "--quiet");
    await compose("up", "-d", "--wait", "--wait-timeout", "240");
  }, START_BOUND_MS);

  afterAll(async () => {
    if (engine.ok) await compose("down", "-v", "--remove-orphans");
    rmSync(folder, { recursive: true, force: true });
  }, TEST_TIMEOUT_MS);

  it(
    "is whole when the start returns: every service is ready and a task is done by it, each effect once [infra:compose]",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      for (const port of ["GATEWAY_PORT", "SUPERVISOR_PORT", "AGENTS_PORT"]) {
        expect(await (await fetch(`http://127.0.0.1:${env[port]}/readyz`)).json()).toEqual({ ready: true });
      }
      expect(await submit(1)).toMatchObject({ state: "completed", output: { state: "refunded" } });
      expect(await journal()).toEqual(effects(1));
    },
    TEST_TIMEOUT_MS,
  );

  it(
    "keeps the keys of those who give orders from its agents [infra:compose]",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      const listed = await compose("exec", "-T", "agents", "find", "/app/.busbar", "-type", "f");
      const names = listed.split("\n").map((file) => path.relative("/app/.busbar/keys", file));
      const own = ["cleaner", "looper", "support", "warehouse"].flatMap((agent) => [
        `agents/${agent}.key`,
        `agents/${agent}.sasl`,
      ]);
      const roles = ["gateway", "operator", "supervisor"].map((role) => `${role}.pub.pem`);
      expect(names.toSorted()).toEqual([...own, ...roles]);
      expect(await compose("run", "--rm", "cli", "halt", "agent:looper", "--reason", "a test")).toContain("fence");
    },
    TEST_TIMEOUT_MS,
  );

  it(
    "starts a killed gateway again, and the bus goes on [infra:compose]",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      const before = await ofContainer("gateway", "{{.State.Pid}}");
      // From a container that sees the engine's processes: the engine's machine may not be ours, nor we its root.
      const image = await ofContainer("gateway", "{{.Config.Image}}");
      const kill = `process.kill(${before}, "SIGKILL")`;
      await docker(
        "run",
        "--rm",
        "--pid=host",
        "--network=none",
        "--user=root",
        "--entrypoint=node",
        image,
        "-e",
        kill,
      );
      const state = () => ofContainer("gateway", "{{.RestartCount}} {{.State.Health.Status}}");
      await vi.waitFor(async () => expect(await state()).toBe("1 healthy"), { timeout: 90_000, interval: 500 });
      expect(await ofContainer("gateway", "{{.State.Pid}}")).not.toBe(before);
      expect(await submit(2)).toMatchObject({ state: "completed", output: { state: "refunded" } });
      expect(await journal()).toEqual(effects(2));
    },
    TEST_TIMEOUT_MS,
  );

  it(
    "runs a version of an agent that was deployed as an image and a service: once promoted it does new tasks [deploy:compose]",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      // The command line writes it in its container, as the user of that.
      const out = mkdtempSync(path.join(folder, "deploy-"));
      chmodSync(out, 0o777);
      const inCli = (...args: string[]): Promise<string> =>
        compose("run", "--rm", "-T", "-v", `${out}:/out`, "cli", ...args);
      const target = ["--agent", "support", "--target", "compose", "--into", "/out"];
      await inCli("deploy", "services/examples", ...target);
      const agent = (...args: string[]): Promise<string> =>
        docker("compose", "-f", path.join(out, "compose.yaml"), ...args);
      try {
        await agent("up", "-d", "--build", "--wait", "--wait-timeout", "120");
        expect(await inCli("deploy", "support", "--promote")).toContain("takes new tasks now");
        const done = await submit(3);
        expect(done).toMatchObject({ state: "completed", output: { state: "refunded" } });
        // The chain is pinned to the version, which runs in that container alone.
        const { chainId } = done as { readonly chainId: string };
        const assigned = await inCli("events", "query", "--chain", chainId, "--type", "TaskAssigned", "-o", "jsonl");
        expect(assigned).toContain('"version":"1.0.0"');
        expect(await journal()).toEqual(effects(3));
      } finally {
        await agent("down", "-v", "--rmi", "local");
      }
    },
    TEST_TIMEOUT_MS,
  );

  it(
    "leaves nothing behind [infra:compose] [infra:clean-stop]",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      await compose("down", "-v", "--remove-orphans");
      expect([await left("container"), await left("volume"), await left("network")]).toEqual(["", "", ""]);
    },
    TEST_TIMEOUT_MS,
  );
});
