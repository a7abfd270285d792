/** What a handler is given: its task, and `ctx`, its only way to the world. */
import type { ChainId, Json, JsonObject } from "@busbar/kernel";
import type { ModelReply, ModelRequest } from "./model.ts";

/** What was asked. The same in every incarnation of the chain. */
export interface Task<I = Json> {
  readonly chainId: ChainId;
  readonly agent: string;
  readonly input: I;
  /** Root to self. */
  readonly lineage: readonly string[];
  /** Event time, ms since the epoch; 0 = none. */
  readonly deadlineAtMs: number;
  readonly maxSteps: number;
  readonly budgetTokens: number;
  /** Event time of the submission. */
  readonly submittedAtMs: number;
}

export interface ToolOptions {
  /** Declares that the same effect is wanted once more: 1 for the first repetition. Default 0. */
  readonly repeat?: number;
}

/** A result with where it comes from. */
export interface ToolAnswer<R = Json> {
  readonly result: R;
  /** True: the effect had been done before this call, and nothing happened now. */
  readonly alreadyDone: boolean;
  /** Event id of the answer. */
  readonly source: string;
}

/** What the bus found when it compared a statement of the agent with the facts. */
export interface StatementVerdict {
  readonly agrees: boolean;
  readonly fact: string;
  readonly source: string;
  readonly evidence: readonly string[];
}

/**
 * The only way from a handler to the world. Each call is one step of the chain; answers arrive strictly in log order.
 * Rejections: RefusedError, HaltedError, ToolFailedError, InDoubtError, StoppedError.
 */
export interface AgentContext {
  readonly chainId: ChainId;
  /** Calls a tool; resolves to its result. */
  tool<R = Json>(name: string, args: JsonObject, options?: ToolOptions): Promise<R>;
  /** Like `tool`, and says whether the effect was already there. */
  toolAnswer<R = Json>(name: string, args: JsonObject, options?: ToolOptions): Promise<ToolAnswer<R>>;
  model(name: string, request: ModelRequest): Promise<ModelReply>;
  /** Hands a sub-task to another agent and waits for its output. */
  send<R = Json>(agent: string, input: Json): Promise<R>;
  /** States something as a fact; the bus records it and compares. */
  state(subject: string, statement: string): Promise<StatementVerdict>;
  /**
   * Waits for at least so long, up to 366 days. The time runs on the log: it goes on while agent or gateway are away, ends
   * with the chain, and a re-run waits for what is left. Not finer than a tick of the owner (100 ms).
   */
  sleep(delayMs: number): Promise<void>;
  /**
   * Asks a person and waits for the answer, which is JSON. The question is on the log: the answer reaches the handler also
   * when agent and gateway were started anew meanwhile. It waits for as long as its task: race it with `sleep` for less.
   */
  handOff<R = Json>(question: string): Promise<R>;
  /** Says how sure the agent is of what it does, 0 to 1. A low value may narrow what the chain may do; a high one proves nothing. */
  confidence(share: number, about?: string): Promise<void>;
  /**
   * Settles as the first of its arms does, which the log decides, live and in every re-run alike. Arms are calls of this
   * context and what follows from them; one that settles by anything else rejects with BUSBAR_RACE_UNRECORDED. The others
   * go on: a task ends when the calls of those are answered; timers and hand-offs are not waited for.
   */
  race<T extends readonly unknown[]>(arms: T): Promise<Awaited<T[number]>>;
  /** Declares the task's output before the handler returns; later calls are refused. */
  complete(output: Json): void;
  /** Event time of the last answer (at first: of the submission), ms since the epoch. */
  now(): number;
  /** In [0, 1); the same sequence in every incarnation. */
  random(): number;
  uuid(): string;
  /** Aborts when the run is halted or stopped. */
  readonly signal: AbortSignal;
}
