/** Speaks with the door of one partition: sends what may be bad or good, and reads what the log answers to it. */
import type { MessageOf } from "@busbar/events";
import type { StoredRecord } from "@busbar/log";
import { type Bus, keyIn } from "./bus.ts";
import { type Forged, sendCommands } from "./forge.ts";
import type { SeenEvent } from "./watch.ts";

export class DoorTalk {
  readonly #bus: Bus;
  readonly partition: number;
  #count = 0;

  constructor(bus: Bus, partition: number) {
    this.#bus = bus;
    this.partition = partition;
  }

  nextId(): number {
    this.#count += 1;
    return this.#count;
  }

  /** A task key that was not used before. */
  nextKey(): string {
    return keyIn(this.partition, this.#bus.partitions, `talk-${this.nextId()}`);
  }

  /** A good task: taken, run, its one booking and two notes done. Rejects where anything of that does not happen. */
  async goodTask(): Promise<void> {
    const { client } = this.#bus;
    const handle = await client.submit({ agent: "booker", input: { fails: [false] }, key: this.nextKey() });
    const { state, output } = await client.awaitOutcome(handle, { timeoutMs: 15_000 });
    const said = `${state} ${JSON.stringify(output)}`;
    if (said !== 'completed {"booked":1}') throw new Error(`the good task is ${said}`);
  }

  /** A chain of an agent that no process runs: a test speaks in its name, with its key or without. */
  async openChain(): Promise<string> {
    const input = { orderId: 1, rounds: 1 };
    const { chainId } = await this.#bus.client.submit({ agent: "courier", input, key: this.nextKey() });
    return chainId;
  }

  /** Types (and codes) of the events by which the door answers a command. */
  async answered(forged: Forged): Promise<readonly string[]> {
    const [offset = -1n] = await sendCommands(this.#bus, [forged]);
    return this.answersTo(this.#bus.topics.commands, forged.partition, offset);
  }

  /** What the door decides: a command that a shut door puts off is sent again, with the same bytes, once it is open. */
  async decided(send: () => Promise<readonly string[]>): Promise<readonly string[]> {
    for (let answers = await send(); ; answers = await send()) {
      if (!answers.some((answer) => /BUSBAR_DOOR_(CLOSED|DEGRADED)$/.test(answer))) return answers;
      // A busy machine may keep a supervisor silent beyond its bound; the door opens again by itself.
      await this.#bus.doorsOpen();
    }
  }

  /** The same for a record that is there already. */
  async answersTo(topic: string, partition: number, offset: bigint): Promise<readonly string[]> {
    const { watch } = this.#bus;
    const id = `${topic}/${partition}/${offset}`;
    const answers = () => watch.events.filter(({ event }) => event.meta.causationId === id);
    await watch.until(() => answers().length > 0, `the command at ${id} is answered`);
    return answers().map(({ event }) => ("code" in event ? `${event.type} ${event.code}` : event.type));
  }

  rejectionsOf(topic: string): readonly (SeenEvent & { readonly event: MessageOf<"CommandRejected"> })[] {
    return this.#bus.watch.ofType("CommandRejected").filter(({ event }) => event.topic === topic);
  }

  /** Resolves when the partition has applied the directives up to and including an offset. */
  async appliedThrough(offset: bigint, partitions: readonly number[] = [this.partition]): Promise<void> {
    const { watch } = this.#bus;
    const isThrough = (partition: number): boolean =>
      [...watch.ofType("DirectivesApplied"), ...watch.ofType("HaltAcknowledged")].some(
        (seen) => seen.partition === partition && BigInt(seen.event.through) > offset,
      );
    await watch.until(() => partitions.every(isThrough), `the directive at ${offset} is passed`);
  }

  async contents(topic: string, partition = this.partition): Promise<readonly StoredRecord[]> {
    const records: StoredRecord[] = [];
    for await (const delivery of this.#bus.log.read(topic, partition, { from: 0n })) records.push(...delivery.records);
    return records;
  }

  /** The dead letters about a topic: offset to code, kept bytes and reason. */
  async deadLettersOf(topic: string): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const { value } of await this.contents(this.#bus.topics.deadLetters)) {
      const decoded = this.#bus.codec.decode(value, "dead-letter");
      if (!decoded.ok || decoded.message.topic !== topic) continue;
      const { offset, code, bytes, reason } = decoded.message;
      found.set(offset, `${code} ${bytes.length} ${reason}`);
    }
    return found;
  }
}
