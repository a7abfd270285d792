/**
 * The broker of a test run: one real Kafka and one registry for all tests, as vitest's global set-up and for a runner
 * that starts vitest several times. Tests keep apart by topic prefix, not by broker.
 *
 * Both are temporary: however the run ends (failure, Ctrl-C, kill), no process and no folder of theirs is left.
 */
import type { TestProject } from "vitest/node";
import { startJvmKafka } from "./jvm-kafka.ts";
import { startJvmRegistry } from "./jvm-registry.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Brokers of the run, for a Kafka client. */
    brokers: string[];
    /** Confluent API of the run's registry; it keeps nothing. */
    registryUrl: string;
  }
}

export interface TestBroker {
  readonly brokers: string[];
  readonly registryUrl: string;
  /** Ends what was started here: nothing where both were given. Idempotent. */
  stop(): Promise<void>;
}

export interface TestBrokerOptions {
  readonly env?: NodeJS.ProcessEnv;
  onProgress?(line: string): void;
}

const say = (line: string) => process.stderr.write(`${line}\n`);

/** The variables by which a runner hands its broker to the processes that it starts. */
export function testBrokerEnv(broker: TestBroker): Record<string, string> {
  return { BUSBAR_TEST_BROKERS: broker.brokers.join(","), BUSBAR_TEST_REGISTRY: broker.registryUrl };
}

/** Starts what BUSBAR_TEST_BROKERS and BUSBAR_TEST_REGISTRY do not give, both at once. Errors: as the starts'. */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const env = options.env ?? process.env;
  const common = { env, onProgress: options.onProgress ?? say };
  const givenBrokers = env["BUSBAR_TEST_BROKERS"] || null;
  const givenRegistry = env["BUSBAR_TEST_REGISTRY"] || null;
  const kafka = givenBrokers === null ? startJvmKafka(common) : null;
  const registry = givenRegistry === null ? startJvmRegistry({ ...common, storage: "memory" }) : null;
  const stop = async () => {
    const started = await Promise.allSettled([kafka, registry]);
    await Promise.all(started.map((one) => (one.status === "fulfilled" ? one.value?.stop() : undefined)));
  };
  try {
    const [broker, schemas] = await Promise.all([kafka, registry]);
    return {
      brokers: givenBrokers?.split(",") ?? [...(broker?.brokers ?? [])],
      registryUrl: givenRegistry ?? schemas?.url ?? "",
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Vitest's global set-up: provides `brokers` and `registryUrl`; the returned function is its tear-down. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const broker = await startTestBroker();
  project.provide("brokers", broker.brokers);
  project.provide("registryUrl", broker.registryUrl);
  return broker.stop;
}
