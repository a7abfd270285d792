/** Work that waits, by name, when a test says so. */
export class Hold {
  readonly #held = new Set<string>();
  #waiting: (() => void)[] = [];

  hold(name: string): void {
    this.#held.add(name);
  }

  /** At once, unless one of the names is held. */
  async pass(names: readonly string[]): Promise<void> {
    if (names.some((name) => this.#held.has(name))) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  waiting(): number {
    return this.#waiting.length;
  }

  /** Lets everything through again. */
  release(): void {
    this.#held.clear();
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }
}
