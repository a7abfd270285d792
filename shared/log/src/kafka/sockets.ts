/**
 * The sockets of one client, so that it can be thrown away at once.
 *
 * kafkajs's own disconnect waits for what is in flight and its retries go on meanwhile; after `destroyAll` nothing
 * of that client is sent any more, and no new connection opens (PROTOCOL 1.3: the producer is thrown away).
 */
import type { ISocketFactory } from "kafkajs";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { KafkaSettings } from "./options.ts";

const KEEP_ALIVE_MS = 60_000;
/** Bytes of the smallest answer of a broker: its length and a correlation id. */
const SMALLEST_ANSWER = 8;
/** Errors of our own making carry this text, so that the log does not warn of them. */
export const DROPPED = "dropped by busbar";

export class SocketSet {
  readonly #open = new Map<Socket, string>();
  readonly #route: KafkaSettings["route"];
  #dead = false;
  #lastFailure: string | null = null;

  constructor(route: KafkaSettings["route"]) {
    this.#route = route;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /**
   * How the last connection failed, as the socket said it; null while none did. kafkajs tries again until its time is
   * over and then tells of the time alone.
   */
  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#dead) throw new Error(DROPPED);
    const to = this.#route({ host, port });
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl ? connectTls({ ...to, ...name, ...ssl }, onConnect) : connectPlain(to, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    this.#open.set(socket, `${host}:${port}`);
    socket.once("error", ({ message }) => this.#failed(`${host}:${port}: ${message}`));
    socket.once("close", () => {
      this.#open.delete(socket);
      // A TLS port answers what it does not understand with an alert of a few bytes, and closes.
      const isMute = socket.bytesRead < SMALLEST_ANSWER;
      if (isMute && !ssl) this.#failed(`${host}:${port} closed it without an answer; does it speak TLS?`);
    });
    return socket;
  };

  #failed(said: string): void {
    if (!this.#dead && !said.endsWith(DROPPED)) this.#lastFailure = said;
  }

  /** Cuts the connections to one broker; they may be opened again. */
  destroyTo(address: string): void {
    for (const [socket, to] of this.#open) if (to === address) socket.destroy(new Error(DROPPED));
  }

  destroyAll(): void {
    this.#dead = true;
    for (const socket of this.#open.keys()) socket.destroy(new Error(DROPPED));
  }
}
