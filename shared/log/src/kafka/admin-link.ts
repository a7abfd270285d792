/**
 * kafkajs's admin client, asked one question at a time. A connection that hangs would make it useless for good, so after
 * anything but an answer of the broker the client is thrown away and the question asked once more through a new one.
 * A broker that says "not now" (a group's coordinator moves, a new topic has no leader yet) is asked again for a while.
 * Every question must therefore be one that may be repeated.
 */
import { setTimeout as pause } from "node:timers/promises";
import { busbarError, reasonOf } from "@busbar/kernel";
import { type Admin, Kafka } from "kafkajs";
import { clientConfig } from "./client-config.ts";
import type { KafkaSettings } from "./options.ts";
import { within } from "./producer.ts";
import { SocketSet } from "./sockets.ts";

interface AdminClient {
  readonly sockets: SocketSet;
  readonly admin: Promise<Admin>;
}

const ATTEMPTS = 2;
/** How long a broker that says "not now" is asked again, and how often, ms. */
const NOT_NOW_LIMIT_MS = 10_000;
const NOT_NOW_PAUSE_MS = 150;

export class AdminLink {
  readonly #settings: KafkaSettings;
  #client: AdminClient | null = null;
  #closed = false;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
  }

  /** Rejects with BUSBAR_LOG_UNAVAILABLE or BUSBAR_LOG_FORBIDDEN, whose cause is what the broker or the client said. */
  async ask<T>(call: (admin: Admin) => Promise<T>): Promise<T> {
    const untilMs = Date.now() + NOT_NOW_LIMIT_MS;
    for (;;) {
      try {
        return await this.#askOnce(call);
      } catch (cause) {
        if (!saysNotNow(cause) || Date.now() > untilMs || this.#closed) throw cause;
        await pause(NOT_NOW_PAUSE_MS);
      }
    }
  }

  async #askOnce<T>(call: (admin: Admin) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      this.#client ??= this.#open();
      const client = this.#client;
      try {
        const limitMs = this.#settings.requestTimeoutMs * 2;
        return await within(client.admin.then(call), limitMs, "the broker's answer");
      } catch (cause) {
        const answered = wasAnswered(cause);
        if (!answered) this.#drop(client);
        if (mentions(cause, /_AUTHORIZATION_FAILED$/)) {
          throw busbarError("BUSBAR_LOG_FORBIDDEN", { what: reasonOf(cause) }, cause);
        }
        if (answered || attempt === ATTEMPTS || this.#closed) {
          const said = answered ? null : client.sockets.lastFailure;
          const reason = said === null ? reasonOf(cause) : `${reasonOf(cause)}; the last connection: ${said}`;
          throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason }, cause);
        }
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#client?.sockets.destroyAll();
  }

  #open(): AdminClient {
    const sockets = new SocketSet(this.#settings.route);
    const admin = new Kafka(clientConfig(this.#settings, sockets)).admin();
    return { sockets, admin: admin.connect().then(() => admin) };
  }

  #drop(client: AdminClient): void {
    client.sockets.destroyAll();
    if (this.#client === client) this.#client = null;
  }
}

/** Whether the broker said no, rather than nothing. */
function wasAnswered(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error.name === "KafkaJSAggregateError" || ("type" in error && typeof error.type === "string")) return true;
  }
  return false;
}

const NOT_NOW =
  /^(NOT_COORDINATOR|GROUP_LOAD_IN_PROGRESS|GROUP_COORDINATOR_|LEADER_NOT_AVAILABLE|NOT_LEADER_|NOT_CONTROLLER)/;

/** Whether the broker will answer in a moment, because what it is asked about moves or has just been made. */
export const saysNotNow = (cause: unknown): boolean => mentions(cause, NOT_NOW);

/** Whether the broker said an error of this type; kafkajs wraps it, one or several deep. */
export function mentions(cause: unknown, type: RegExp): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ("type" in error && typeof error.type === "string" && type.test(error.type)) return true;
  }
  return false;
}
