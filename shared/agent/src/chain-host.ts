/**
 * One chain in an agent process: its inbox, its current run and the commands of that run.
 *
 * H1 A new assignment replaces the run of the older one; what the older run still does reaches nobody.
 * H2 A run that has sent CompleteTask or FailTask stays until the log shows the end, so that the command can be re-sent.
 * H3 Answers are handed on in log order; one that comes out of order stops the run and asks for the journal.
 */
import type { BusEvent, MessageOf } from "@busbar/events";
import type { Logger } from "@busbar/telemetry";
import type { AgentCommands } from "./agent-commands.ts";
import { ChainInbox, type InboxRecord, type InboxStep } from "./chain-inbox.ts";
import { ChainRun } from "./chain-run.ts";
import type { RunEnd } from "./run-end.ts";
import { CommandSender } from "./command-sender.ts";
import type { AgentHandler } from "./define-agent.ts";
import { answerOf, foldJournal, type SourcedEvent, stepOfCallId } from "./journal.ts";
import type { RunCommand } from "./run-context.ts";
import type { Timers } from "./timers.ts";

/**
 * `collecting`: the assignment is incomplete. `waiting`: it may start. `running`. `closing`: the handler has ended, the
 * log does not show it yet. `halted`: only asides pass. `ended`: nothing more is expected of this process.
 */
export type HostPhase = "collecting" | "waiting" | "running" | "closing" | "halted" | "ended";

export interface HostOptions {
  readonly chainId: string;
  readonly partition: number;
  readonly agent: string;
  readonly handler: AgentHandler;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly answerTimeoutMs: number;
  readonly stallMs: number;
  readonly obeysHalts: boolean;
  readonly commands: AgentCommands;
  onPublished(isTaken: boolean): void;
  /** The phase changed: slots and signs of life follow from it. */
  onPhase(host: ChainHost, before: HostPhase): void;
  requestJournal(host: ChainHost, reason: string): void;
}

export class ChainHost {
  readonly #options: HostOptions;
  readonly #inbox = new ChainInbox();
  #run: ChainRun | null = null;
  #sender: CommandSender | null = null;
  #phase: HostPhase = "collecting";
  #incarnation = 0;
  #lineage: readonly string[] = [];
  #lastSource = "";
  #lastAnswer = -1n;
  #touchedAtMs: number;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#touchedAtMs = options.timers.now();
  }

  get chainId(): string {
    return this.#options.chainId;
  }

  get partition(): number {
    return this.#options.partition;
  }

  get phase(): HostPhase {
    return this.#phase;
  }

  /** Of the current run, or of the assignment that is being collected. */
  get incarnation(): number {
    return Math.max(this.#incarnation, this.#inbox.incarnation);
  }

  /** Root to self. */
  get lineage(): readonly string[] {
    return this.#lineage.length > 0 ? this.#lineage : [this.chainId];
  }

  /** Whether a heartbeat vouches for it: it works, or something arrived for it within `graceMs`. */
  isAlive(nowMs: number, graceMs: number): boolean {
    if (this.#phase === "collecting") return nowMs - this.#touchedAtMs < graceMs;
    return this.#phase === "waiting" || this.#phase === "running" || this.#phase === "closing";
  }

  accept(record: InboxRecord): InboxStep {
    const step = this.#inbox.accept(record);
    if (step === "ignored") return step;
    this.#touchedAtMs = this.#options.timers.now();
    this.#lastSource = record.source;
    this.#lineage = record.event.meta.lineage;
    if (step === "ready") this.#prepare();
    else if (step === "collecting") this.#leaveOlderRun();
    else this.#receive(record);
    return step;
  }

  /** Starts the run of the assignment that was announced as ready. */
  start(): void {
    if (this.#phase !== "waiting") return;
    const journal = foldJournal(this.#inbox.take());
    const { submitted } = journal;
    if (submitted === null) {
      this.#options.logger.error({ chainId: this.chainId }, "the journal holds no submission: the chain cannot run");
      this.#enter("ended");
      return;
    }
    this.#lastAnswer = journal.answers.at(-1)?.offset ?? -1n;
    this.#sender = this.#createSender(submitted);
    const { agent, handler, timers, stallMs, obeysHalts } = this.#options;
    const base = { agent, handler, timers, stallMs, obeysHalts, incarnation: this.#incarnation };
    const sender = this.#sender;
    const ways = { send: (command: RunCommand) => sender.send(command), skip: () => sender.skip() };
    const run = new ChainRun({ ...base, journal: { ...journal, submitted }, ...ways });
    this.#run = run;
    this.#enter("running");
    void run.ended.then((end) => {
      if (this.#run === run) this.#onEnd(end);
    });
    run.start();
  }

  /** A halt covers the chain. */
  halt(code: string, reason: string): void {
    if (this.#options.obeysHalts) this.#run?.halt(code, reason);
  }

  /** Nothing of this chain is done in this process any more. */
  stop(reason: string): void {
    this.#run?.stop(reason);
    this.#sender?.stop();
    this.#enter("ended");
  }

  #leaveOlderRun(): void {
    this.#run?.stop("the chain was assigned again");
    this.#sender?.stop();
    this.#run = null;
    this.#sender = null;
    this.#enter("collecting");
  }

  #prepare(): void {
    this.#leaveOlderRun();
    this.#incarnation = this.#inbox.incarnation;
    this.#enter("waiting");
  }

  #createSender(submitted: MessageOf<"TaskSubmitted">): CommandSender {
    const { chainId, partition, timers, answerTimeoutMs } = this.#options;
    const { lineage, traceparent } = submitted.meta;
    const incarnation = this.#incarnation;
    return new CommandSender({
      incarnation,
      timers,
      answerTimeoutMs,
      encode: (command, sequence, aside) => {
        const context = { chainId, partition, incarnation, lineage, traceparent, causationId: this.#lastSource };
        return this.#options.commands.encode(command, sequence, context, aside);
      },
      putAside: (text) => this.#options.commands.putAside(partition, text),
      publish: (records) => this.#options.commands.publish(partition, records),
      onRejected: (code, reason) => {
        if (this.#incarnation === incarnation) this.#onRejected(code, reason);
      },
      onPublished: (isTaken) => {
        this.#options.onPublished(isTaken);
      },
    });
  }

  #receive(sourced: SourcedEvent): void {
    const { event } = sourced;
    const run = this.#run;
    if (run === null || this.#phase === "ended") return;
    if (event.meta.incarnation > this.#incarnation) return this.stop("a newer incarnation runs the chain");
    this.#sender?.observe(event, "callId" in event && event.callId !== "" ? stepOfCallId(event.callId) : null);
    if (this.#endsBy(event)) return;
    if (answerOf(sourced) === null) return;
    if (sourced.offset < this.#lastAnswer) {
      this.#options.requestJournal(this, `answer ${sourced.source} came out of order`);
      return this.stop("answers came out of order");
    }
    this.#lastAnswer = sourced.offset;
    run.receive(sourced);
  }

  #endsBy(event: BusEvent): boolean {
    switch (event.type) {
      case "TaskCompleted":
      case "TaskFailed":
        this.stop(event.type);
        return true;
      case "Diverged":
        this.#options.logger.error(
          { chainId: this.chainId, step: event.step, expected: event.expected, actual: event.actual },
          "the chain diverged from its record",
        );
        this.stop("diverged");
        return true;
      case "ChainHalted":
        this.halt("BUSBAR_CHAIN_HALTED", event.reason);
        return true;
      default:
        return false;
    }
  }

  #onEnd(end: RunEnd): void {
    switch (end.kind) {
      case "completed":
      case "failed":
        return this.#enter("closing");
      case "diverged":
        this.#options.logger.error(
          { chainId: this.chainId, step: end.step, expected: end.expected, actual: end.actual },
          "the re-run differs from the record",
        );
        return this.#enter("closing");
      case "halted":
        return this.#enter("halted");
      case "stopped":
        return this.#enter("ended");
    }
  }

  #onRejected(code: string, reason: string): void {
    if (code === "BUSBAR_CHAIN_HALTED" || code === "BUSBAR_HALT_ACTIVE") {
      this.#run?.halt(code, reason);
      this.#enter("halted");
      return;
    }
    // An old incarnation ends silently: another process has the chain, and nothing is wrong.
    const log = code === "BUSBAR_INCARNATION_OLD" ? "debug" : "warn";
    this.#options.logger[log]({ chainId: this.chainId, code, reason }, "the door rejected a command of this run");
    this.stop(reason);
  }

  #enter(phase: HostPhase): void {
    const before = this.#phase;
    if (before === phase) return;
    this.#phase = phase;
    this.#options.onPhase(this, before);
  }
}
