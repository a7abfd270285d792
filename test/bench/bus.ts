/** A bus of the bench: its own topics on the bench's broker; supervisor, gateway and agent, each a process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Durability, ensureKeys, topicSpecs } from "@busbar/infra";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { type ServiceProcess, startService } from "../harness/process.ts";

export const PARTITIONS = 4;
const HERE = import.meta.dirname;
const SERVICES = resolve(HERE, "../../services");

export interface BenchBus {
  /** Environment of a client of this bus. */
  readonly env: Readonly<Record<string, string>>;
  readonly prefix: string;
  readonly processes: readonly ServiceProcess[];
  stop(): Promise<void>;
}

export interface BenchBusOptions {
  readonly brokers: readonly string[];
  readonly name: string;
  readonly durability: Durability;
  /** NODE_OPTIONS by process name, for profiles. */
  readonly nodeOptions?: Readonly<Record<string, string>>;
}

/** Topics of the raw floor: as many partitions, and the durability, of the bus's events. */
async function createTopics({ brokers, name, durability }: BenchBusOptions): Promise<void> {
  const log = createKafkaEventLog({ brokers, clientId: "bench" });
  const config = durability === "disk" ? { "flush.messages": "1" } : {};
  const floor = ["floor", "ping", "pong"].map((noun) => ({
    name: `${name}.${noun}`,
    partitions: noun === "floor" ? PARTITIONS : 1,
    config: noun === "floor" ? config : {},
  }));
  try {
    await log.ensureTopics([
      ...topicSpecs({ prefix: name, partitions: PARTITIONS, agents: ["clerk"], durability }),
      ...floor,
    ]);
  } finally {
    await log.close();
  }
}

/** Starts everything; rejects with the last lines of the process that did not come up. */
export async function startBenchBus(options: BenchBusOptions): Promise<BenchBus> {
  const { brokers, name, nodeOptions = {} } = options;
  await createTopics(options);
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-"));
  const keys = join(folder, "keys");
  ensureKeys(keys, ["clerk"], ["bench"]);
  const env = {
    BUSBAR_BROKERS: brokers.join(","),
    BUSBAR_PREFIX: name,
    BUSBAR_KEYS: keys,
    BUSBAR_PROJECT: join(HERE, "project/busbar.yaml"),
    BUSBAR_HTTP_PORT: "0",
    BUSBAR_LOG_LEVEL: "info",
    SCHEMA_REGISTRY_URL: "",
  };
  const start = (service: string, main: string): Promise<ServiceProcess> =>
    startService({
      name: service,
      main,
      env: { ...env, BUSBAR_OWNER: service, NODE_OPTIONS: nodeOptions[service] ?? "" },
    });
  const starting = [
    start("supervisor", join(SERVICES, "supervisor/src/main.ts")),
    start("gateway", join(SERVICES, "gateway/src/main.ts")),
    start("agent", join(HERE, "agent-main.ts")),
  ];
  const stop = async (): Promise<void> => {
    const settled = await Promise.allSettled(starting);
    await Promise.all(settled.map(async (one) => (one.status === "fulfilled" ? one.value.stop() : undefined)));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { env, prefix: name, processes: await Promise.all(starting), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
