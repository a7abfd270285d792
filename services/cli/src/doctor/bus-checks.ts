/** What the bus says about itself, from its log alone. Each check stands by itself: one that fails hides no other. */
import { loadSchemaIds } from "@busbar/events/codec";
import { type BusbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import { type OpenBus, openConnection, partitionsOf } from "../bus.ts";
import { compareTopics } from "../commands/topics.ts";
import { asBusbarError } from "../failure.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../parse/duration.ts";
import { type Beat, foldLife, LIFE_BOUND_MS, readBeats } from "../read/heartbeats.ts";
import { type PartitionView, viewPartition } from "../read/partition.ts";
import { type Check, fail, ok, warn } from "./check.ts";

/** Beyond this an owner does not open its door (PROTOCOL 9). */
const CLOCK_BOUND_MS = 10_000;

const failed = (name: string, error: BusbarError): Check => fail(name, error.message, error.next);

async function guarded(name: string, check: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await check();
  } catch (error) {
    return [failed(name, asBusbarError(error))];
  }
}

async function registry(env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const url = env["SCHEMA_REGISTRY_URL"] ?? "";
  if (url === "") return [ok("registry", "none; built-in schema ids are used")];
  const ids = await loadSchemaIds(url);
  return [ok("registry", `${ids.idOf.size} schemas at ${url}`)];
}

async function topics(bus: Pick<OpenBus, "log" | "prefix">): Promise<readonly Check[]> {
  const rows = await compareTopics(bus.log, bus.prefix, []);
  const wrong = rows.filter(({ state }) => state !== "ok");
  if (wrong.length === 0) return [ok("topics", `${rows.length} as declared`)];
  return wrong.map(({ topic, state }) =>
    fail("topics", `${topic}: ${state}`, state === "missing" ? "npx busbar topics apply" : "npx busbar topics"),
  );
}

/** What one partition's log says about its owner and door. */
export function checkDoor({ state, owner }: Pick<PartitionView, "state" | "owner">): Check {
  const name = `door ${state.partition}`;
  if (state.claim === null) return fail(name, "nobody has claimed the partition: no gateway runs", "npx busbar dev");
  const who = `claimed by ${owner} at o${state.claim.offset}`;
  if (state.door === "open") return ok(name, `open, ${who}, ${state.openChains} open chains`);
  const next = state.door === "degraded" ? "see that a supervisor runs; the door opens by itself" : "npx busbar dev";
  return state.door === "degraded"
    ? warn(name, `read-only, ${who}: ${state.doorReason}`, next)
    : fail(name, `closed, ${who}: ${state.doorReason}`, next);
}

/** Records that do not count are how the log stays right; many of them tell of trouble between owners. */
export function checkVoids({ state, voids, undecodable, readFrom }: PartitionView): readonly Check[] {
  const name = `events ${state.partition}`;
  const since = readFrom === 0n ? "" : ` since o${readFrom}`;
  const [broken] = undecodable;
  if (broken !== undefined) {
    const text = `${undecodable.length} valid records cannot be decoded, first o${broken}`;
    return [fail(name, text, "npx busbar schemas push, with the newest version of Busbar")];
  }
  const text = `${state.events} valid, ${voids} void records${since}`;
  return [
    voids === 0 ? ok(name, text) : warn(name, text, `npx busbar events query --partition ${state.partition} --void`),
  ];
}

export function checkSupervisors(
  beats: readonly Beat[],
  nowMs: number,
  partitions: readonly number[],
): readonly Check[] {
  const { supervisors } = foldLife(beats, nowMs);
  const missing = partitions.filter((partition) => !supervisors.some((one) => one.partition === partition));
  const bound = formatDuration(LIFE_BOUND_MS);
  if (missing.length > 0) {
    const text = `no heartbeat within ${bound} for partitions ${missing.join(", ")}`;
    return [fail("supervisor", text, "npx busbar dev")];
  }
  const oldest = Math.max(0, ...supervisors.map(({ ageMs }) => ageMs));
  return [ok("supervisor", `a heartbeat for every partition, the oldest ${formatDuration(oldest)} ago`)];
}

/** This machine's clock against the broker's, by the newest heartbeat, which was sent here or elsewhere. */
export function checkClock(beats: readonly Beat[]): readonly Check[] {
  const newest = beats.at(-1);
  if (newest === undefined) return [];
  const differenceMs = Math.abs(newest.atMs - newest.message.sentAtMs);
  const text = `sender and broker differ by ${formatDuration(differenceMs)}`;
  return [
    differenceMs <= CLOCK_BOUND_MS ? ok("clock", text) : fail("clock", text, "set the clocks of both machines (NTP)"),
  ];
}

async function log(bus: OpenBus): Promise<readonly Check[]> {
  const partitions = partitionsOf(bus);
  const views = await Promise.all(partitions.map((partition) => viewPartition(bus, partition, true)));
  const nowMs = Date.now();
  const beats = await readBeats(bus, nowMs);
  return [
    ...views.map(checkDoor),
    ...views.flatMap(checkVoids),
    ...checkSupervisors(beats, nowMs, partitions),
    ...checkClock(beats),
  ];
}

/** Without any bus the one line says how to get one. */
export async function checkBus(output: Output, hasBus: boolean): Promise<readonly Check[]> {
  if (!hasBus) return [fail("bus", "none runs here", "npx busbar up")];
  let bus: Awaited<ReturnType<typeof openConnection>>;
  try {
    bus = await openConnection(output);
  } catch (error) {
    return [failed("bus", asBusbarError(error))];
  }
  try {
    const names = await bus.log
      .listTopics()
      .catch((error: unknown) => (isBusbarError(error) ? error : new Error(reasonOf(error))));
    if (names instanceof Error) return [failed("broker", asBusbarError(names))];
    const where = bus.env["BUSBAR_BROKERS"] || `embedded log ${bus.env["BUSBAR_EMBEDDED"] ?? ""}`;
    const checks = [
      ok("broker", where),
      ...(await guarded("registry", () => registry(bus.env))),
      ...(await guarded("topics", () => topics(bus))),
    ];
    if (!names.includes(bus.topics.events)) return checks;
    const partitionCount = await bus.log.partitionCount(bus.topics.events);
    return [...checks, ...(await guarded("log", () => log({ ...bus, partitionCount })))];
  } finally {
    await bus.close();
  }
}
