/** What the runtime needs from outside, each as small as it can be. */
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { ToolCallProblem } from "@busbar/events";
import type { Json } from "@busbar/kernel";

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

export interface ToolRun {
  readonly tool: string;
  readonly args: Json;
  /** The effect's idempotency key; empty for reads. */
  readonly key: string;
  readonly attempt: number;
  readonly atMs: number;
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  /** Aborts at the time-out; what was sent may still arrive. */
  readonly signal: AbortSignal;
}

export type ToolAnswer =
  | { readonly kind: "result"; readonly result: Json }
  /** It happened, and what came back is not what the tool promises; `result` is what there is of it. */
  | { readonly kind: "invalid"; readonly result: Json; readonly reason: string }
  /** `beforeEffect`: the tool says that nothing has happened. */
  | { readonly kind: "failed"; readonly reason: string; readonly beforeEffect: boolean }
  /** The answer was lost after the request had gone out. */
  | { readonly kind: "unknown"; readonly reason: string }
  /** Nothing has happened; it asks to be called later. */
  | { readonly kind: "throttled"; readonly reason: string; readonly retryAfterMs: number };

export interface ModelRun {
  readonly model: string;
  readonly request: Json;
  readonly callId: string;
  readonly chainId: string;
  readonly signal: AbortSignal;
}

export type ModelAnswer =
  | {
      readonly kind: "reply";
      readonly response: Json;
      readonly inputTokens: number;
      readonly outputTokens: number;
      /** The tokens were counted here, since the model told none. */
      readonly estimated: boolean;
      readonly finishReason: string;
      /** Tool calls in the answer that cannot be made. */
      readonly problems: readonly ToolCallProblem[];
    }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** Asking again may bring an answer. */
      readonly retryable: boolean;
      readonly inputTokens: number;
      readonly outputTokens: number;
    }
  | { readonly kind: "throttled"; readonly reason: string; readonly retryAfterMs: number };

/** The tools and models of this gateway: the only place with credentials. Never rejects. */
export interface Toolbox {
  runTool(run: ToolRun): Promise<ToolAnswer>;
  askModel(run: ModelRun): Promise<ModelAnswer>;
}

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
