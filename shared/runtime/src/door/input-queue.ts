/**
 * What waits for the next turn of a partition, in three lanes (PROTOCOL 4.4, 4.5), of which each waits only for those
 * before it: what the owner found itself (directives, door, outcomes, timers), then what operators answered, then
 * commands. What came from a topic is taken in offset order, each record once: position `next` and no other (4.1).
 * What is too much of a topic is not taken, and the follower of that topic is paused, of no other.
 */
import { covers } from "@busbar/events";
import type { Input } from "@busbar/policy";

export interface InputQueue {
  push(input: Input): void;
  /** What is left of an input that was begun: decided before anything else. */
  unshift(rest: Input): void;
  shift(): Input | undefined;
  readonly length: number;
  /** Of one input topic. */
  waiting(source: "commands" | "control"): number;
  /** Of content that waits beside the records themselves (PROTOCOL 5.8). */
  readonly contentBytes: number;
  /** Whether a halt that waits here covers the effect: then it must not be started (PROTOCOL 5.3). */
  hasHaltAgainst(asked: {
    readonly agent: string;
    readonly tool: string;
    readonly lineage: readonly string[];
  }): boolean;
  /** Drops what came from the log and is undecided: its positions were not passed, so the next owner takes it. */
  dropFromLog(): void;
  clear(): void;
}

/** What came from an input topic, with its position. */
export const isFromLog = (input: Input): boolean => "source" in input;

const contentOf = (input: Input): number =>
  input.kind === "command" ? (input.command.meta.claimCheck?.bytes ?? 0) : 0;

/** First in, first out, without moving what stays. */
class Lane {
  #inputs: Input[] = [];
  #head = 0;

  /** Of content that is no part of the records. */
  contentBytes = 0;

  get length(): number {
    return this.#inputs.length - this.#head;
  }

  push(input: Input): void {
    this.#inputs.push(input);
    this.contentBytes += contentOf(input);
  }

  unshift(input: Input): void {
    this.contentBytes += contentOf(input);
    if (this.#head === 0) this.#inputs.unshift(input);
    else this.#inputs[(this.#head -= 1)] = input;
  }

  shift(): Input | undefined {
    const input = this.#inputs[this.#head];
    if (input === undefined) return undefined;
    this.contentBytes -= contentOf(input);
    this.#head += 1;
    if (this.#head > 512 && this.#head * 2 > this.#inputs.length) {
      this.#inputs = this.#inputs.slice(this.#head);
      this.#head = 0;
    }
    return input;
  }

  some(fits: (input: Input) => boolean): boolean {
    return this.#inputs.some((input, index) => index >= this.#head && fits(input));
  }

  clear(): void {
    this.#inputs = [];
    this.#head = 0;
    this.contentBytes = 0;
  }
}

export function createInputQueue(): InputQueue {
  const own = new Lane();
  const lanes = { control: new Lane(), commands: new Lane() };
  const laneOf = (input: Input): Lane => ("source" in input ? lanes[input.source] : own);
  const inOrder = [own, lanes.control, lanes.commands];
  return {
    push: (input) => laneOf(input).push(input),
    unshift: (rest) => laneOf(rest).unshift(rest),
    shift: () => inOrder.find((lane) => lane.length > 0)?.shift(),
    get length() {
      return inOrder.reduce((sum, lane) => sum + lane.length, 0);
    },
    waiting: (source) => lanes[source].length,
    get contentBytes() {
      return lanes.commands.contentBytes;
    },
    hasHaltAgainst: (asked) =>
      own.some(
        (input) =>
          input.kind === "directives" &&
          input.applied.some((applied) => applied.kind === "Halt" && covers(applied.scope, asked)),
      ),
    dropFromLog: () => {
      lanes.control.clear();
      lanes.commands.clear();
    },
    clear: () => {
      for (const lane of inOrder) lane.clear();
    },
  };
}
