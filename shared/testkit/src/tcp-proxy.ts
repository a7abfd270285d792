/**
 * A loopback TCP proxy that does to a connection what networks do: delays it, holds back or loses one direction, cuts
 * it. It knows no protocol; a test may pick chunks by their bytes.
 *
 * What is held for the server still reaches it after the client has gone: that is how a record lands late.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type Direction = "to-server" | "to-client";

export interface TcpProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** Picks chunks; all when not given. */
export type ChunkFilter = (chunk: Buffer) => boolean;

interface Held {
  readonly to: Socket;
  readonly chunk: Buffer;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** What the client sent last. */
  request: Buffer;
  /** Per direction, the end of what is still delayed: a later chunk never overtakes an earlier one. */
  readonly delayed: Map<Direction, Promise<void>>;
}

const ALL: ChunkFilter = () => true;

export class TcpProxy {
  readonly #target: TcpProxyTarget;
  readonly #pairs = new Set<Pair>();
  readonly #stalled = new WeakSet<Pair>();
  readonly #holding = new Map<Direction, ChunkFilter>();
  readonly #dropping = new Map<Direction, ChunkFilter>();
  readonly #held: Held[] = [];
  readonly #listener = createServer((client) => this.#accept(client));
  #delayMs = 0;
  #refusing = false;
  #cutOn: { readonly direction: Direction; readonly when: ChunkFilter } | null = null;
  #cuts = 0;

  private constructor(target: TcpProxyTarget) {
    this.#target = target;
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(target: TcpProxyTarget): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#listener.once("error", reject);
      proxy.#listener.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: (this.#listener.address() as AddressInfo).port };
  }

  /** Chunks held back now. */
  get held(): number {
    return this.#held.length;
  }

  /** How often `cutOnNext` has cut. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Each chunk of both directions comes later by this, ms. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  hold(direction: Direction, when: ChunkFilter = ALL): void {
    this.#holding.set(direction, when);
  }

  /** Holds back no more; what was held stays held. */
  stopHolding(): void {
    this.#holding.clear();
  }

  /** Holds no more; what was held goes on in its order, or is lost. */
  release(fate: "deliver" | "lose" = "deliver"): void {
    this.#holding.clear();
    for (const { to, chunk } of this.#held.splice(0)) if (fate === "deliver" && !to.destroyed) to.write(chunk);
  }

  /** Chunks vanish, the connection stays. */
  drop(direction: Direction, when: ChunkFilter = ALL): void {
    this.#dropping.set(direction, when);
  }

  stopDropping(): void {
    this.#dropping.clear();
  }

  /** Instead of passing on the next such chunk, cuts its connection: an answer lost with its connection. */
  cutOnNext(direction: Direction, when: ChunkFilter = ALL): void {
    this.#cutOn = { direction, when };
  }

  /**
   * Connections that are open now pass nothing any more, and nobody is told; new ones work.
   * `whose`: by what the client sent last.
   */
  stall(whose: ChunkFilter = ALL): void {
    for (const pair of this.#pairs) if (whose(pair.request)) this.#stalled.add(pair);
  }

  /** Ends all connections. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  /** New connections are ended at once while it is on. */
  refuse(on: boolean): void {
    this.#refusing = on;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #accept(client: Socket): void {
    client.on("error", () => client.destroy());
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const server = connect(this.#target);
    const pair: Pair = { client, server, request: Buffer.alloc(0), delayed: new Map() };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    server.on("error", () => client.destroy());
    client.on("data", (chunk: Buffer) => {
      pair.request = chunk;
      this.#pass("to-server", pair, chunk);
    });
    server.on("data", (chunk: Buffer) => this.#pass("to-client", pair, chunk));
    server.on("close", () => {
      client.destroy();
      this.#pairs.delete(pair);
    });
    client.on("close", () => {
      if (!this.#held.some(({ to }) => to === server)) server.destroy();
    });
  }

  #pass(direction: Direction, pair: Pair, chunk: Buffer): void {
    const to = direction === "to-server" ? pair.server : pair.client;
    if (this.#cutOn?.direction === direction && this.#cutOn.when(chunk)) {
      this.#cutOn = null;
      this.#cuts += 1;
      pair.client.destroy();
      pair.server.destroy();
    } else if (this.#stalled.has(pair) || this.#dropping.get(direction)?.(chunk) === true) {
      // Lost.
    } else if (this.#holding.get(direction)?.(chunk) === true) {
      this.#held.push({ to, chunk });
    } else {
      this.#forward(direction, pair, { to, chunk });
    }
  }

  #forward(direction: Direction, pair: Pair, { to, chunk }: Held): void {
    if (this.#delayMs === 0 && !pair.delayed.has(direction)) {
      if (!to.destroyed) to.write(chunk);
      return;
    }
    const ready = new Promise<void>((resolve) => setTimeout(resolve, this.#delayMs));
    const passed = Promise.all([pair.delayed.get(direction), ready]).then(() => {
      if (!to.destroyed) to.write(chunk);
      if (pair.delayed.get(direction) === passed) pair.delayed.delete(direction);
    });
    pair.delayed.set(direction, passed);
  }
}

/** A Kafka request that produces: after its length comes its api key. */
export const isProduceRequest: ChunkFilter = (chunk) => chunk.length > 20 && chunk.readInt16BE(4) === 0;

/** A Kafka request that fetches. */
export const isFetchRequest: ChunkFilter = (chunk) => chunk.length > 20 && chunk.readInt16BE(4) === 1;
