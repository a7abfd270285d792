/** What the runtime asks of tools and models, and what packages of tools answer: one definition for both sides. */
import type { ToolCallProblem } from "@busbar/events";
import type { Json } from "@busbar/kernel";

/** One attempt of one call. `Signal`: the platform's abort signal, which this package does not know. */
export interface ToolRun<Signal> {
  readonly tool: string;
  readonly args: Json;
  /** The effect's idempotency key; empty for reads. */
  readonly key: string;
  readonly attempt: number;
  readonly atMs: number;
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  /** The version that the chain has read of what the change depends on; absent where it depends on none. */
  readonly expected?: { readonly subject: string; readonly version: string } | null;
  /** Aborts at the time-out; what was sent may still arrive. */
  readonly signal: Signal;
}

/** What an attempt came to. */
export type ToolAnswer =
  | { readonly kind: "result"; readonly result: Json }
  /** It happened, and what came back is not what the tool promises; `result` is what there is of it. */
  | { readonly kind: "invalid"; readonly result: Json; readonly reason: string }
  /** Another version is there than the run expects: nothing has happened. `now`: what is there. */
  | { readonly kind: "stale"; readonly reason: string; readonly now: Json }
  /** `beforeEffect`: the tool says that nothing has happened. */
  | { readonly kind: "failed"; readonly reason: string; readonly beforeEffect: boolean }
  /** The answer was lost after the request had gone out. */
  | { readonly kind: "unknown"; readonly reason: string }
  /** Nothing has happened; it asks to be called later. */
  | { readonly kind: "throttled"; readonly reason: string; readonly retryAfterMs: number };

export interface ModelRun<Signal> {
  readonly model: string;
  readonly request: Json;
  readonly callId: string;
  readonly chainId: string;
  readonly signal: Signal;
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

/** Tools and models by name. Never rejects. */
export interface Toolbox<Signal> {
  runTool(run: ToolRun<Signal>): Promise<ToolAnswer>;
  askModel(run: ModelRun<Signal>): Promise<ModelAnswer>;
}
