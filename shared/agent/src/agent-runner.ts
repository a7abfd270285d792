/**
 * runAgent: an agent process (PROTOCOL 8). It reads its inbox and the directives, and writes commands and signs of life.
 *
 * A1 It runs a chain only under an assignment that it has received and committed, at most `maxChains` at once.
 * A2 Every 500 ms one heartbeat vouches for what runs or waits here, and for nothing else; a lost partition's chains
 *    are stopped and no longer vouched for.
 * A3 An outcome of a chain that it does not run makes it ask for the journal, once until that is answered.
 * A4 Whether something may be done next, the agent machine says.
 * A5 What is meant for another version of the agent is passed over: it starts nothing here and asks for nothing.
 */
import { HEADER, parseEventId } from "@busbar/events";
import { reasonOf } from "@busbar/kernel";
import { type Membership, readBlob, type StoredRecord } from "@busbar/log";
import { type Logger, SILENT_LOGGER } from "@busbar/telemetry";
import { AgentCommands } from "./agent-commands.ts";
import { agentGroup, type AgentProcess, type AgentProcessState, type RunAgentOptions } from "./agent-process.ts";
import { CONTENT_MAX_BYTES, withContent } from "./claim-check.ts";
import { ChainHost, type HostPhase } from "./chain-host.ts";
import type { InboxRecord } from "./chain-inbox.ts";
import { type CommitGatherer, createCommitGatherer } from "./commit-gatherer.ts";
import { DirectiveWatch, type Fence } from "./directive-watch.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { JournalRequests } from "./journal-requests.ts";
import { answerOf } from "./journal.ts";
import {
  type AgentEvent,
  type AgentSnapshot,
  agentStateOf,
  canAgent,
  initialAgent,
  stepAgent,
} from "./machines/agent.ts";
import { handlerOf } from "./machine-handler.ts";
import { PartitionFeed } from "./partition-feed.ts";
import { systemTimers, type Timers } from "./timers.ts";

const ENDED_MAX = 20_000;
/** An assignment whose journal stops coming in is no longer vouched for after this time. */
const COLLECT_GRACE_MS = 3000;

/** Name of an inbox partition among what is out of reach. */
const inboxOf = (partition: number): string => `inbox ${partition}`;

/** Joins the agent's group and runs its chains until `stop`. Rejects when the log cannot be reached at the start. */
export async function runAgent(options: RunAgentOptions): Promise<AgentProcess> {
  const runner = new AgentRunner(options);
  await runner.start();
  return { state: () => runner.state(), stop: () => runner.stop() };
}

class AgentRunner {
  readonly #options: RunAgentOptions;
  readonly #prefix: string;
  readonly #timers: Timers;
  readonly #logger: Logger;
  /** Version that a record must name; empty: those that name none. */
  readonly #version: string;
  readonly #inboxTopic: string;
  readonly #group: string;
  readonly #hosts = new Map<string, ChainHost>();
  /** Chains that are over here, with their incarnation: late outcomes of theirs are no reason to ask. */
  readonly #ended = new Map<string, number>();
  readonly #feeds = new Map<number, PartitionFeed>();
  /** Waiting hosts whose assignment is committed, in the order of their coming. */
  readonly #startable = new Set<ChainHost>();
  readonly #commands: AgentCommands;
  readonly #directives: DirectiveWatch;
  readonly #requests: JournalRequests;
  readonly #commits: CommitGatherer;
  readonly #heartbeat: { stop(): Promise<void> };
  #machine: AgentSnapshot = initialAgent();
  #membership: Membership | null = null;
  #running = 0;
  /** What of the log is out of reach now: the group, writing, inbox partitions. Each is told back by its own. */
  readonly #away = new Set<string>();

  constructor(options: RunAgentOptions) {
    this.#options = options;
    this.#prefix = options.prefix ?? "busbar";
    this.#timers = options.timers ?? systemTimers;
    this.#logger = (options.logger ?? SILENT_LOGGER).child({ agent: options.agent.name });
    this.#inboxTopic = `${this.#prefix}.inbox.${options.agent.name}`;
    this.#version = options.deployed === true ? options.agent.version : "";
    // Each version has its own place in the inbox, so that the versions of an agent run side by side.
    this.#group = agentGroup(this.#prefix, options.agent.name, this.#version);
    this.#commands = new AgentCommands({ ...options, prefix: this.#prefix, timers: this.#timers });
    this.#commits = createCommitGatherer(async (positions) => this.#membership?.commit(this.#inboxTopic, positions));
    this.#requests = new JournalRequests({
      timers: this.#timers,
      pauseMs: options.answerTimeoutMs ?? 3000,
      send: (partition, chainId, incarnation, reason) =>
        this.#commands.requestJournal(partition, chainId, incarnation, reason),
    });
    this.#directives = new DirectiveWatch({
      ...options,
      topic: `${this.#prefix}.directives`,
      logger: this.#logger,
      onFences: (standing, lifted) => this.#onFences(standing, lifted),
    });
    this.#heartbeat = createHeartbeat({
      ...options,
      prefix: this.#prefix,
      timers: this.#timers,
      logger: this.#logger,
      version: this.#version,
      everyMs: options.heartbeatMs ?? 500,
      sign: () => this.#signOfLife(),
      onBeat: () => {
        for (const feed of this.#feeds.values()) feed.tick();
      },
      // An agent with nothing to say would hear from nothing else that it could.
      onSent: () => this.#onReach("writing", true),
    });
  }

  async start(): Promise<void> {
    await this.#directives.start();
    this.#membership = await this.#options.log.join({
      group: this.#group,
      topics: [this.#inboxTopic],
      // A process keeps what it runs when others come and go; a new one takes over what is above a fair share.
      owned: () => [...this.#feeds.keys()].map((partition) => ({ partition, epoch: 1n })),
      assignment: "balanced",
      onAssignment: (partitions) => {
        this.#hold(partitions);
        this.#onReach("group", true);
      },
      onLost: (reason) => {
        this.#logger.warn({ reason }, "the agent's group is lost");
        this.#onReach("group", false);
        this.#hold([]);
      },
    });
  }

  state(): AgentProcessState {
    const chains = [...this.#hosts.values()].map(({ chainId, incarnation, phase }) => ({
      chainId,
      incarnation,
      phase,
    }));
    return {
      state: agentStateOf(this.#machine),
      partitions: [...this.#feeds.keys()].toSorted((a, b) => a - b),
      chains,
    };
  }

  async stop(): Promise<void> {
    this.#step({ type: "stop" });
    this.#requests.stop();
    for (const host of this.#hosts.values()) host.stop("the agent process stops");
    await Promise.all([...this.#feeds.values()].map((feed) => feed.stop()));
    await this.#directives.stop();
    await this.#membership?.leave();
    await this.#heartbeat.stop();
  }

  get #obeysHalts(): boolean {
    return this.#options.obeysHalts ?? true;
  }

  get #mayStart(): boolean {
    return canAgent(this.#machine, { type: "chain.started" });
  }

  /** A4. Illegal events change nothing. */
  #step(event: AgentEvent): void {
    const before = this.#mayStart;
    this.#machine = stepAgent(this.#machine, event);
    if (!before && this.#mayStart) this.#startWaiting();
  }

  #signOfLife() {
    const now = this.#timers.now();
    const alive = [...this.#hosts.values()].filter((host) => host.isAlive(now, COLLECT_GRACE_MS));
    const isStopped = agentStateOf(this.#machine) === "stopped";
    const chains = isStopped ? [] : alive.map(({ chainId, incarnation }) => ({ chainId, incarnation }));
    return { state: agentStateOf(this.#machine), chains };
  }

  #hold(partitions: readonly number[]): void {
    if (agentStateOf(this.#machine) === "stopped") return;
    for (const [partition, feed] of this.#feeds) {
      if (partitions.includes(partition)) continue;
      this.#feeds.delete(partition);
      void feed.stop();
      for (const host of this.#hosts.values()) if (host.partition === partition) this.#drop(host);
      // What is another process's is no longer missed here.
      this.#onReach(inboxOf(partition), true);
    }
    for (const partition of partitions) if (!this.#feeds.has(partition)) this.#openFeed(partition);
  }

  #onReach(what: string, isReachable: boolean): void {
    if (!isReachable) {
      this.#away.add(what);
      this.#step({ type: "log.lost" });
    } else if (this.#away.delete(what) && this.#away.size === 0) {
      this.#step({ type: "log.back" });
    }
  }

  /** Another process has the chain's partition now; its outcomes concern us no more, not even as an ended chain. */
  #drop(host: ChainHost): void {
    host.stop("the inbox partition is lost");
    this.#hosts.delete(host.chainId);
    this.#ended.delete(host.chainId);
  }

  #openFeed(partition: number): void {
    const feed = new PartitionFeed({
      log: this.#options.log,
      logger: this.#logger,
      group: this.#group,
      topic: this.#inboxTopic,
      partition,
      concerns: (record) => this.#concerns(record),
      onRecord: (record, content) => this.#onRecord(record, content),
      fetchContent: (record) => this.#fetchContent(record),
      onCommitted: () => {
        this.#startWaiting();
      },
      commit: (position) => this.#commits.commit(partition, position),
      onReach: (isReachable) => this.#onReach(inboxOf(partition), isReachable),
    });
    this.#feeds.set(partition, feed);
    const start = (): void => {
      feed.start().catch((error: unknown) => {
        if (this.#feeds.get(partition) !== feed) return;
        this.#logger.warn({ partition, reason: reasonOf(error) }, "the inbox position could not be read; trying again");
        this.#timers.after(1000, start);
      });
    };
    start();
  }

  /** When a chain became ready by it: what lets it start. */
  #onRecord(record: StoredRecord, content?: string): (() => void) | null {
    const inbox = this.#readRecord(record, content);
    if (inbox === null) return null;
    const { chainId } = inbox.event.meta;
    const host = this.#hosts.get(chainId) ?? this.#newHost(record.partition, inbox);
    if (host !== null) {
      if (host.accept(inbox) !== "ready") return null;
      this.#requests.answered(chainId);
      const { incarnation } = host;
      return () => {
        if (host.phase === "waiting" && host.incarnation === incarnation) this.#startable.add(host);
      };
    }
    if (inbox.event.type === "CommandRejected" && inbox.event.commandType === "RequestJournal")
      this.#requests.answered(chainId);
    const isOrphan =
      inbox.journal === null && answerOf(inbox) !== null && this.#isUnknown(chainId, inbox.event.meta.incarnation);
    if (isOrphan)
      this.#requests.ask(
        record.partition,
        chainId,
        inbox.event.meta.incarnation,
        "an outcome came for a chain that does not run here",
      );
    return null;
  }

  /** A5. A notice to a chain that the door no longer knows names no version: it concerns whoever still runs it. */
  #concerns({ headers, key }: StoredRecord): boolean {
    const version = headers[HEADER.version] ?? "";
    return version === this.#version || (version === "" && key !== null && this.#hosts.has(key));
  }

  /** Not one that ended here in this incarnation. */
  #isUnknown(chainId: string, incarnation: number): boolean {
    const ended = this.#ended.get(chainId);
    return ended === undefined || ended < incarnation;
  }

  async #fetchContent(record: StoredRecord): Promise<string> {
    const decoded = this.#options.codec.decode(record.value, "event");
    if (!decoded.ok || decoded.message.meta.claimCheck === null) return "null";
    const { claimCheck } = decoded.message.meta;
    // Arguments are compared by their digest; nobody here needs to see them again.
    if (claimCheck.field === "args") return "";
    const place = { topic: `${this.#prefix}.blobs`, partition: record.partition };
    return readBlob(this.#options.log, place, claimCheck, CONTENT_MAX_BYTES);
  }

  #readRecord(record: StoredRecord, content?: string): InboxRecord | null {
    const { headers, topic, partition, offset } = record;
    const source = headers[HEADER.source] ?? "";
    const position = parseEventId(source);
    const decoded = this.#options.codec.decode(record.value, "event");
    if (position === null || !decoded.ok) {
      const reason = decoded.ok ? `source "${source}" is no event id` : decoded.reason;
      this.#logger.warn({ topic, partition, offset: String(offset), reason }, "an inbox record cannot be read");
      return null;
    }
    const journal = headers[HEADER.journal];
    return {
      source,
      offset: position.offset,
      event: content === undefined ? decoded.message : withContent(decoded.message, content),
      journal: journal === undefined ? null : Number(journal),
      journalCount: Number(headers[HEADER.journalCount] ?? "1"),
    };
  }

  /** A host for a chain that is being assigned; null for other records and for assignments that are over here. */
  #newHost(partition: number, inbox: InboxRecord): ChainHost | null {
    const { event, journal } = inbox;
    const incarnation = journal ?? (event.type === "TaskAssigned" ? event.incarnation : 0);
    const { chainId } = event.meta;
    if (incarnation <= (this.#ended.get(chainId) ?? 0)) return null;
    const { agent, answerTimeoutMs, stallMs } = this.#options;
    const host = new ChainHost({
      chainId,
      partition,
      agent: agent.name,
      handler: handlerOf(agent),
      timers: this.#timers,
      logger: this.#logger,
      answerTimeoutMs: answerTimeoutMs ?? 3000,
      stallMs: stallMs ?? 10_000,
      obeysHalts: this.#obeysHalts,
      commands: this.#commands,
      onPublished: (isTaken) => {
        this.#onReach("writing", isTaken);
      },
      onPhase: (changed, before) => {
        this.#onPhase(changed, before);
      },
      requestJournal: (changed, reason) => {
        this.#requests.ask(changed.partition, changed.chainId, changed.incarnation, reason);
      },
    });
    this.#hosts.set(chainId, host);
    return host;
  }

  #onPhase(host: ChainHost, before: HostPhase): void {
    if (host.phase === "running") this.#running += 1;
    if (before === "running") {
      this.#running -= 1;
      this.#step({ type: "chain.ended" });
    }
    if (host.phase === "ended" && this.#hosts.get(host.chainId) === host) {
      this.#hosts.delete(host.chainId);
      this.#remember(host);
    }
    if (before === "waiting") this.#startable.delete(host);
    if (before === "running") this.#startWaiting();
  }

  #remember(host: ChainHost): void {
    this.#ended.delete(host.chainId);
    this.#ended.set(host.chainId, host.incarnation);
    const oldest = this.#ended.keys().next().value;
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }

  /** Starts what waits, as far as machine, slots and fences allow. */
  #startWaiting(): void {
    for (const host of this.#startable) {
      if (this.#running >= (this.#options.maxChains ?? 64) || !this.#mayStart) return;
      const isFenced = this.#obeysHalts && this.#directives.covering(this.#options.agent.name, host.lineage) !== null;
      if (isFenced) continue;
      this.#startable.delete(host);
      this.#step({ type: "chain.started" });
      host.start();
    }
  }

  /** A halt covers something, or one was lifted. */
  #onFences(standing: readonly Fence[], lifted: Fence | null): void {
    if (!this.#obeysHalts) return;
    const { name } = this.#options.agent;
    if (lifted !== null) this.#step({ type: "resume", scope: lifted.scope, fence: lifted.fence });
    for (const { scope, fence } of standing) {
      if (scope === "fleet" || scope === `agent:${name}`) this.#step({ type: "halt", scope, fence });
    }
    for (const host of this.#hosts.values()) {
      const fence = host.phase === "running" ? this.#directives.covering(name, host.lineage) : null;
      if (fence !== null)
        host.halt("BUSBAR_HALT_ACTIVE", `${fence.scope} is halted (fence ${fence.fence}): ${fence.reason}`);
    }
    this.#startWaiting();
  }
}
