/**
 * defineAgent: an agent is an async function over `ctx`, or an XState machine (see agent-machine.ts).
 *
 * The one rule for both: everything that is not a function of the task and of earlier answers goes through `ctx`, since
 * a chain is replayed from its journal after a crash and must then ask the same questions in the same order.
 */
import { busbarError, type Json } from "@busbar/kernel";
import type { AnyStateMachine } from "xstate";
import type { AgentContext, Task } from "./agent-context.ts";
import { assertAgentMachine } from "./agent-machine.ts";
import { isDefinitionName } from "./tool.ts";

export type AgentHandler<I = Json, O = unknown> = (task: Task<I>, ctx: AgentContext) => Promise<O>;

interface AgentBase {
  readonly name: string;
  /** Of the agent's code; written into each command. */
  readonly version: string;
  readonly description?: string;
  /** An input to try it with; `busbar dev` shows it. */
  readonly example?: Json;
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
    throw busbarError("BUSBAR_CONFIG_INVALID", {
      file,
      reason: "a name has letters, digits, '_', '-' or '.', at most 64",
    });
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
    ...(spec.example === undefined ? {} : { example: spec.example }),
  };
  if ("machine" in spec) {
    assertAgentMachine(spec.name, spec.machine);
    return { ...base, kind: "machine", machine: spec.machine };
  }
  // The input's type is the author's claim; the bus checks nothing about it.
  return { ...base, kind: "handler", handler: (task, ctx) => spec.handler(task as Task<I>, ctx) };
}
