/**
 * The broker of a test run: one real Kafka and one registry for all tests, as vitest's global set-up and for a runner
 * that starts vitest several times. Tests keep apart by topic prefix, not by broker.
 *
 * Both are temporary: however the run ends (failure, Ctrl-C, kill), no process and no folder of theirs is left.
 */
import { randomBytes } from "node:crypto";
import { startJvmKafka } from "./jvm-kafka.ts";
import { startJvmRegistry } from "./jvm-registry.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Brokers of the run, for a Kafka client that may do all: a listener without a login, which only this broker has. */
    brokers: string[];
    /** The same broker where everyone logs in; empty for a given broker that has no such listener. */
    securedBrokers: string[];
    /** Its super user's password. */
    adminPassword: string;
    /** Confluent API of the run's registry; it keeps nothing. */
    registryUrl: string;
  }
}

export interface TestBroker {
  readonly brokers: string[];
  readonly securedBrokers: string[];
  readonly adminPassword: string;
  readonly registryUrl: string;
  /** Ends what was started here: nothing where both were given. Idempotent. */
  readonly stop: () => Promise<void>;
}

export interface TestBrokerOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly onProgress?: (line: string) => void;
}

const say = (line: string) => process.stderr.write(`${line}\n`);

/** The variables by which a runner hands its broker to the processes that it starts. */
export function testBrokerEnv(broker: TestBroker): Record<string, string> {
  return {
    BUSBAR_TEST_BROKERS: broker.brokers.join(","),
    BUSBAR_TEST_REGISTRY: broker.registryUrl,
    BUSBAR_TEST_SECURED_BROKERS: broker.securedBrokers.join(","),
    BUSBAR_TEST_ADMIN_PASSWORD: broker.adminPassword,
  };
}

function givenIn(env: NodeJS.ProcessEnv): Omit<TestBroker, "stop"> {
  const list = (name: string) => (env[name] ?? "").split(",").filter((broker) => broker !== "");
  return {
    brokers: list("BUSBAR_TEST_BROKERS"),
    securedBrokers: list("BUSBAR_TEST_SECURED_BROKERS"),
    adminPassword: env["BUSBAR_TEST_ADMIN_PASSWORD"] ?? "",
    registryUrl: env["BUSBAR_TEST_REGISTRY"] ?? "",
  };
}

type Stoppable = { readonly stop: () => Promise<void> } | null;

/** Ends what was started, what is still starting included. */
async function stopAll(starting: readonly Promise<Stoppable>[]): Promise<void> {
  const started = await Promise.allSettled(starting);
  await Promise.all(started.map(async (one) => (one.status === "fulfilled" ? one.value?.stop() : undefined)));
}

/** Starts what BUSBAR_TEST_BROKERS and BUSBAR_TEST_REGISTRY do not give, both at once. Errors: as the starts'. */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { env = process.env, onProgress = say } = options;
  const given = givenIn(env);
  const { brokers, registryUrl } = given;
  const adminPassword = randomBytes(16).toString("hex");
  const secured = { adminPassword, openListener: true };
  const kafka = brokers.length === 0 ? startJvmKafka({ env, onProgress, ...secured }) : Promise.resolve(null);
  const registry =
    registryUrl === "" ? startJvmRegistry({ env, onProgress, storage: "memory" }) : Promise.resolve(null);
  const stop = () => stopAll([kafka, registry]);
  try {
    const [broker, schemas] = await Promise.all([kafka, registry]);
    const addresses =
      broker === null
        ? given
        : { brokers: [...broker.openBrokers], securedBrokers: [...broker.brokers], adminPassword };
    return { ...addresses, registryUrl: schemas?.url ?? registryUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What vitest hands to a global set-up, as far as it is used here. */
export interface ProvidingProject {
  provide(name: "brokers" | "securedBrokers", value: string[]): void;
  provide(name: "registryUrl" | "adminPassword", value: string): void;
}

/** Vitest's global set-up: provides `brokers` and `registryUrl`; the returned function is its tear-down. */
export default async function setup(project: ProvidingProject): Promise<() => Promise<void>> {
  const broker = await startTestBroker();
  project.provide("brokers", broker.brokers);
  project.provide("securedBrokers", broker.securedBrokers);
  project.provide("adminPassword", broker.adminPassword);
  project.provide("registryUrl", broker.registryUrl);
  return broker.stop;
}
