/**
 * The log that a play runs on: the broker that is given or runs in this project, else one of the ladder for the time of
 * the command, else the embedded log in memory. Every play has topics of its own, so that nothing of the bus is mixed
 * with it.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type Bus,
  chooseBroker,
  describeChoice,
  isBusRunning,
  loginOf,
  machineProbes,
  openCodec,
  placeOf,
  readBusState,
  startBus,
} from "@busbar/infra";
import type { Codec } from "@busbar/events/codec";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { createKafkaEventLog } from "@busbar/log/kafka";

export interface PlayLog {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly prefix: string;
  /** Half a sentence for a person. */
  readonly where: string;
  /** The topics outlive the command. */
  readonly isKept: boolean;
  close(): Promise<void>;
}

export interface PlayLogOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where a running bus of this project is recorded. */
  readonly stateDir: string;
  /** The embedded log in memory, whatever else there is. */
  readonly embedded: boolean;
  readonly say: (line: string) => void;
}

const nothing = (): Promise<void> => Promise.resolve();

interface Place {
  readonly brokers: readonly string[];
  /** How to log in there. */
  readonly env: NodeJS.ProcessEnv;
  readonly where: string;
  readonly isKept: boolean;
  stop(): Promise<void>;
}

const MEMORY: Place = { brokers: [], env: {}, where: "the embedded log in memory", isKept: false, stop: nothing };

const kept = (brokers: readonly string[], env: NodeJS.ProcessEnv): Place => ({
  brokers,
  env,
  where: `Kafka at ${brokers.join(",")}`,
  isKept: true,
  stop: nothing,
});

async function startForNow(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<Place> {
  const choice = await chooseBroker(env, machineProbes(env));
  say(describeChoice(choice));
  if (choice.kind === "embedded") return MEMORY;
  const stateDir = await mkdtemp(path.join(tmpdir(), "busbar-play-"));
  const removeFolder = () => rm(stateDir, { recursive: true, force: true });
  let bus: Bus;
  try {
    bus = await startBus({ choice, stateDir, access: null, registry: false, env, onProgress: say });
  } catch (error) {
    await removeFolder();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await bus.stop();
    await removeFolder();
  };
  if (bus.kind === "embedded") return { ...MEMORY, stop };
  return { brokers: bus.brokers, env: {}, where: "a Kafka for the time of this command", isKept: false, stop };
}

async function findPlace({ env, stateDir, embedded, say }: PlayLogOptions): Promise<Place> {
  if (embedded) return MEMORY;
  const given = (env["BUSBAR_BROKERS"] ?? "").split(",").flatMap((one) => one.trim() || []);
  if (given.length > 0) return kept(given, env);
  const state = await readBusState(stateDir);
  if (state?.kind === "embedded") return MEMORY;
  if (state !== null && (await isBusRunning(state))) {
    return kept(state.brokers, { ...env, BUSBAR_SECURITY: state.secured === true ? "scram" : "none" });
  }
  return startForNow(env, say);
}

/** Finds or starts the log. Errors: those of the broker, each with what to do next. */
export async function openPlayLog(options: PlayLogOptions): Promise<PlayLog> {
  const { stop, ...place } = await findPlace(options);
  const { brokers, where, isKept } = place;
  const prefix = `play-${randomBytes(4).toString("hex")}`;
  try {
    const codec = await openCodec(isKept ? options.env : {}, options.say);
    // Topics of its own on a broker that asks: that takes the super user.
    const login = { env: place.env, principal: "admin" as const, ...placeOf(place.env) };
    const log =
      brokers.length === 0
        ? createEmbeddedLog()
        : createKafkaEventLog({ brokers, clientId: "busbar-play", ...loginOf(login) });
    const close = async (): Promise<void> => {
      await log.close();
      await stop();
    };
    return { log, codec, prefix, where, isKept, close };
  } catch (error) {
    await stop();
    throw error;
  }
}
