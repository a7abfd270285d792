/**
 * Virtual time. One queue of scheduled events, one after the other; between two of them every promise reaction has
 * run. Whatever happens in a simulated bus is an event here: an answer of the log, a delivery, a timer, a tool's reply.
 *
 * S1 An event belongs to a node or to the world. A dead node's events are dropped, a frozen node's are held back and
 *    go on in their order when it thaws.
 * S2 Events at the same time run in the order in which they were scheduled. Nothing else decides an order, so a seed
 *    is one interleaving.
 */
import { type Dice, rollDice } from "../../harness/dice.ts";

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly node: Held | null;
  readonly what: string;
  run: (() => void) | null;
}

/** What the scheduler has to know of a node. */
export interface Held {
  readonly name: string;
  readonly state: "up" | "frozen" | "dead";
  /** Events that came due while the node was frozen. */
  readonly held: (() => void)[];
}

export interface TracedStep {
  readonly step: number;
  readonly atMs: number;
  readonly node: string;
  readonly what: string;
}

export class Scheduler {
  readonly dice: Dice;
  /** Virtual ms since the start. */
  nowMs = 0;
  /** Events run so far. */
  steps = 0;
  onStep: ((step: TracedStep) => void) | null = null;
  readonly #heap: Scheduled[] = [];
  #scheduled = 0;

  constructor(seed: number) {
    this.dice = rollDice(seed);
  }

  /** Runs `run` after so many virtual ms; the answer cancels. */
  schedule(delayMs: number, node: Held | null, what: string, run: () => void): () => void {
    this.#scheduled += 1;
    const event: Scheduled = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#scheduled, node, what, run };
    push(this.#heap, event);
    return () => {
      event.run = null;
    };
  }

  /** Runs events until it is over or none is left. Rejects with what an event threw. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const next = isOver() ? null : this.#next();
          if (next === null) return resolve();
          this.steps += 1;
          this.onStep?.({ step: this.steps, atMs: this.nowMs, node: next.node?.name ?? "world", what: next.what });
          next.run?.();
        } catch (thrown) {
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
          return;
        }
        // The only real turn of the event loop: it lets all promise reactions of this event run first.
        setImmediate(step);
      };
      setImmediate(step);
    });
  }

  /** The next event that runs; time has come to it. */
  #next(): Scheduled | null {
    for (;;) {
      const event = pop(this.#heap);
      if (event === null) return null;
      if (event.run === null || event.node?.state === "dead") continue;
      this.nowMs = event.atMs;
      if (event.node?.state !== "frozen") return event;
      const { node, what } = event;
      node.held.push(() => void this.schedule(0, node, what, () => event.run?.()));
    }
  }

  /** A fraction, [0, 1). */
  random(): number {
    return this.dice.below(2 ** 30) / 2 ** 30;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.dice.below(Math.max(1, list.length))];
    if (found === undefined) throw new Error("pick: the list is empty");
    return found;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.map(() => rest.splice(this.dice.below(rest.length), 1)[0] as T);
  }
}

const isBefore = (a: Scheduled, b: Scheduled): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Scheduled[], event: Scheduled): void {
  let at = heap.length;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || isBefore(parent, event)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = event;
}

function pop(heap: Scheduled[]): Scheduled | null {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined) return null;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let childAt = 2 * at + 1;
    let child = heap[childAt];
    const right = heap[childAt + 1];
    if (child !== undefined && right !== undefined && isBefore(right, child)) {
      childAt += 1;
      child = right;
    }
    if (child === undefined || isBefore(last, child)) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = last;
  return first;
}
