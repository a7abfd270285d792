/**
 * XState agents: the machine is a pure reducer, its actions are *intents* (CORRECTNESS D24 to D26).
 *
 * A1 A machine is stepped with `transition()` only; nothing of it is ever executed.
 * A2 An action is one of the four intents below, declared by `agentSetup`; its answer comes back as an event with its id.
 * A3 A delay (`after`, a delayed raise) is a timer of the log, as `ctx.sleep` is. `invoke`, `spawn` and actions of other
 *    kinds are refused: their effect is not on the log.
 */
import { assert, busbarError, type Json, type JsonObject } from "@busbar/kernel";
import { type AnyStateMachine, type AnyStateNode, type MachineContext, setup, type UnknownAction } from "xstate";
import type { Task } from "./agent-context.ts";
import type { ModelMessage, ModelRequest, ModelUsage } from "./model.ts";

/** What a machine may want; `id` names the answer and is unique among those that are open. */
export type AgentIntents = {
  tool: { readonly id: string; readonly tool: string; readonly args: JsonObject; readonly repeat?: number };
  model: { readonly id: string; readonly model: string; readonly request: ModelRequest };
  send: { readonly id: string; readonly agent: string; readonly input: Json };
  statement: { readonly id: string; readonly subject: string; readonly statement: string };
};

export const INTENT_TYPES = ["tool", "model", "send", "statement"] as const satisfies readonly (keyof AgentIntents)[];

interface Refusal {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  readonly rule: string;
}

interface Failure {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  /** The effect did happen; only its result is unusable. */
  readonly happened: boolean;
  /** Nobody knows whether it happened. */
  readonly inDoubt: boolean;
}

/** What a machine is fed: the answers in log order, one per transition. */
export type AgentMachineEvent =
  | {
      readonly type: "tool.done";
      readonly id: string;
      readonly result: Json;
      readonly alreadyDone: boolean;
      readonly atMs: number;
    }
  | ({ readonly type: "tool.refused" } & Refusal)
  | ({ readonly type: "tool.failed" } & Failure)
  | {
      readonly type: "model.done";
      readonly id: string;
      readonly message: ModelMessage;
      readonly usage: ModelUsage;
      readonly atMs: number;
    }
  | ({ readonly type: "model.refused" } & Refusal)
  | ({ readonly type: "model.failed" } & Failure)
  | { readonly type: "subtask.done"; readonly id: string; readonly output: Json; readonly atMs: number }
  | ({ readonly type: "subtask.refused" } & Refusal)
  | ({ readonly type: "subtask.failed" } & Failure)
  | {
      readonly type: "statement.checked";
      readonly id: string;
      readonly agrees: boolean;
      readonly fact: string;
      readonly source: string;
      readonly atMs: number;
    }
  | ({ readonly type: "statement.refused" } & Refusal)
  | ({ readonly type: "statement.failed" } & Failure)
  | { readonly type: "halted"; readonly reason: string };

/** The declared action does nothing when called, and it never is (A1). */
const intent = () => {
  assert(false, "an intent is performed by the SDK, never by xstate");
};

/**
 * XState's `setup` for agents: the four intents as actions, the answers as events, the task as input.
 * The machine's `output` at its final state completes the task. Guards and named assigns: `.extend({ guards, actions })`.
 */
export function agentSetup<C extends MachineContext, I = Task, O = Json>(
  _declare: { readonly types?: { readonly context?: C; readonly input?: I; readonly output?: O } } = {},
) {
  return setup({
    types: {} as { context: C; events: AgentMachineEvent; input: I; output: O },
    actions: {
      tool: (_: unknown, _params: AgentIntents["tool"]) => intent(),
      model: (_: unknown, _params: AgentIntents["model"]) => intent(),
      send: (_: unknown, _params: AgentIntents["send"]) => intent(),
      statement: (_: unknown, _params: AgentIntents["statement"]) => intent(),
    },
  });
}

const PURE_ACTIONS: ReadonlySet<string> = new Set([
  "xstate.assign",
  "xstate.raise",
  "xstate.cancel",
  "xstate.enqueueActions",
]);

/** The kind of an action as it stands in a machine: xstate's own are functions that carry a `type`. */
function actionKind(action: UnknownAction): string {
  if (typeof action === "string") return action;
  if (typeof action !== "function") return action.type;
  const builtIn = action as { readonly type?: string; readonly name: string };
  return builtIn.type ?? `function ${builtIn.name}`;
}

function problemOfAction(machine: AnyStateMachine, action: UnknownAction): string | null {
  const name = actionKind(action);
  if (PURE_ACTIONS.has(name) || (INTENT_TYPES as readonly string[]).includes(name)) return null;
  const named: unknown = machine.implementations.actions[name];
  if (typeof named === "function" && PURE_ACTIONS.has(actionKind(named as UnknownAction))) return null;
  return `action ${name} is neither an intent (${INTENT_TYPES.join(", ")}) nor an assign`;
}

function actionsOf(node: AnyStateNode): readonly UnknownAction[] {
  const transitions = [...node.transitions.values()].flat();
  return [
    ...node.entry,
    ...node.exit,
    ...node.initial.actions,
    ...transitions.flatMap((candidate) => candidate.actions),
    ...(node.always ?? []).flatMap((candidate) => candidate.actions),
  ] as readonly UnknownAction[];
}

function problemOfNode(machine: AnyStateMachine, node: AnyStateNode): string | null {
  if (node.invoke.length > 0) return "invoke runs again after a restart: use an intent";
  for (const action of actionsOf(node)) {
    const problem = problemOfAction(machine, action);
    if (problem !== null) return problem;
  }
  return null;
}

/** Throws BUSBAR_CONFIG_INVALID for a machine that could not be replayed (A3), naming the state. */
export function assertAgentMachine(agent: string, machine: AnyStateMachine): void {
  const open: AnyStateNode[] = [machine.root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const problem = problemOfNode(machine, node);
    if (problem !== null) {
      throw busbarError("BUSBAR_CONFIG_INVALID", { file: `agent ${agent}`, reason: `state ${node.id}: ${problem}` });
    }
    open.push(...Object.values(node.states));
  }
}
