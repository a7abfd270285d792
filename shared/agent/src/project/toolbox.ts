/** The tools and models of a project as the gateway calls them: by name, never rejecting, errors as answers. */
import { type Json, reasonOf } from "@busbar/kernel";
import { isNotStarted } from "../errors.ts";
import type { ModelDefinition, ModelRequest } from "../model.ts";
import type { ToolDefinition } from "../tool.ts";

/** One attempt of one call. `key` is the effect's idempotency key, empty for reads. */
export interface ToolboxRun {
  readonly tool: string;
  readonly args: Json;
  readonly key: string;
  readonly attempt: number;
  readonly atMs: number;
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  readonly signal: AbortSignal;
}

export interface ToolboxModelRun {
  readonly model: string;
  readonly request: Json;
  readonly callId: string;
  readonly chainId: string;
  readonly signal: AbortSignal;
}

export type ToolboxAnswer =
  | { readonly kind: "result"; readonly result: Json }
  | { readonly kind: "failed"; readonly reason: string; readonly beforeEffect: boolean };

export type ToolboxReply =
  | { readonly kind: "reply"; readonly response: Json; readonly inputTokens: number; readonly outputTokens: number }
  | { readonly kind: "failed"; readonly reason: string };

export interface ProjectToolbox {
  runTool(run: ToolboxRun): Promise<ToolboxAnswer>;
  askModel(run: ToolboxModelRun): Promise<ToolboxReply>;
}

export function createToolbox(
  tools: readonly ToolDefinition[],
  models: readonly ModelDefinition[] = [],
): ProjectToolbox {
  const toolByName = new Map(tools.map((tool) => [tool.name, tool]));
  const modelByName = new Map(models.map((model) => [model.name, model]));
  return {
    runTool: async ({ tool: name, args, ...context }) => {
      const tool = toolByName.get(name);
      // The policy on the log knows a tool that this process does not have: nothing has happened.
      if (tool === undefined) return { kind: "failed", reason: `this gateway has no tool ${name}`, beforeEffect: true };
      try {
        const result = await tool.run(args as never, context);
        return { kind: "result", result: result ?? null };
      } catch (error) {
        return { kind: "failed", reason: reasonOf(error), beforeEffect: isNotStarted(error) };
      }
    },
    askModel: async ({ model: name, request, ...context }) => {
      const model = modelByName.get(name);
      if (model === undefined) return { kind: "failed", reason: `this gateway has no model ${name}` };
      try {
        const { message, usage } = await model.complete(request as unknown as ModelRequest, context);
        const response = message as unknown as Json;
        return { kind: "reply", response, inputTokens: usage.inputTokens, outputTokens: usage.outputTokens };
      } catch (error) {
        return { kind: "failed", reason: reasonOf(error) };
      }
    },
  };
}
