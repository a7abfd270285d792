/** Parts that most worlds have. */
import {
  type AgentContext,
  type AgentDefinition,
  defineAgent,
  defineTool,
  type ToolDefinition,
  type ToolSpec,
} from "@busbar/agent";
import type { Json, JsonObject } from "@busbar/kernel";

/** Times in which a busy machine answers as well. */
export const PATIENT = { timeoutMs: 20_000, fireBoundMs: 10_000 } as const;

type ToolPart = Omit<ToolSpec, "description" | "args" | "timeoutMs"> & Partial<Pick<ToolSpec, "args" | "timeoutMs">>;

/** A tool of a world; what it leaves out is as in most tools. */
export function toolOf(spec: ToolPart): ToolDefinition {
  const args: JsonObject = { type: "object" };
  return defineTool({ description: spec.name, args, ...PATIENT, ...spec }) as unknown as ToolDefinition;
}

export const agentOf = (
  name: string,
  handler: (input: JsonObject, ctx: AgentContext) => Promise<Json>,
): AgentDefinition =>
  defineAgent<JsonObject>({ name, version: "1", handler: ({ input }, ctx) => handler(input, ctx) }) as AgentDefinition;

/** Goes on whatever a call says, as careless programs do; true where it went well. */
export async function carelessly(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch {
    return false;
  }
}

/** No breaker and no rule of a chain stops this world first: the scenario is about another guard. */
export const QUIET = {
  rules: { consecutiveErrors: 0, contradictions: 0, destructiveRun: 0 },
  breaker: { consecutiveFailures: 0, agentFailures: 0, pairFailures: 0 },
} as const;
