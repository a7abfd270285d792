/**
 * A whole bus in this process for the time of a play: gateway, supervisor, the recorded agent, a client, and a reader
 * of the events that judges. Nothing is short-cut: each call goes as a command over the log and back.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type AgentProcess, chainOfTaskKey, type Client, createClient, runAgent } from "@busbar/agent";
import { agentCredentials, clientKey, ensureKeys, openKeyring, topicSpecs } from "@busbar/infra";
import type { BusEvent, MessageOf } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import type { Follower } from "@busbar/log";
import type { Policy } from "@busbar/policy";
import { createPartitionReader, Gateway, Supervisor, topicNames } from "@busbar/runtime";
import { createLogger, createMetrics } from "@busbar/telemetry";
import { endingTimers, type EndingTimers } from "./ending-timers.ts";
import { approve } from "./person.ts";
import type { PlayLog } from "./play-log.ts";
import { RECORDED_AGENT, recordedAgent, recordedToolbox } from "./recorded-agent.ts";
import type { RecordedRun } from "./recorded-run.ts";
import { personTool, type PlayedRun, type PlayedStep, stepsOf } from "./steps.ts";
import { beginJudging, judge, type Judging, type Verdict } from "./verdict.ts";

export interface PlayBus {
  /** Plays one run to its first stop or its end. `key` is unique in the play. Throws BUSBAR_TIMEOUT, log errors. */
  play(key: string, run: RecordedRun): Promise<Verdict & { readonly chain: string }>;
  stop(): Promise<void>;
}

export interface PlayBusOptions {
  readonly bus: PlayLog;
  readonly policy: Policy;
  /** Runs that are in flight at once, at most. */
  readonly concurrency: number;
  readonly logLevel: string;
}

const PARTITIONS = 4;
/** Longest silence of a run in flight, ms. */
const SILENCE_MS = 60_000;

interface Playing {
  readonly judging: Judging;
  heardMs: number;
  resolve(verdict: Verdict): void;
  reject(error: Error): void;
}

/** The runs in flight, and who waits for their verdicts. */
class Judges {
  readonly #open = new Map<string, Playing>();
  readonly #followers: Follower[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #onRequest: (request: MessageOf<"ApprovalRequested">, partition: number) => void;

  /** `onRequest`: a call of a run in flight waits for a person. */
  constructor(onRequest: (request: MessageOf<"ApprovalRequested">, partition: number) => void) {
    this.#onRequest = onRequest;
    this.#timer = setInterval(() => this.#watchSilence(), 1000);
  }

  async follow({ log, codec, prefix }: PlayLog): Promise<void> {
    const topic = topicNames(prefix).events;
    const count = await log.partitionCount(topic);
    for (let partition = 0; partition < count; partition += 1) {
      const reader = createPartitionReader(codec);
      const follower = log.follow({
        topic,
        partition,
        from: 0n,
        onDelivery: (delivery) => {
          for (const read of reader.read(delivery)) if (read.kind === "event") this.#take(read.event, partition);
        },
        onProblem: (problem) => {
          if (problem.kind === "unreachable") return;
          this.#failAll(busbarError("BUSBAR_LOG_CORRUPT", { position: `${topic}/${partition}`, reason: problem.kind }));
        },
      });
      this.#followers.push(follower);
    }
  }

  await(chain: string, steps: readonly PlayedStep[]): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      this.#open.set(chain, { judging: beginJudging(steps), heardMs: performance.now(), resolve, reject });
    });
  }

  forget(chain: string): void {
    this.#open.delete(chain);
  }

  #take(event: BusEvent, partition: number): void {
    const playing = this.#open.get(event.meta.chainId);
    if (playing === undefined) return;
    playing.heardMs = performance.now();
    if (event.type === "ApprovalRequested") this.#onRequest(event, partition);
    const verdict = judge(playing.judging, event);
    if (verdict !== null) playing.resolve(verdict);
  }

  #watchSilence(): void {
    const nowMs = performance.now();
    for (const [chain, { heardMs, reject }] of this.#open) {
      if (nowMs - heardMs < SILENCE_MS) continue;
      reject(
        busbarError("BUSBAR_TIMEOUT", { what: `chain ${chain}`, timeoutMs: SILENCE_MS, next: "npx busbar doctor" }),
      );
    }
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#open.values()) reject(error);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#failAll(busbarError("BUSBAR_INTERNAL", { reason: "the play was ended" }));
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }
}

interface Parts {
  readonly judges: Judges;
  readonly supervisor: Supervisor;
  readonly gateway: Gateway;
  readonly client: Client;
  readonly timers: EndingTimers;
  agent: AgentProcess | null;
}

const PLAY_CLIENT = "play";

function build(options: PlayBusOptions, runs: ReadonlyMap<string, PlayedRun>, keys: string): Parts {
  const { log, codec, prefix } = options.bus;
  const logger = createLogger({ service: "play", level: options.logLevel });
  const common = { log, codec, prefix, logger, metrics: createMetrics() };
  const supervisor = new Supervisor({ ...common, keyring: openKeyring(keys, "supervisor"), name: "play" });
  const keyring = openKeyring(keys, "gateway");
  const gateway = new Gateway({
    ...common,
    keyring,
    toolbox: recordedToolbox(runs),
    policy: options.policy,
    owner: "play",
  });
  const timers = endingTimers();
  const client = createClient({ log, codec, prefix, name: PLAY_CLIENT, key: clientKey(keys, PLAY_CLIENT), timers });
  const operator = openKeyring(keys, "operator");
  // A word that the log did not take leaves its run silent, which is told.
  const judges = new Judges((request, partition) => {
    approve(options.bus, operator, request, partition).catch(() => undefined);
  });
  return { judges, supervisor, gateway, client, timers, agent: null };
}

async function stopParts({ judges, supervisor, gateway, client, timers, agent }: Parts): Promise<void> {
  timers.end();
  await agent?.stop();
  await client.close();
  await judges.stop();
  await gateway.stop();
  await supervisor.stop();
}

/** Brings the bus up on its own topics. What was started is ended when something of it fails. */
export async function startPlayBus(options: PlayBusOptions): Promise<PlayBus> {
  const { bus, concurrency } = options;
  const { log, codec, prefix } = bus;
  const runs = new Map<string, PlayedRun>();
  const person = personTool(options.policy);
  const keys = await mkdtemp(path.join(tmpdir(), "busbar-play-keys-"));
  let parts: Parts | null = null;
  const stop = async (): Promise<void> => {
    if (parts !== null) await stopParts(parts);
    await rm(keys, { recursive: true, force: true });
  };
  try {
    ensureKeys(keys, [RECORDED_AGENT], [PLAY_CLIENT]);
    await log.ensureTopics(
      topicSpecs({ prefix, partitions: PARTITIONS, agents: [RECORDED_AGENT], durability: "page-cache" }),
    );
    parts = build(options, runs, keys);
    await parts.judges.follow(bus);
    await Promise.all([parts.supervisor.start(), parts.gateway.start()]);
    parts.agent = await runAgent({
      log,
      codec,
      prefix,
      agent: recordedAgent(runs),
      instance: "play",
      maxChains: concurrency,
      ...agentCredentials(keys, RECORDED_AGENT),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const { client, judges } = parts;
  const play: PlayBus["play"] = async (taskKey, run) => {
    const chain = chainOfTaskKey(taskKey);
    const steps = stepsOf(run, person);
    runs.set(chain, { run, steps });
    const verdict = judges.await(chain, steps);
    // It may be rejected before anyone looks, while the submission waits.
    verdict.catch(() => undefined);
    try {
      await client.submit({
        agent: RECORDED_AGENT,
        input: person === null ? { key: taskKey, run: run.id.slice(0, 1000).toWellFormed() } : run.opening,
        key: taskKey,
        timeoutMs: SILENCE_MS,
      });
      return { ...(await verdict), chain };
    } finally {
      runs.delete(chain);
      judges.forget(chain);
    }
  };
  return { play, stop };
}
