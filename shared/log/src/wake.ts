/** A bell: `ring` ends the present or the next `wait`. Rings are not counted. */
export class Wake {
  #rung = false;
  #resolve: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#resolve?.();
  }

  /** Resolves at the next ring, at once if one came since the last wait. */
  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#rung = false;
    this.#resolve = null;
  }
}

/** Doubles from `first` to `cap`, in ms. */
export class Backoff {
  readonly #first: number;
  readonly #cap: number;
  #next: number;

  constructor(first: number, cap: number) {
    this.#first = first;
    this.#cap = cap;
    this.#next = first;
  }

  next(): number {
    const now = this.#next;
    this.#next = Math.min(now * 2, this.#cap);
    return now;
  }

  reset(): void {
    this.#next = this.#first;
  }
}
