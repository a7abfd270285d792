/** What the runtime needs from outside, each as small as it can be. */
import type { Json } from "@busbar/kernel";

export interface Clock {
  /** Wall clock, ms since the epoch. */
  nowMs(): number;
  /** Never goes back, ms from an arbitrary start. */
  monotonicMs(): number;
}

export const SYSTEM_CLOCK: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

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
  /** `beforeEffect`: the tool says that nothing has happened. */
  | { readonly kind: "failed"; readonly reason: string; readonly beforeEffect: boolean };

export interface ModelRun {
  readonly model: string;
  readonly request: Json;
  readonly callId: string;
  readonly chainId: string;
  readonly signal: AbortSignal;
}

export type ModelAnswer =
  | { readonly kind: "reply"; readonly response: Json; readonly inputTokens: number; readonly outputTokens: number }
  | { readonly kind: "failed"; readonly reason: string };

/** The tools and models of this gateway: the only place with credentials. Never rejects. */
export interface Toolbox {
  runTool(run: ToolRun): Promise<ToolAnswer>;
  askModel(run: ModelRun): Promise<ModelAnswer>;
}

/** Who may speak: HMAC keys of agents and gateway, public keys of those who give orders. */
export interface Keyring {
  /** HMAC key of a principal `agent:<name>` or `gateway`; null: unknown, so nothing of it is accepted. */
  commandKey(principal: string): Uint8Array | null;
  /** Whether the Ed25519 signature of an order is that of its principal. */
  isOrderSigned(
    order: { readonly topic: string; readonly principal: string; readonly value: Uint8Array },
    sig: string,
  ): boolean;
  /** Signs an order of this process. */
  signOrder(order: { readonly topic: string; readonly principal: string; readonly value: Uint8Array }): string;
}
