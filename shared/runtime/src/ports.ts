/** What the runtime needs from outside, each as small as it can be. */
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { ModelRun as ModelRunOf, Toolbox as ToolboxOf, ToolRun as ToolRunOf } from "@busbar/policy";

export interface Clock {
  /** Wall clock, ms since the epoch. */
  nowMs(): number;
  /** Never goes back, ms from an arbitrary start. */
  monotonicMs(): number;
}

export const SYSTEM_CLOCK: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/** What makes a process act besides the log. A process has the system's; a simulation holds them in its hands. */
export interface Timers {
  /** Calls once after `delayMs`; the answer cancels. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls again and again, `periodMs` apart; the answer ends it. */
  every(periodMs: number, run: () => void): () => void;
  /** Calls in a later turn of the event loop, when all promise reactions of this one have run. */
  turn(run: () => void): void;
}

/** What waits keeps the process alive. */
export const SYSTEM_TIMERS: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    return () => clearInterval(timer);
  },
  turn: (run) => {
    setImmediate(run);
  },
};

/** Resolves after so many ms. */
export function pause(timers: Pick<Timers, "after">, delayMs: number): Promise<void> {
  return new Promise((resolve) => void timers.after(delayMs, resolve));
}

/** What would hold up the event loop. A process has a thread for it; a simulation does it at once, in its own time. */
export interface Compression {
  compress(text: string): Promise<Uint8Array>;
  /** Rejects what is no compressed text, or would be larger than `maxBytes`. */
  expand(bytes: Uint8Array, maxBytes: number): Promise<string>;
}

const deflate = promisify(gzip);
const inflate = promisify(gunzip);

export const SYSTEM_COMPRESSION: Compression = {
  compress: (text) => deflate(text, { level: 1 }),
  expand: async (bytes, maxBytes) => (await inflate(bytes, { maxOutputLength: maxBytes })).toString("utf8"),
};

export interface Chance {
  /** [0, 1). */
  random(): number;
  /** Never the same twice, in whatever process: it names a claim. */
  nonce(): string;
}

export const SYSTEM_CHANCE: Chance = {
  random: () => Math.random(),
  nonce: () => randomBytes(9).toString("base64url"),
};

export type { ModelAnswer, ToolAnswer } from "@busbar/policy";
export type ToolRun = ToolRunOf<AbortSignal>;
export type ModelRun = ModelRunOf<AbortSignal>;
/** The tools and models of this gateway: the only place with credentials. */
export type Toolbox = ToolboxOf<AbortSignal>;

/** Who may speak: HMAC keys of agents and gateway, public keys of those who give orders. */
export interface Keyring {
  /**
   * HMAC keys that are accepted of a principal (`agent:<name>`, `client:<name>`, `gateway`), the newest first: several
   * while a key is being replaced. Empty: unknown, so nothing of it is accepted.
   */
  commandKeys(principal: string): readonly Uint8Array[];
  /** Whether the Ed25519 signature of an order is that of its principal; `offset`: where it stands in the directives. */
  isOrderSigned(
    order: {
      readonly topic: string;
      readonly principal: string;
      readonly value: Uint8Array;
      readonly offset?: bigint;
    },
    sig: string,
  ): boolean;
  /** Signs an order of this process. */
  signOrder(order: { readonly topic: string; readonly principal: string; readonly value: Uint8Array }): string;
}
