/** A broker that speaks TLS alone: who has its authority's certificate is served, who has not is told so. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type JvmKafka, openCluster, startJvmKafka, topicSpecs } from "@busbar/infra";
import { createKafkaEventLog } from "@busbar/log/kafka";
import type { EventLog, Membership } from "@busbar/log";
import { newRecord } from "../support/plain-kafka.ts";

const LIMIT_MS = 60_000;
const PASSWORD = "changeit";
const folder = mkdtempSync(join(tmpdir(), "busbar-tls-"));
const store = join(folder, "broker.p12");
const authority = join(folder, "authority.pem");
const stranger = join(folder, "stranger.pem");
let broker: JvmKafka;

/** A key pair for 127.0.0.1 that signs itself, as keytool of every Java makes it; its certificate beside it. */
function makeKey(keystore: string, certificate: string): void {
  const at = ["-keystore", keystore, "-storetype", "PKCS12", "-storepass", PASSWORD, "-alias", "broker"];
  const key = ["-keyalg", "EC", "-dname", "CN=broker", "-ext", "SAN=ip:127.0.0.1", "-validity", "2"];
  execFileSync("keytool", ["-genkeypair", ...at, ...key], { stdio: "pipe" });
  execFileSync("keytool", ["-exportcert", "-rfc", ...at, "-file", certificate], { stdio: "pipe" });
}

beforeAll(async () => {
  makeKey(store, authority);
  makeKey(join(folder, "other.p12"), stranger);
  const ssl = Object.fromEntries(
    ["keystore", "truststore"].flatMap((name) => [
      [`ssl.${name}.location`, store],
      [`ssl.${name}.type`, "PKCS12"],
      [`ssl.${name}.password`, PASSWORD],
    ]),
  );
  broker = await startJvmKafka({
    heap: "256m",
    props: { "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:SSL", ...ssl },
  });
}, LIMIT_MS);

afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MS);

const envWith = (tls: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  BUSBAR_BROKERS: broker.brokers.join(","),
  BUSBAR_SECURITY: "none",
  BUSBAR_KEYS: join(folder, "keys"),
  ...tls,
});

const open = (tls: Readonly<Record<string, string>>) =>
  connect({ env: envWith(tls), clientId: "tls", principal: "operator", onNotice: () => undefined });

async function firstAssignment(log: EventLog, topic: string): Promise<readonly number[]> {
  let membership: Membership | null = null;
  try {
    return await new Promise<readonly number[]>((resolve, reject) => {
      const joining = log.join({
        group: "tls",
        topics: [topic],
        owned: () => [],
        onAssignment: (partitions) => resolve(partitions),
        onLost: (reason) => reject(new Error(reason)),
      });
      joining.then((joined) => (membership = joined), reject);
    });
  } finally {
    await (membership as Membership | null)?.leave();
  }
}

test(
  "with the authority's certificate topics are made, records written and read, a group joined, the cluster looked at [security:tls]",
  { timeout: LIMIT_MS },
  async () => {
    const tls = { BUSBAR_TLS_CA: authority };
    const { log, close } = await open(tls);
    try {
      await log.ensureTopics(topicSpecs({ prefix: "busbar", partitions: 2, agents: [], durability: "disk" }));
      const appender = await log.openAppender("busbar.events", 1);
      expect(await appender.append([newRecord("a")])).toMatchObject({ kind: "appended", baseOffset: 0n });
      await appender.close();
      const [outcome] = await log.publish([{ topic: "busbar.commands", partition: 1, record: newRecord("b") }]);
      expect(outcome?.kind).toBe("appended");
      const read: string[] = [];
      for await (const { records } of log.read("busbar.commands", 1, { from: 0n }))
        for (const { value } of records) read.push(Buffer.from(value ?? []).toString());
      expect(read).toEqual(["b"]);
      expect(await firstAssignment(log, "busbar.commands")).toEqual([0, 1]);
    } finally {
      await close();
    }
    const cluster = openCluster(envWith(tls), "tls-admin", "operator");
    expect(await cluster?.brokers()).toHaveLength(1);
    cluster?.close();
  },
);

test.each([
  ["without TLS", undefined, /does it speak TLS|ECONNRESET/],
  ["with another authority's certificate", stranger, /self-signed certificate|unable to verify/],
])("%s nobody is served, and the error says so [security:tls]", { timeout: LIMIT_MS }, async (_name, file, said) => {
  const ssl = file === undefined ? {} : { ssl: { ca: readFileSync(file, "utf8") } };
  const log = createKafkaEventLog({ brokers: broker.brokers, clientId: "tls", requestTimeoutMs: 1000, ...ssl });
  try {
    const message = expect.stringMatching(said);
    await expect(log.listTopics()).rejects.toMatchObject({ code: "BUSBAR_LOG_UNAVAILABLE", message });
  } finally {
    await log.close();
  }
});
