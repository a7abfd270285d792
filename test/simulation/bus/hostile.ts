/**
 * An agent that means harm with what it has: its own key, the commands topic, and every command it ever sent. It does
 * not stop for halts, sends its commands again in any order, and forges sequences, incarnations and places.
 */
import { type BusCommand, HEADER } from "@busbar/events";
import { signCommand } from "@busbar/events/codec";
import type { EventLog, Publication } from "@busbar/log";
import { CODEC, TOPICS } from "./cluster.ts";
import { keyOf } from "./keys.ts";
import type { SimNode } from "./node.ts";

/** A small share of what it sends is sent again, changed or not; more would only be refused more often. */
const SHARE = 0.5;

export class Hostile {
  readonly #partitions: number;
  readonly #random: () => number;
  readonly #caught: Publication[] = [];

  constructor(partitions: number, random: () => number) {
    this.#partitions = partitions;
    this.#random = random;
  }

  /** The log of an agent in the hands of a hostile one. */
  wrap(node: SimNode, log: EventLog): EventLog {
    const publish: EventLog["publish"] = (publications) => {
      const commands = publications.filter(({ topic }) => topic === TOPICS.commands);
      this.#caught.push(...commands);
      if (commands.length > 0 && this.#random() < SHARE) this.#strike(node, log);
      return log.publish(publications);
    };
    return new Proxy(log, {
      get: (target, name) => {
        if (name === "publish") return publish;
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === "function" ? (found.bind(target) as unknown) : found;
      },
    });
  }

  #strike(node: SimNode, log: EventLog): void {
    const caught = this.#caught[Math.floor(this.#random() * this.#caught.length)];
    if (caught === undefined) return;
    const made = this.#changed(node, caught);
    node.after(this.#random() * 5000, () => void log.publish([made]));
  }

  #changed(node: SimNode, caught: Publication): Publication {
    const decoded = CODEC.decode(caught.record.value, "command");
    const luck = this.#random();
    if (luck < 0.35 || !decoded.ok) return caught;
    if (luck < 0.45) return { ...caught, partition: (caught.partition + 1) % this.#partitions };
    const { message } = decoded;
    const { streamSeq, incarnation } = message.meta;
    if (luck < 0.65)
      return this.#forged(node, caught, message, { streamSeq: streamSeq + 1 + Math.floor(this.#random() * 3) });
    if (luck < 0.8)
      return this.#forged(node, caught, message, { incarnation: incarnation + (this.#random() < 0.5 ? 1 : -1) });
    if (luck < 0.9) return { ...caught, record: { ...caught.record, value: caught.record.value.subarray(0, 9) } };
    return this.#forged(node, caught, message, { agent: "planner" });
  }

  #forged(node: SimNode, caught: Publication, message: BusCommand, change: object): Publication {
    const { partition } = caught;
    const meta = { ...message.meta, ...change };
    const { type, ...body } = { ...message, meta };
    const value = CODEC.encode(type, body as never);
    const { chainId, incarnation, streamSeq: sequence } = meta;
    const position = { topic: TOPICS.commands, partition, chainId, incarnation, sequence, value };
    const auth = signCommand(keyOf(`agent:${node.role}`), position);
    const headers = { ...caught.record.headers, [HEADER.auth]: auth };
    return { ...caught, record: { ...caught.record, value, headers } };
  }
}
