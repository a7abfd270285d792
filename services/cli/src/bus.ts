/**
 * The bus that a command speaks to: BUSBAR_BROKERS or BUSBAR_EMBEDDED, else the context of BUSBAR_CONTEXT, else what
 * `.busbar/bus.json` of this folder records, else the context in use. A recorded bus that does not run is an error at
 * once, not after a time-out; it is never passed over for another bus, which an order could then hit by mistake.
 */
import { join } from "node:path";
import {
  type Connection,
  connect,
  type FolderKeyring,
  isBusRunning,
  openKeyring,
  type Principal,
  readBusState,
} from "@busbar/infra";
import { busbarError } from "@busbar/kernel";
import { topicNames, type TopicNames } from "@busbar/runtime";
import { contextEnv, contextNamed, type Contexts, readContexts } from "./contexts.ts";
import type { Output } from "./output.ts";

/** Folder of all that a bus leaves in a project. */
export const STATE_FOLDER = ".busbar";

export function stateDirOf(cwd: string = process.cwd()): string {
  return join(cwd, STATE_FOLDER);
}

/** The embedded log of a project. */
export function embeddedFileOf(stateDir: string): string {
  return join(stateDir, "log.db");
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== "";

/** What the user set by hand for this one command stands before what a context says, but for where the bus is. */
function inContext(env: NodeJS.ProcessEnv, contexts: Contexts, name: string): NodeJS.ProcessEnv {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => isSet(value)));
  const { SCHEMA_REGISTRY_URL: _registry, ...rest } = given;
  return { ...contextEnv(contextNamed(contexts, name)), ...rest, BUSBAR_CONTEXT: name };
}

/**
 * The environment with the bus in it; with BUSBAR_CONTEXT where a context says it. Throws BUSBAR_BUS_MISSING where none
 * is known or the known one does not run, BUSBAR_INPUT_INVALID for a context that is not there.
 */
export async function findBus(env: NodeJS.ProcessEnv, stateDir: string): Promise<NodeJS.ProcessEnv> {
  const named = env["BUSBAR_CONTEXT"];
  if (isSet(env["BUSBAR_BROKERS"]) || isSet(env["BUSBAR_EMBEDDED"])) {
    return isSet(named) ? { ...env, BUSBAR_CONTEXT: "" } : env;
  }
  if (isSet(named)) return inContext(env, await readContexts(env), named);
  const state = await readBusState(stateDir);
  if (state === null) {
    const contexts = await readContexts(env);
    if (contexts.current !== "") return inContext(env, contexts, contexts.current);
    const reason = `${stateDir} records none, neither BUSBAR_BROKERS nor BUSBAR_EMBEDDED is set, and no context is used`;
    throw busbarError("BUSBAR_BUS_MISSING", { reason });
  }
  if (state.kind === "embedded") return { ...env, BUSBAR_EMBEDDED: embeddedFileOf(stateDir) };
  const secured = { BUSBAR_SECURITY: state.secured === true ? "scram" : "none" };
  if (!(await isBusRunning(state))) {
    const where = state.brokers.join(",");
    throw busbarError("BUSBAR_BUS_MISSING", { reason: `the broker at ${where}, which ${stateDir} records, is gone` });
  }
  const registry = state.registryUrl === null ? {} : { SCHEMA_REGISTRY_URL: state.registryUrl };
  return { ...env, BUSBAR_BROKERS: state.brokers.join(","), ...registry, ...secured };
}

export interface OpenBus extends Connection {
  readonly topics: TopicNames;
  /** Of everything that is keyed by chain. */
  readonly partitionCount: number;
  readonly env: NodeJS.ProcessEnv;
}

/** The bus, as an operator unless said otherwise, without knowing yet whether its topics exist. */
export async function openConnection(
  output: Output,
  principal: Principal = "operator",
): Promise<Connection & Pick<OpenBus, "topics" | "env">> {
  const env = await findBus(process.env, stateDirOf());
  const onNotice = (text: string) => {
    output.note(text);
  };
  const { BUSBAR_CONTEXT: context = "", BUSBAR_BROKERS: brokers = "", BUSBAR_EMBEDDED: file = "" } = env;
  // Not what this folder has: so that nobody gives an order to another bus than he thinks.
  if (context !== "" && output.form === "table") output.note(`context ${context}: ${brokers || file}`);
  const connection = await connect({ env, clientId: "busbar-cli", principal, onNotice });
  return { ...connection, topics: topicNames(connection.prefix), env };
}

/** Runs something on the bus and closes it again, however that ends. */
export async function withBus<T>(
  output: Output,
  action: (bus: OpenBus) => Promise<T>,
  principal: Principal = "operator",
): Promise<T> {
  const connection = await openConnection(output, principal);
  try {
    const partitionCount = await connection.log.partitionCount(connection.topics.events);
    return await action({ ...connection, partitionCount });
  } finally {
    await connection.close();
  }
}

export function partitionsOf(bus: Pick<OpenBus, "partitionCount">): readonly number[] {
  return Array.from({ length: bus.partitionCount }, (_, partition) => partition);
}

/** The keys of a person who gives orders. Throws BUSBAR_CONFIG_INVALID where the key folder has none. */
export function operatorKeyring(bus: Pick<Connection, "keys">): FolderKeyring {
  return openKeyring(bus.keys, "operator");
}
