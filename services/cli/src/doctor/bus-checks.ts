/** What the bus says about itself. Each check stands by itself: one that fails hides no other. */
import { connect } from "node:net";
import { openCluster, topicSpecs } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import type { KafkaCluster } from "@busbar/log/kafka";
import { type OpenBus, openConnection, partitionsOf } from "../bus.ts";
import { asBusbarError } from "../failure.ts";
import type { Output } from "../output.ts";
import type { Progress } from "../progress.ts";
import { EARLIEST, LATEST } from "../parse/point.ts";
import { type DeadLetter, findRedriven, markOf, readLetters } from "../read/dead-letters.ts";
import { readBeats } from "../read/heartbeats.ts";
import { viewPartition } from "../read/partition.ts";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok } from "./check.ts";
import { checkGroup } from "./group-checks.ts";
import {
  checkClocks,
  checkDoor,
  checkFailures,
  checkLetters,
  checkPolicies,
  checkSupervisors,
  checkVoids,
} from "./log-checks.ts";
import { checkRegistry } from "./registry-checks.ts";
import { checkBrokers, checkTopics } from "./topic-checks.ts";

const CONNECT_MS = 3000;
/** A process that has just ended still tells of its clock. */
const CLOCK_WINDOW_MS = 300_000;
const LETTERS_SCAN = 100_000;
const GROUPS = ["gateway", "supervisor"];

async function guarded(subject: string, check: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await check();
  } catch (error) {
    const { message, next } = asBusbarError(error);
    return [fail("check-failed", subject, message, next)];
  }
}

/** Null when something listens at `host:port`. */
function knock(address: string): Promise<string | null> {
  const at = address.lastIndexOf(":");
  const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))];
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (reason: string | null): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.once("connect", () => end(null));
    socket.once("timeout", () => end("no answer"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** Brokers at which nothing listens; none where one listens, which is enough for a client. */
export async function checkReach(env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const given = (env["BUSBAR_BROKERS"] ?? "").split(",").filter((one) => one.trim() !== "");
  const found = await Promise.all(given.map(async (address) => [address.trim(), await knock(address.trim())] as const));
  if (given.length === 0 || found.some(([, reason]) => reason === null)) return [];
  return found.map(([address, reason]) => {
    const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(address) ?? [];
    const isHere = ["127.0.0.1", "localhost", "::1", "[::1]"].includes(host);
    const next = isHere ? "unset BUSBAR_BROKERS && npx busbar up" : nextOf("broker-unreachable", { host, port });
    return fail("broker-unreachable", address, reason ?? "", next);
  });
}

async function checkKafka(
  cluster: KafkaCluster,
  bus: Pick<OpenBus, "log" | "prefix" | "topics">,
): Promise<readonly Check[]> {
  const names = await bus.log.listTopics();
  const brokers = await cluster.brokers();
  const inbox = bus.topics.inbox("");
  const agents = names.filter((name) => name.startsWith(inbox)).map((name) => name.slice(inbox.length));
  const partitions = names.includes(bus.topics.events) ? await bus.log.partitionCount(bus.topics.events) : 1;
  const specs = topicSpecs({ prefix: bus.prefix, partitions, agents, durability: "disk" });
  const found = await cluster.topics(specs.map(({ name }) => name));
  const groups = await Promise.all(
    GROUPS.map(async (role) => checkGroup(await cluster.group(`${bus.prefix}.${role}`), topicOf(bus, role))),
  );
  return [...checkBrokers(brokers), ...checkTopics(specs, found, brokers), ...groups.flat()];
}

const topicOf = ({ topics }: Pick<OpenBus, "topics">, role: string): string =>
  role === "gateway" ? topics.commands : topics.events;

async function waitingLetters(bus: OpenBus): Promise<ReadonlyMap<string, number>> {
  const letters: DeadLetter[] = [];
  for (const partition of partitionsOf(bus)) {
    for await (const letter of readLetters(bus, partition, { from: EARLIEST, to: LATEST })) letters.push(letter);
  }
  const { places } = await findRedriven(bus, letters, LETTERS_SCAN);
  const waiting = letters.filter((letter) => !places.has(markOf(bus.topics.deadLetters, letter)));
  const counts = new Map<string, number>();
  for (const { code } of waiting) counts.set(code, (counts.get(code) ?? 0) + 1);
  return counts;
}

async function checkLog(bus: OpenBus, progress: Progress): Promise<readonly Check[]> {
  const partitions = partitionsOf(bus);
  let read = 0;
  const views = await Promise.all(
    partitions.map(async (partition) => {
      const view = await viewPartition(bus, partition, true);
      progress.tick((read += 1));
      return view;
    }),
  );
  const nowMs = Date.now();
  const beats = await readBeats(bus, nowMs, CLOCK_WINDOW_MS);
  return [
    ...views.map(checkDoor),
    ...checkFailures(beats, nowMs),
    ...views.map(checkVoids),
    ...checkPolicies(views.map(({ state }) => state)),
    ...checkSupervisors(beats, nowMs, partitions),
    ...checkClocks(beats, nowMs),
    checkLetters(await waitingLetters(bus)),
  ];
}

type Connected = Awaited<ReturnType<typeof openConnection>>;

async function checkConnected(bus: Connected, output: Output): Promise<readonly Check[]> {
  const cluster = openCluster(bus.env, "busbar-doctor", "operator");
  try {
    const kafka = cluster === null ? [] : await guarded("broker", () => checkKafka(cluster, bus));
    const file = bus.env["BUSBAR_EMBEDDED"] ?? "";
    const broker = cluster === null ? [ok("broker", `embedded log ${file}`)] : kafka;
    const names = await bus.log.listTopics();
    const missing = cluster === null && !names.includes(bus.topics.events);
    if (missing)
      return [...broker, fail("topic-missing", bus.topics.events, "it does not exist", nextOf("topic-missing"))];
    if (!names.includes(bus.topics.events)) return broker;
    const partitionCount = await bus.log.partitionCount(bus.topics.events);
    const progress = output.progress("partitions", partitionCount);
    const log = await guarded("log", () => checkLog({ ...bus, partitionCount }, progress)).finally(progress.stop);
    return [...broker, ...log];
  } finally {
    cluster?.close();
  }
}

/** Without any bus the one line says how to get one. */
export async function checkBus(output: Output, hasBus: boolean): Promise<readonly Check[]> {
  if (!hasBus) return [fail("bus-missing", "", "none runs here", nextOf("bus-missing"))];
  let bus: Connected;
  try {
    bus = await openConnection(output);
  } catch (error) {
    if (!isBusbarError(error) || error.code !== "BUSBAR_BUS_MISSING") throw error;
    return [fail("bus-missing", "", error.message, nextOf("bus-missing"))];
  }
  try {
    const registry = await guarded("registry", () => checkRegistry(bus.env["SCHEMA_REGISTRY_URL"] ?? ""));
    const reach = await checkReach(bus.env);
    if (reach.length > 0) return [...reach, ...registry];
    return [...registry, ...(await guarded("bus", () => checkConnected(bus, output)))];
  } finally {
    await bus.close();
  }
}
