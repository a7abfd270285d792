/** A first-in-first-out queue with a hard bound: `push` says no instead of growing. */
import { assert } from "./assert.ts";

export class BoundedQueue<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #head = 0;

  constructor(capacity: number) {
    assert(capacity > 0, "BoundedQueue: capacity must be positive");
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  get isFull(): boolean {
    return this.length >= this.#capacity;
  }

  /** False (and nothing kept) when the queue is full. */
  push(item: T): boolean {
    if (this.isFull) return false;
    this.#items.push(item);
    return true;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
