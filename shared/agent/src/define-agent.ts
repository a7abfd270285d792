/**
 * defineAgent: an agent is an async function over `ctx`, or an XState machine (see agent-machine.ts).
 *
 * The one rule for both: everything that is not a function of the task and of earlier answers goes through `ctx`, since
 * a chain is replayed from its journal after a crash and must then ask the same questions in the same order.
 */
import { busbarError, type ChainId, type Json, type JsonObject } from "@busbar/kernel";
import type { AnyStateMachine } from "xstate";
import { assertAgentMachine } from "./agent-machine.ts";
import type { ModelReply, ModelRequest } from "./model.ts";
import { isDefinitionName } from "./tool.ts";

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

export type AgentHandler<I = Json, O = unknown> = (task: Task<I>, ctx: AgentContext) => Promise<O>;

interface AgentBase {
  readonly name: string;
  /** Of the agent's code; written into each command. */
  readonly version: string;
  readonly description?: string;
}

export interface HandlerAgentSpec<I = Json, O = unknown> extends AgentBase {
  readonly handler: (task: Task<I>, ctx: AgentContext) => Promise<O>;
}

export interface MachineAgentSpec extends AgentBase {
  /** Made with `agentSetup(...).createMachine(...)`. */
  readonly machine: AnyStateMachine;
}

export type AgentDefinition =
  | (AgentBase & { readonly kind: "handler"; readonly handler: AgentHandler })
  | (AgentBase & { readonly kind: "machine"; readonly machine: AnyStateMachine });

function check(base: AgentBase): void {
  const file = `agent ${base.name}`;
  if (!isDefinitionName(base.name)) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "a name has letters, digits, '_', '-' or '.', at most 64" });
  }
  if (base.version.length === 0) throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "version is empty" });
}

/** Checks an agent. Throws BUSBAR_CONFIG_INVALID, also for machines that could not be replayed. */
export function defineAgent<I = Json, O = unknown>(spec: HandlerAgentSpec<I, O> | MachineAgentSpec): AgentDefinition {
  check(spec);
  const base = {
    name: spec.name,
    version: spec.version,
    ...(spec.description === undefined ? {} : { description: spec.description }),
  };
  if ("machine" in spec) {
    assertAgentMachine(spec.name, spec.machine);
    return { ...base, kind: "machine", machine: spec.machine };
  }
  // The input's type is the author's claim; the bus checks nothing about it.
  return { ...base, kind: "handler", handler: (task, ctx) => spec.handler(task as Task<I>, ctx) };
}
