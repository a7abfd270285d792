/** The local JVM broker and registry as processes: crash, restart, ports, clean end. Each test has its own. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { clusterIdOf, type JvmKafka, type JvmRegistry, startJvmKafka, startJvmRegistry } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import { Kafka, logLevel } from "kafkajs";
import { afterEach, describe, expect, it, vi } from "vitest";

const TOPIC = "kept";
const BOUND = { timeout: 20_000, interval: 50 };
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function folder(): string {
  const dir = mkdtempSync(path.join(tmpdir(), "busbar-jvm-test-"));
  cleanUps.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function broker(options: Parameters<typeof startJvmKafka>[0] = {}): Promise<JvmKafka> {
  const kafka = await startJvmKafka({ heap: "256m", ...options });
  cleanUps.push(() => kafka.stop());
  return kafka;
}

const client = (brokers: readonly string[]) =>
  new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 500 } });

async function append(kafka: JvmKafka, text: string): Promise<string | undefined> {
  const producer = client(kafka.brokers).producer();
  await producer.connect();
  const [answer] = await producer.send({ topic: TOPIC, messages: [{ value: text }] });
  await producer.disconnect();
  return answer?.baseOffset;
}

async function createTopic(kafka: JvmKafka): Promise<void> {
  const admin = client(kafka.brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] });
  await admin.disconnect();
}

/** Processes whose command line names the folder, by the system's own list. */
function processesOf(dataDir: string): string[] {
  const all = execFileSync("ps", ["-ww", "-eo", "pid=,args="], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(dataDir));
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

describe("the local JVM broker", () => {
  it("serves again on the same data after kill -9, and a stop leaves no process, port or folder [infra:clean-stop]", async () => {
    const kafka = await broker();
    await createTopic(kafka);
    expect(await append(kafka, "before")).toBe("0");
    const [firstPid, clusterId] = [kafka.pid, await clusterIdOf(kafka.dataDir)];

    await kafka.kill("SIGKILL");
    expect(await canListen(kafka.port)).toBe(true);
    await kafka.restart();

    expect(kafka.pid).not.toBe(firstPid);
    expect(await clusterIdOf(kafka.dataDir)).toBe(clusterId);
    expect(await append(kafka, "after")).toBe("1");

    await kafka.stop();
    expect(processesOf(kafka.dataDir)).toEqual([]);
    expect(await canListen(kafka.port)).toBe(true);
    expect(existsSync(kafka.dataDir)).toBe(false);
  });

  it("keeps a given data folder over two brokers", async () => {
    const dataDir = folder();
    const first = await broker({ dataDir });
    await createTopic(first);
    expect(await append(first, "first")).toBe("0");
    await first.stop();
    const second = await broker({ dataDir });
    expect(await append(second, "second")).toBe("1");
  });

  it("says that its port is in use, and what to do, before it starts anything [infra:clear-failures]", async () => {
    const first = await broker();
    const dataDir = folder();
    const error: unknown = await startJvmKafka({ port: first.port, dataDir }).catch((thrown: unknown) => thrown);
    expect(isBusbarError(error) && [error.code, error.message, error.next]).toEqual([
      "BUSBAR_PORT_IN_USE",
      `port ${first.port} is in use`,
      "stop what uses it or choose another with --port",
    ]);
    expect(processesOf(dataDir)).toEqual([]);
  });

  it("refuses a data folder that a live process uses, and names that process [infra:clear-failures]", async () => {
    const dataDir = folder();
    const first = await broker({ dataDir });
    await expect(startJvmKafka({ dataDir })).rejects.toMatchObject({
      code: "BUSBAR_BROKER_FAILED",
      message: expect.stringContaining(`in use by process ${first.pid}, started by process ${process.pid}`),
    });
  });

  it("quotes the broker when it ends early, and leaves nothing [infra:clear-failures]", async () => {
    const dataDir = folder();
    // The first is found by the storage tool, the second only by the broker.
    const mistakes = { "num.io.threads": /num\.io\.threads/, "authorizer.class.name": /ClassNotFoundException: none/ };
    for (const [setting, complaint] of Object.entries(mistakes)) {
      await expect(startJvmKafka({ dataDir, props: { [setting]: "none" } })).rejects.toMatchObject({
        code: "BUSBAR_BROKER_FAILED",
        message: expect.stringMatching(complaint),
      });
    }
    expect(processesOf(dataDir)).toEqual([]);
  });

  it("gives up after the bound, and leaves nothing [infra:clear-failures]", async () => {
    const dataDir = folder();
    await expect(startJvmKafka({ dataDir, timeoutMs: 1 })).rejects.toMatchObject({ code: "BUSBAR_TIMEOUT" });
    expect(processesOf(dataDir)).toEqual([]);
  });
});

const STARTER = `
  const { startJvmKafka } = await import(process.argv[1]);
  const dataDir = process.argv[2];
  const kafka = await startJvmKafka({ heap: "256m", ...(dataDir ? { dataDir } : {}) });
  console.log(JSON.stringify({ pid: kafka.pid, port: kafka.port, dataDir: kafka.dataDir }));
  setInterval(() => {}, 1000);
`;

interface Started {
  readonly pid: number;
  readonly port: number;
  readonly dataDir: string;
}

/** A process that starts a broker and then lives on; ended at the end of the test. */
function launchStarter(dataDir: string, env: Record<string, string> = {}) {
  const module = path.resolve(import.meta.dirname, "../../infra/src/index.ts");
  const child = spawn(process.execPath, ["--input-type=module", "-e", STARTER, module, dataDir], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanUps.push(() => child.kill("SIGKILL"));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const line = new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data))));
  const kill = () => {
    child.kill("SIGKILL");
    return exited;
  };
  return { line, kill };
}

async function starter(dataDir = ""): Promise<{ readonly started: Started; readonly kill: () => Promise<void> }> {
  const { line, kill } = launchStarter(dataDir);
  return { started: JSON.parse(await line) as Started, kill };
}

describe("a starter that dies hard", () => {
  it("takes its temporary broker and folder with it [infra:clean-stop]", async () => {
    const { started, kill } = await starter();
    expect(processesOf(started.dataDir).length).toBeGreaterThan(0);
    await kill();
    await vi.waitFor(() => expect(existsSync(started.dataDir)).toBe(false), BOUND);
    expect(processesOf(started.dataDir)).toEqual([]);
    expect(await canListen(started.port)).toBe(true);
  });

  it("takes the folder with it even before its broker runs [infra:clean-stop]", async () => {
    const scratch = folder();
    const { kill } = launchStarter("", { TMPDIR: scratch });
    await vi.waitFor(() => expect(readdirSync(scratch)).toHaveLength(1), BOUND);
    await kill();
    await vi.waitFor(() => expect(readdirSync(scratch)).toEqual([]), BOUND);
    await vi.waitFor(() => expect(processesOf(scratch)).toEqual([]), BOUND);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it("leaves a broker that the next start on its data ends [infra:clean-stop]", async () => {
    const dataDir = folder();
    const { started, kill } = await starter(dataDir);
    const record = JSON.parse(readFileSync(path.join(dataDir, "busbar.pid"), "utf8")) as { pid: number };
    expect(record.pid).toBe(started.pid);
    // Without the watchdog, which can be killed too, the next start ends the old broker itself.
    for (const line of processesOf(dataDir).filter((one) => one.includes("busbar-watchdog"))) {
      process.kill(Number(line.trim().split(" ")[0]), "SIGKILL");
    }
    await kill();
    const next = await broker({ dataDir });
    await createTopic(next);
    expect(await append(next, "again")).toBe("0");
    expect(processesOf(dataDir).filter((line) => line.trim().startsWith(`${started.pid} `))).toEqual([]);
  });
});

async function register(registry: JvmRegistry): Promise<number> {
  const schema = JSON.stringify({ type: "record", name: "Kept", fields: [] });
  const answer = await fetch(`${registry.url}/subjects/Kept/versions`, {
    method: "POST",
    headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
    body: JSON.stringify({ schema }),
  });
  return ((await answer.json()) as { id: number }).id;
}

describe("the local JVM registry", () => {
  it("gives the same schema the same id after kill -9 [infra:registry-restart]", async () => {
    const kafka = await broker();
    const registry = await startJvmRegistry({ storage: { brokers: kafka.brokers } });
    cleanUps.push(() => registry.stop());
    const id = await register(registry);
    expect(id).toBeGreaterThan(0);
    await registry.kill("SIGKILL");
    await registry.restart();
    const answer = await fetch(`${registry.url}/schemas/ids/${id}`);
    expect([answer.status, await register(registry)]).toEqual([200, id]);
    await registry.stop();
    expect(processesOf(registry.dataDir)).toEqual([]);
    expect(existsSync(registry.dataDir)).toBe(false);
  });
});
