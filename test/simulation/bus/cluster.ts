/**
 * The processes of a simulated bus: the real gateways, supervisors and agents on the log of their node. A process that
 * dies is started again under a new name, as an orchestrator does.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { type AgentProcess, runAgent } from "@busbar/agent";
import { buildPolicy } from "@busbar/agent/project";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { reasonOf } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { type Compression, Gateway, type OwnerSettings, Supervisor, topicNames } from "@busbar/runtime";
import { createMetrics, type LogFields, type Logger } from "@busbar/telemetry";
import type { Broker } from "./broker.ts";
import { KEYRING, keyOf } from "./keys.ts";
import { openLog, type Wires } from "./log-client.ts";
import { type NodeKind, SimNode } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";
import { AGENTS, type Workload } from "./workload.ts";
import { TOOLS, type World } from "./world.ts";

export const PREFIX = "sim";
export const TOPICS = topicNames(PREFIX);
export const CODEC = createCodec({ ids: builtinSchemaIds() });
/** Counts of all simulated processes together; nobody reads them. */
const METRICS = createMetrics();

/** Tight enough to put calls off in most seeds. */
export const BULKHEAD = { tool: "pay", concurrency: 3 } as const;
export const RATE = { tool: "mail", calls: 3, perMs: 500 } as const;

/** Open chains of an agent from which it is given no root tasks: low enough to be reached. */
export const PAUSE_MARK = 8;
const everything = { tools: ["*"], models: ["*"], sends: ["*"] };
const POLICY = buildPolicy(
  "the simulation",
  {
    version: 1,
    agents: Object.fromEntries(AGENTS.map((name) => [name, everything])),
    tools: {
      [BULKHEAD.tool]: { attempts: 2, concurrency: BULKHEAD.concurrency },
      [RATE.tool]: { attempts: 2, rate: { calls: RATE.calls, perMs: RATE.perMs } },
    },
    rules: { consecutiveErrors: 3 },
    breaker: { consecutiveFailures: 2, perAgent: 1, pairFailures: 1, agentFailures: 3, cooldownMs: 2000 },
    flow: {
      agent: { lower: 1, upper: 3, pause: PAUSE_MARK, lagLowerMs: 500, lagUpperMs: 4000 },
      intervalMs: 200,
      retryAfterMs: 400,
      orderEveryMs: 500,
    },
    drift: { window: 12 },
    statements: { supplies: { tool: "stock", args: { id: 0 }, refutedWhen: { path: "id", equals: -5 } } },
  },
  TOOLS,
);

/** What differs from seed to seed in how the processes are set. */
export interface Setup {
  readonly partitions: number;
  readonly turnInputs: number;
  readonly checkpointEvery: number;
  readonly policy?: typeof POLICY;
}

/** A line that a process logged as an error. */
export interface ErrorLine {
  readonly node: string;
  readonly step: number;
  readonly message: string;
}

/** A thread's answer would come in its own time, which no seed decides. */
const IN_PLACE: Compression = {
  compress: (text) => Promise.resolve(gzipSync(text, { level: 1 })),
  expand: (bytes, maxBytes) => Promise.resolve(gunzipSync(bytes, { maxOutputLength: maxBytes }).toString("utf8")),
};

export class Cluster {
  readonly nodes: SimNode[] = [];
  readonly errors: ErrorLine[] = [];
  readonly gateways = new Map<SimNode, Gateway>();
  readonly #scheduler: Scheduler;
  readonly #wires: Wires;
  readonly #world: World;
  readonly #workload: Workload;
  readonly #setup: Setup;
  /** The log as an agent is given it; a hostile one's is wrapped. */
  agentLog: (node: SimNode, log: EventLog) => EventLog = (_node, log) => log;
  /** Agents that go on under a halt. */
  ignoresHalts: ReadonlySet<string> = new Set();
  /** Prints what processes log, for a trace. */
  say: ((node: string, level: string, message: string) => void) | null = null;
  #started = 0;

  constructor(scheduler: Scheduler, wires: Wires, parts: { world: World; workload: Workload; setup: Setup }) {
    this.#scheduler = scheduler;
    this.#wires = wires;
    this.#world = parts.world;
    this.#workload = parts.workload;
    this.#setup = parts.setup;
  }

  get broker(): Broker {
    return this.#wires.broker;
  }

  createTopics(): void {
    const { partitions } = this.#setup;
    const { events, commands, control, signals, checkpoints, deadLetters, blobs, inbox } = TOPICS;
    const byChain = [events, commands, control, signals, checkpoints, deadLetters, blobs, ...AGENTS.map(inbox)];
    for (const topic of byChain) this.broker.create(topic, partitions);
    for (const topic of [TOPICS.directives, TOPICS.heartbeats]) this.broker.create(topic, 1);
  }

  /** A node that is no process of the bus: a client, an operator. */
  outsider(kind: NodeKind): { readonly node: SimNode; readonly log: EventLog } {
    const node = new SimNode(this.#scheduler, kind, kind);
    this.nodes.push(node);
    return { node, log: openLog(this.#wires, node) };
  }

  start(kind: NodeKind, role = ""): SimNode {
    this.#started += 1;
    const node = new SimNode(this.#scheduler, kind, `${role === "" ? kind : role}-${this.#started}`, role);
    this.nodes.push(node);
    node.later(0, `${node.name} starts`, () => {
      this.#run(node).catch((error: unknown) => {
        this.say?.(node.name, "crash", reasonOf(error));
        if (node.state !== "dead") this.kill(node);
      });
    });
    return node;
  }

  /** Ends a process between two of its steps; another one of its kind follows. */
  kill(node: SimNode): void {
    if (node.state === "dead") return;
    node.kill();
    this.gateways.delete(node);
    this.#scheduler.schedule(this.#scheduler.between(100, 4000), null, `${node.kind} is replaced`, () => {
      this.start(node.kind, node.role);
    });
  }

  /** Stops it in order, as a deployment does; another one follows at once. */
  replace(node: SimNode): void {
    if (node.state !== "up") return;
    this.start(node.kind, node.role);
    node.later(0, `${node.name} is told to stop`, () => {
      void node.stop().then(() => {
        this.gateways.delete(node);
        node.kill();
      });
    });
  }

  alive(...kinds: readonly NodeKind[]): readonly SimNode[] {
    return this.nodes.filter((node) => node.state !== "dead" && kinds.includes(node.kind));
  }

  #run(node: SimNode): Promise<void> {
    switch (node.kind) {
      case "gateway":
        return this.#runGateway(node);
      case "supervisor":
        return this.#runSupervisor(node);
      default:
        return this.#runAgent(node);
    }
  }

  #common(node: SimNode) {
    const log = openLog(this.#wires, node);
    const ports = { clock: node, timers: node, chance: node, compression: IN_PLACE };
    return {
      log,
      codec: CODEC,
      keyring: KEYRING,
      prefix: PREFIX,
      logger: this.#logger(node),
      metrics: METRICS,
      ...ports,
    };
  }

  async #runGateway(node: SimNode): Promise<void> {
    const { turnInputs, checkpointEvery, policy = POLICY } = this.#setup;
    const settings: Partial<OwnerSettings> = { tickMs: 200, lifeBoundMs: 4000, turnInputs, checkpointEvery };
    const toolbox = this.#world.toolbox(node);
    const gateway = new Gateway({ ...this.#common(node), owner: node.name, toolbox, policy, settings });
    node.stop = () => gateway.stop();
    this.gateways.set(node, gateway);
    await gateway.start();
  }

  async #runSupervisor(node: SimNode): Promise<void> {
    const settings = { heartbeatMs: 1000, tickMs: 500, checkpointEvery: this.#setup.checkpointEvery };
    const supervisor = new Supervisor({ ...this.#common(node), name: node.name, settings });
    node.stop = () => supervisor.stop();
    await supervisor.start();
  }

  async #runAgent(node: SimNode): Promise<void> {
    const { log, codec, prefix, logger } = this.#common(node);
    const key = keyOf(`agent:${node.role}`);
    const { isOrderSigned } = KEYRING;
    const agent = this.#workload.agent(node.role, node.name);
    const bounds = { heartbeatMs: 1000, answerTimeoutMs: 2000, stallMs: 10_000 };
    const obeysHalts = !this.ignoresHalts.has(node.role);
    const own = { log: this.agentLog(node, log), timers: node, instance: node.name, obeysHalts };
    const running: AgentProcess = await runAgent({
      codec,
      prefix,
      logger,
      key,
      isOrderSigned,
      agent,
      ...bounds,
      ...own,
    });
    node.stop = () => running.stop();
  }

  #logger(node: SimNode): Logger {
    const told =
      (level: "debug" | "info" | "warn" | "error") =>
      (fields: LogFields, message: string): void => {
        const cause = fields["err"] === undefined ? "" : ` (${reasonOf(fields["err"])})`;
        this.say?.(node.name, level, `${message}${cause}`);
        // That the log is away is no defect of who says so.
        if (level !== "error" || cause.includes("the log does not answer")) return;
        this.errors.push({ node: node.name, step: this.#scheduler.steps, message: `${message}${cause}` });
      };
    const logger: Logger = {
      debug: told("debug"),
      info: told("info"),
      warn: told("warn"),
      error: told("error"),
      child: () => logger,
    };
    return logger;
  }
}
