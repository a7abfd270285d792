/**
 * One broker for all levels of a run. vitest sets up each project by itself; the first one starts the broker, the
 * others get the same addresses, and the last one to end stops it.
 */
import { startTestBroker, type TestBroker } from "@busbar/infra/test-broker";
import type { TestProject } from "vitest/node";

interface Shared {
  users: number;
  starting: Promise<TestBroker> | undefined;
}

const holder: { busbarTestBroker?: Shared } = globalThis as object;
/** On the global object, because each project loads this module anew. */
const shared: Shared = (holder.busbarTestBroker ??= { users: 0, starting: undefined });

/** vitest's global setup of every project that needs the broker. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.users += 1;
  shared.starting ??= startTestBroker();
  const broker = await shared.starting;
  project.provide("brokers", broker.brokers);
  project.provide("securedBrokers", broker.securedBrokers);
  project.provide("adminPassword", broker.adminPassword);
  project.provide("registryUrl", broker.registryUrl);
  return async () => {
    shared.users -= 1;
    if (shared.users === 0) await broker.stop();
  };
}
