/**
 * Faults of the log, injected at the port, so that every adapter and everything above it meets them the same way:
 * an answer that is lost, a record that lands late, a second claimant.
 *
 * After an injected `unknown` the appender is dead, as the port's L2 says.
 */
import { claimHeaders } from "@busbar/events";
import {
  type Appender,
  type AppendOutcome,
  type EventLog,
  forwardingLog,
  type NewRecord,
  type Publication,
} from "@busbar/log";

export interface LogFaults {
  /** The next append to the partition is written; its author hears `unknown`. */
  loseAnswer(topic: string, partition: number): void;
  /** The next append to the partition is held back; its author hears `unknown`. */
  holdBack(topic: string, partition: number): void;
  /** Writes what was held back, now, by another producer: the late records of the partition. */
  land(topic: string, partition: number): Promise<AppendOutcome>;
  /** Another owner's claim, appended now. */
  claim(
    topic: string,
    partition: number,
    claim: { readonly owner: string; readonly nonce: string },
  ): Promise<AppendOutcome>;
  /** Anyone's records, appended now. */
  intrude(topic: string, partition: number, records: readonly NewRecord[]): Promise<AppendOutcome>;
  /** The next call of `publish` is written; all its outcomes are `unknown`. */
  losePublishAnswer(): void;
}

type Fault = "lose-answer" | "hold-back";

/** The log with faults that come when asked for; everything else passes through. */
export function withFaults(log: EventLog): { readonly log: EventLog; readonly faults: LogFaults } {
  const injector = new Injector(log);
  const faulty: EventLog = {
    ...forwardingLog(log),
    openAppender: async (topic, partition) =>
      new FaultyAppender(await log.openAppender(topic, partition), injector, nameOf(topic, partition)),
    publish: (publications) => injector.publish(publications),
  };
  return { log: faulty, faults: injector };
}

class Injector implements LogFaults {
  readonly #log: EventLog;
  readonly #armed = new Map<string, Fault>();
  readonly #heldBack = new Map<string, readonly NewRecord[]>();
  #losePublish = false;

  constructor(log: EventLog) {
    this.#log = log;
  }

  loseAnswer(topic: string, partition: number): void {
    this.#armed.set(nameOf(topic, partition), "lose-answer");
  }

  holdBack(topic: string, partition: number): void {
    this.#armed.set(nameOf(topic, partition), "hold-back");
  }

  losePublishAnswer(): void {
    this.#losePublish = true;
  }

  async land(topic: string, partition: number): Promise<AppendOutcome> {
    const name = nameOf(topic, partition);
    const records = this.#heldBack.get(name);
    if (records === undefined) throw new Error(`nothing is held back for ${name}`);
    this.#heldBack.delete(name);
    return this.intrude(topic, partition, records);
  }

  claim(topic: string, partition: number, claim: { owner: string; nonce: string }): Promise<AppendOutcome> {
    const value = new Uint8Array([0]);
    return this.intrude(topic, partition, [{ key: claim.owner, value, headers: claimHeaders(claim) }]);
  }

  async intrude(topic: string, partition: number, records: readonly NewRecord[]): Promise<AppendOutcome> {
    const appender = await this.#log.openAppender(topic, partition);
    const outcome = await appender.append(records);
    await appender.close();
    return outcome;
  }

  async publish(publications: readonly Publication[]): Promise<readonly AppendOutcome[]> {
    const lose = this.#losePublish;
    this.#losePublish = false;
    const outcomes = await this.#log.publish(publications);
    return lose ? outcomes.map(() => lost("the answer was lost")) : outcomes;
  }

  /** The fault armed for the partition, disarmed. */
  take(name: string): Fault | undefined {
    const fault = this.#armed.get(name);
    this.#armed.delete(name);
    return fault;
  }

  keep(name: string, records: readonly NewRecord[]): void {
    this.#heldBack.set(name, records);
  }
}

class FaultyAppender implements Appender {
  readonly #appender: Appender;
  readonly #injector: Injector;
  readonly #name: string;
  #dead: AppendOutcome | null = null;

  constructor(appender: Appender, injector: Injector, name: string) {
    this.#appender = appender;
    this.#injector = injector;
    this.#name = name;
  }

  get maxBatchBytes(): number {
    return this.#appender.maxBatchBytes;
  }

  async append(records: readonly NewRecord[]): Promise<AppendOutcome> {
    if (this.#dead !== null) return this.#dead;
    const fault = this.#injector.take(this.#name);
    if (fault === undefined) return this.#appender.append(records);
    this.#dead = lost(fault === "hold-back" ? "the request was held back" : "the answer was lost");
    if (fault === "hold-back") this.#injector.keep(this.#name, records);
    else await this.#appender.append(records);
    await this.#appender.close();
    return this.#dead;
  }

  close(): Promise<void> {
    return this.#appender.close();
  }
}

function lost(reason: string): AppendOutcome {
  return { kind: "unknown", cause: new Error(`injected: ${reason}`) };
}

function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
