/**
 * One broker for all levels of a run. vitest sets up each project by itself; the first one starts the broker, the
 * others get the same addresses, and the last one to end stops it.
 */
import type { TestProject } from "vitest/node";

type Provide = TestProject["provide"];
type Setup = (project: { provide: Provide }) => Promise<(() => Promise<void>) | undefined>;

interface Shared {
  users: number;
  starting: Promise<Started> | undefined;
}

interface Started {
  readonly provided: readonly Parameters<Provide>[];
  readonly stop: () => Promise<void>;
}

const BROKER = new URL("../infra/src/test-broker.ts", import.meta.url).href;
const holder: { busbarTestBroker?: Shared } = globalThis as object;
/** On the global object, because each project loads this module anew. */
const shared: Shared = (holder.busbarTestBroker ??= { users: 0, starting: undefined });

async function start(): Promise<Started> {
  const { default: setup }: { default: Setup } = await import(BROKER);
  const provided: Parameters<Provide>[] = [];
  const stop = await setup({ provide: (...pair) => void provided.push(pair) });
  return { provided, stop: stop ?? (() => Promise.resolve()) };
}

/** vitest's global setup of every project that needs the broker. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.users += 1;
  shared.starting ??= start();
  const { provided, stop } = await shared.starting;
  for (const pair of provided) project.provide(...pair);
  return async () => {
    shared.users -= 1;
    if (shared.users === 0) await stop();
  };
}
