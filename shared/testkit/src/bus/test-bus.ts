/**
 * A whole bus in memory: log, gateway, supervisor, agents, client. The same code as in production with other settings,
 * so that what a user's agent does here it does there; nothing is mocked but the distance.
 */
import {
  type AgentDefinition,
  type AgentProcess,
  type Client,
  createClient,
  type ModelDefinition,
  runAgent,
  type Submission,
  type TaskHandle,
  type TaskOutcome,
  type ToolDefinition,
} from "@busbar/agent";
import { buildPolicy, createToolbox, type ProjectFile } from "@busbar/agent/project";
import { type BusEvent, partitionOf } from "@busbar/events";
import { builtinSchemaIds, type Codec, createCodec } from "@busbar/events/codec";
import { busbarError, type Json } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import {
  signedPublication,
  type Clock,
  type DoorStatus,
  Gateway,
  metaWith,
  type NoticeBoard,
  type OwnerSettings,
  Supervisor,
  type Toolbox,
  topicNames,
  type TopicNames,
} from "@busbar/runtime";
import { createMetrics, type Logger, SILENT_LOGGER } from "@busbar/telemetry";
import { createTestKeys, type TestKeys } from "./keys.ts";
import { type RecordWatch, type WatchedEvent, watchRecords } from "./record-watch.ts";

/** What a project file may say, without its modules. Agents that it leaves out may do everything. */
export type TestPolicy = Partial<Omit<ProjectFile, "version" | "modules">>;

export interface TestBusOptions {
  readonly agents: readonly AgentDefinition[];
  readonly tools?: readonly ToolDefinition[];
  readonly models?: readonly ModelDefinition[];
  readonly policy?: TestPolicy;
  /** Default 2. */
  readonly partitions?: number;
  /** First part of the topics' names; default `test`. */
  readonly prefix?: string;
  /** Settings of every topic, for a log that has them; default: none. */
  readonly topicConfig?: Readonly<Record<string, string>>;
  /** Default: a log in memory. One with faults, for example. */
  readonly log?: EventLog;
  /** The log as the agents see it; default: the log. */
  readonly agentLog?: (log: EventLog) => EventLog;
  /** False: the agents do not stop by themselves when they are halted; what stops them is the door alone. */
  readonly obeysHalts?: boolean;
  /** Secrets of tools and models, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Default: the tools and models above. */
  readonly toolbox?: Toolbox;
  readonly settings?: Partial<OwnerSettings>;
  readonly notices?: NoticeBoard;
  /** Default true. Without one no door opens. */
  readonly supervisor?: boolean;
  /** The gateway's clock; default: the system's. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Longest wait of any of its functions, ms; default 15000. */
  readonly limitMs?: number;
}

export interface TestBus {
  readonly log: EventLog;
  readonly codec: Codec;
  /** Submits a task and waits for its end. Without a key each call is a task of its own. */
  submit(agent: string, input: Json, more?: Partial<Submission>): Promise<TaskOutcome>;
  /** Submits a task and does not wait. */
  start(agent: string, input: Json, more?: Partial<Submission>): Promise<TaskHandle>;
  outcome(handle: TaskHandle): Promise<TaskOutcome>;
  /** What is recorded about a chain, or everything, in log order per partition. */
  events(chain?: string): readonly BusEvent[];
  /** The first event of a type, now or later, that fits; `limitMs` instead of the bus's own limit. */
  waitFor<T extends BusEvent["type"]>(
    type: T,
    fits?: (event: Extract<BusEvent, { type: T }>) => boolean,
    limitMs?: number,
  ): Promise<Extract<BusEvent, { type: T }>>;
  /** Halts a scope as a person does; resolves when every partition has acknowledged. The fence to name in a resume. */
  halt(scope: string, reason?: string): Promise<string>;
  /** Lifts a halt; the fence is the scope's last one. */
  resume(scope: string, fence: string, reason?: string): Promise<void>;
  /** Any signed order: `order("Freeze", {...})`. Resolves when every partition has applied it; its offset. */
  order(type: string, fields: Readonly<Record<string, unknown>>): Promise<string>;
  /** A person's signed word to the door of a chain: `word("ApproveEffect", chainId, {...})`. */
  word(type: string, chainId: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
  doors(): readonly DoorStatus[];
  /** The gateway stops and another one takes over, as after a deployment. */
  replaceGateway(): Promise<void>;
  /** The agent's process ends without a word and another one of its name starts. */
  replaceAgent(name: string): Promise<void>;
  stopSupervisor(): Promise<void>;
  startSupervisor(): Promise<void>;
  /** Void records seen: late ones, intruders. */
  voids(): number;
  /** Stops everything. Nothing of the bus is left. */
  stop(): Promise<void>;
}

const CLIENT = "test";
const PREFIX = "test";
const FAST: Partial<OwnerSettings> = { tickMs: 5, idleCheckMs: 50, lifeBoundMs: 300, drainMs: 50, childAskMs: 100 };

class MemoryBus implements TestBus {
  readonly log: EventLog;
  readonly codec = createCodec({ ids: builtinSchemaIds() });
  readonly #options: TestBusOptions;
  readonly #keys: TestKeys = createTestKeys();
  readonly #prefix: string;
  readonly #topics: TopicNames;
  readonly #partitions: number;
  readonly #limitMs: number;
  readonly #client: Client;
  #watch: RecordWatch | null = null;
  #gateway: Gateway | null = null;
  #supervisor: Supervisor | null = null;
  readonly #agents = new Map<string, AgentProcess>();
  #processes = 0;
  #tasks = 0;

  constructor(options: TestBusOptions) {
    this.#options = options;
    this.#prefix = options.prefix ?? PREFIX;
    this.#topics = topicNames(this.#prefix);
    this.#partitions = options.partitions ?? 2;
    this.#limitMs = options.limitMs ?? 15_000;
    this.log = options.log ?? createEmbeddedLog({});
    this.#client = createClient({
      log: this.log,
      codec: this.codec,
      prefix: this.#prefix,
      name: CLIENT,
      key: this.#keys.clientKey(CLIENT),
      answerTimeoutMs: 200,
    });
  }

  async open(): Promise<void> {
    await this.#createTopics();
    this.#watch = watchRecords(this.log, this.codec, this.#topics.events, this.#partitions);
    await Promise.all([this.#startGateway(), this.#options.supervisor === false ? null : this.startSupervisor()]);
    await Promise.all(this.#options.agents.map((agent) => this.#run(agent)));
    if (this.#supervisor !== null) await this.#openDoors(0);
  }

  #common() {
    const { logger = SILENT_LOGGER } = this.#options;
    const { keyring } = this.#keys;
    this.#processes += 1;
    return { log: this.log, codec: this.codec, keyring, prefix: this.#prefix, logger, metrics: createMetrics() };
  }

  async #startGateway(): Promise<void> {
    const { tools = [], models = [], clock } = this.#options;
    const toolbox =
      this.#options.toolbox ?? createToolbox(tools, models, new Map(Object.entries(this.#options.secrets ?? {})));
    const settings = { ...FAST, ...this.#options.settings };
    const { notices } = this.#options;
    const more = { ...(clock === undefined ? {} : { clock }), ...(notices === undefined ? {} : { notices }) };
    const common = { ...this.#common(), ...more };
    const owner = `gateway-${this.#processes}`;
    this.#gateway = new Gateway({ ...common, owner, toolbox, policy: policyOf(this.#options), settings });
    await this.#gateway.start();
  }

  async replaceGateway(): Promise<void> {
    const seen = this.#records().events().length;
    await this.#gateway?.stop();
    await this.#startGateway();
    if (this.#supervisor !== null) await this.#openDoors(seen);
  }

  async startSupervisor(): Promise<void> {
    const common = this.#common();
    const settings = { heartbeatMs: 5, tickMs: 5 };
    this.#supervisor = new Supervisor({ ...common, name: `supervisor-${this.#processes}`, settings });
    await this.#supervisor.start();
  }

  async stopSupervisor(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#supervisor = null;
    await supervisor?.stop();
  }

  async replaceAgent(name: string): Promise<void> {
    const agent = this.#options.agents.find((one) => one.name === name);
    if (agent === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: "agent", id: name });
    await this.#agents.get(name)?.stop();
    await this.#run(agent);
  }

  async #createTopics(): Promise<void> {
    const { events, commands, control, directives, signals, heartbeats, checkpoints, deadLetters, blobs, inbox } =
      this.#topics;
    const { topicConfig: config = {} } = this.#options;
    const byChain = [events, commands, control, signals, checkpoints, deadLetters, blobs];
    const inboxes = this.#options.agents.map(({ name }) => inbox(name));
    const specs = [...byChain, ...inboxes].map((name) => ({ name, partitions: this.#partitions, config }));
    const single = [directives, heartbeats].map((name) => ({ name, partitions: 1, config }));
    await this.log.ensureTopics([...specs, ...single]);
  }

  async #run(agent: AgentDefinition): Promise<void> {
    const { codec, prefix, logger, keyring } = this.#common();
    const log = this.#options.agentLog?.(this.log) ?? this.log;
    const key = this.#keys.agentKey(agent.name);
    const bounds = { heartbeatMs: 50, answerTimeoutMs: 200, stallMs: 1000 };
    const { isOrderSigned } = keyring;
    const instance = `${agent.name}-${this.#processes}`;
    const { obeysHalts = true } = this.#options;
    this.#agents.set(
      agent.name,
      await runAgent({ log, codec, prefix, logger, key, isOrderSigned, agent, instance, obeysHalts, ...bounds }),
    );
  }

  /** Resolves when every partition was opened after so many events. */
  async #openDoors(seen: number): Promise<void> {
    const before = new Set(this.#records().events().slice(0, seen));
    const opened = Array.from({ length: this.#partitions }, (_, partition) =>
      this.#records().first(
        (found) => found.partition === partition && found.event.type === "DoorOpened" && !before.has(found),
        `the door of partition ${partition} is open`,
        this.#limitMs,
      ),
    );
    await Promise.all(opened);
  }

  #records(): RecordWatch {
    if (this.#watch === null) throw busbarError("BUSBAR_INTERNAL", { reason: "the test bus is not open" });
    return this.#watch;
  }

  start(agent: string, input: Json, more: Partial<Submission> = {}): Promise<TaskHandle> {
    this.#tasks += 1;
    return this.#client.submit({ agent, input, key: `task-${this.#tasks}`, timeoutMs: this.#limitMs, ...more });
  }

  async outcome(handle: TaskHandle): Promise<TaskOutcome> {
    const outcome = await this.#client.awaitOutcome(handle, { timeoutMs: this.#limitMs });
    // Client and watch read side by side: what the outcome rests on is to be seen when it is told.
    const { partition } = handle;
    const isThere = (found: WatchedEvent) => found.partition === partition && found.offset >= outcome.offset;
    await this.#records().first(isThere, "the outcome's record", this.#limitMs);
    return outcome;
  }

  async submit(agent: string, input: Json, more: Partial<Submission> = {}): Promise<TaskOutcome> {
    return this.outcome(await this.start(agent, input, more));
  }

  events(chain?: string): readonly BusEvent[] {
    const all = this.#records()
      .events()
      .map(({ event }) => event);
    return chain === undefined ? all : all.filter(({ meta }) => meta.chainId === chain);
  }

  async waitFor<T extends BusEvent["type"]>(
    type: T,
    fits: (event: Extract<BusEvent, { type: T }>) => boolean = () => true,
    limitMs = this.#limitMs,
  ): Promise<Extract<BusEvent, { type: T }>> {
    const isIt = (event: BusEvent): event is Extract<BusEvent, { type: T }> => event.type === type;
    const found = await this.#records().first(
      ({ event }) => isIt(event) && fits(event),
      `a ${type} that fits`,
      limitMs,
    );
    return found.event as Extract<BusEvent, { type: T }>;
  }

  halt(scope: string, reason = "halted by a test"): Promise<string> {
    return this.order("Halt", { scope, reason, by: "operator:test", rule: "", cause: "" });
  }

  async resume(scope: string, fence: string, reason = "resumed by a test"): Promise<void> {
    await this.order("Resume", { scope, fence, reason, by: "operator:test", coversThrough: [] });
  }

  async order(type: string, fields: Readonly<Record<string, unknown>>): Promise<string> {
    const topic = this.#topics.directives;
    const principal = "operator:test";
    const meta = metaWith({ eventId: `test/${type}`, atMs: Date.now() });
    const value = this.codec.encode(type as "Halt", { meta, ...fields } as never);
    const order = signedPublication(this.#keys.keyring, { topic, principal, type, key: type, value });
    const [outcome] = await this.log.publish([order]);
    if (outcome?.kind !== "appended")
      throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: `the order ${type} was not appended` });
    await this.#applied(outcome.baseOffset);
    return outcome.baseOffset.toString();
  }

  async word(type: string, chainId: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const topic = this.#topics.control;
    const principal = "operator:test";
    const meta = metaWith({ eventId: `test/${type}`, atMs: Date.now(), chainId });
    const body = { reason: "said by a test", by: principal, ...fields };
    const value = this.codec.encode(type as "ApproveEffect", { meta, ...body } as never);
    const partition = partitionOf(chainId, this.#partitions);
    const [outcome] = await this.log.publish([
      signedPublication(this.#keys.keyring, { topic, partition, principal, type, key: chainId, value }),
    ]);
    if (outcome?.kind !== "appended")
      throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: `the word ${type} was not appended` });
  }

  async #applied(offset: bigint): Promise<void> {
    const everyPartition = Array.from({ length: this.#partitions }, (_, partition) =>
      this.#records().first(
        (found) => found.partition === partition && "through" in found.event && BigInt(found.event.through) > offset,
        `partition ${partition} has applied directive ${offset}`,
        this.#limitMs,
      ),
    );
    await Promise.all(everyPartition);
  }

  doors(): readonly DoorStatus[] {
    return this.#gateway?.doors() ?? [];
  }

  voids(): number {
    return this.#records().voids();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    await this.#client.close();
    await Promise.all([this.#supervisor?.stop(), this.#gateway?.stop()]);
    await this.#watch?.stop();
    await this.log.close();
  }
}

/** Who is not mentioned may call every tool, ask every model and send to every agent. */
function policyOf(options: TestBusOptions) {
  const everything = { tools: ["*"], models: ["*"], sends: ["*"] };
  const agents = Object.fromEntries(options.agents.map(({ name }) => [name, everything]));
  const { agents: given = {}, ...rest } = options.policy ?? {};
  const project = { version: 1, ...rest, agents: { ...agents, ...given } } as const;
  return buildPolicy("test policy", project, options.tools ?? [], options.models);
}

/** Opens a bus in memory: log, gateway, supervisor and the agents, ready when every door is open. Stop it at the end. */
export async function createTestBus(options: TestBusOptions): Promise<TestBus> {
  const bus = new MemoryBus(options);
  try {
    await bus.open();
  } catch (error) {
    await bus.stop();
    throw error;
  }
  return bus;
}
