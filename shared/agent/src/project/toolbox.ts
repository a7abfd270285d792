/** The tools and models of a project as the gateway calls them: by name, never rejecting, errors as answers. */
import { createRedactor } from "@busbar/events/codec";
import { busbarError, type Json, reasonOf } from "@busbar/kernel";
import type { ModelAnswer, ToolAnswer, Toolbox } from "@busbar/policy";
import { attemptEndOf, notStarted } from "../attempt-errors.ts";
import { offeredName } from "../http/tool-names.ts";
import { type ModelDefinition, type ModelReply, type ModelRequest, modelTool, toolCallProblems } from "../model.ts";
import type { ToolDefinition } from "../tool.ts";

/** The tools and models of a project, for a gateway. */
export type ProjectToolbox = Toolbox<AbortSignal>;

/** Secrets by name, as the gateway's process has them. */
export type ToolSecrets = ReadonlyMap<string, string>;

interface Asking {
  readonly name: string;
  readonly secrets?: readonly string[];
  readonly optionalSecrets?: readonly string[];
}

/** What a tool or model may ask for. Throws before any effect for what it does not declare. */
function secretOf(what: "tool" | "model", asking: Asking, secrets: ToolSecrets, name: string): string {
  const { secrets: declared = [], optionalSecrets: optional = [] } = asking;
  const value = secrets.get(name);
  if (value !== undefined && (declared.includes(name) || optional.includes(name))) return value;
  if (optional.includes(name)) return "";
  throw notStarted(`${what} ${asking.name} does not declare the secret ${name}`);
}

/** Every declared secret is there. Throws BUSBAR_SECRET_MISSING. */
function assertSecrets(kind: "tool" | "model", all: readonly Asking[], secrets: ToolSecrets): void {
  for (const { name, secrets: names = [] } of all) {
    const missing = names.find((one) => !secrets.has(one));
    if (missing !== undefined) throw busbarError("BUSBAR_SECRET_MISSING", { what: `${kind} ${name}`, secret: missing });
  }
}

/** What is shorter is found everywhere: redaction would tear answers apart. */
const REDACTED_LENGTH_MIN = 8;

/** Answers hold no secret that is given here. Throws BUSBAR_SECRET_MISSING where a tool declares another one. */
export function createToolbox(
  tools: readonly ToolDefinition[],
  models: readonly ModelDefinition[] = [],
  secrets: ToolSecrets = new Map(),
): ProjectToolbox {
  assertSecrets("tool", tools, secrets);
  assertSecrets("model", models, secrets);
  const known = [...secrets].map(([name, value]) => ({ name, value }));
  const redactor = createRedactor(known.filter(({ value }) => value.length >= REDACTED_LENGTH_MIN));
  const toolbox = openToolbox(tools, models, secrets);
  return {
    runTool: async (run) => redactor.deep(await toolbox.runTool(run)),
    askModel: async (run) => redactor.deep(await toolbox.askModel(run)),
  };
}

function openToolbox(
  tools: readonly ToolDefinition[],
  models: readonly ModelDefinition[],
  secrets: ToolSecrets,
): ProjectToolbox {
  const toolByName = new Map(tools.map((tool) => [tool.name, tool]));
  const modelByName = new Map(models.map((model) => [model.name, model]));
  return {
    runTool: async ({ tool: name, args, ...context }) => {
      const tool = toolByName.get(name);
      // The policy on the log knows a tool that this process does not have: nothing has happened.
      if (tool === undefined) return { kind: "failed", reason: `this gateway has no tool ${name}`, beforeEffect: true };
      try {
        const secret = (wanted: string): string => secretOf("tool", tool, secrets, wanted);
        const { expected = null, ...attempt } = context;
        const result = await tool.run(args as never, { ...attempt, expected, secret });
        return { kind: "result", result: result ?? null };
      } catch (error) {
        return answerOfError(error);
      }
    },
    askModel: async ({ model: name, request, ...context }) => {
      const model = modelByName.get(name);
      if (model === undefined) return failedReply(`this gateway has no model ${name}`);
      try {
        const asked = offering(request, toolByName);
        const secret = (wanted: string): string => secretOf("model", model, secrets, wanted);
        return replyOf(await model.complete(asked, { ...context, secret }), asked);
      } catch (error) {
        return replyOfError(error);
      }
    },
  };
}

function answerOfError(error: unknown): ToolAnswer {
  const reason = reasonOf(error);
  const end = attemptEndOf(error);
  switch (end?.kind) {
    case "unknown":
      return { kind: "unknown", reason };
    case "invalid":
      return { kind: "invalid", result: end.result, reason };
    case "throttled":
      return { kind: "throttled", reason, retryAfterMs: end.retryAfterMs };
    case "stale":
      return { kind: "stale", reason, now: end.now };
    default:
      return { kind: "failed", reason, beforeEffect: end?.kind === "not-started" };
  }
}

function replyOf({ message, usage, finishReason = "", ...reply }: ModelReply, { tools }: ModelRequest): ModelAnswer {
  const offered = tools?.map((tool) => offeredName(tool) ?? "") ?? null;
  const problems = reply.problems ?? toolCallProblems(message, offered);
  const { inputTokens, outputTokens, estimated = false } = usage;
  const response = message as unknown as Json;
  return { kind: "reply", response, inputTokens, outputTokens, estimated, finishReason, problems };
}

function failedReply(reason: string, retryable = false, usage = { inputTokens: 0, outputTokens: 0 }): ModelAnswer {
  const { inputTokens, outputTokens } = usage;
  return { kind: "failed", reason, retryable, inputTokens, outputTokens };
}

function replyOfError(error: unknown): ModelAnswer {
  const reason = reasonOf(error);
  const end = attemptEndOf(error);
  if (end?.kind === "throttled") return { kind: "throttled", reason, retryAfterMs: end.retryAfterMs };
  return failedReply(reason, end?.kind === "no-reply", end?.kind === "no-reply" ? end.usage : undefined);
}

/** A request that offers tools of the bus by name, with their manifests in place of the names. */
function offering(request: Json, tools: ReadonlyMap<string, ToolDefinition>): ModelRequest {
  const asked = request as unknown as ModelRequest;
  if (asked.tools === undefined) return asked;
  const specs = asked.tools.map((entry) => {
    if (typeof entry !== "string") return entry;
    const tool = tools.get(entry);
    if (tool === undefined) throw new Error(`the request offers ${entry}, and this gateway has no such tool`);
    return modelTool(tool);
  });
  return { ...asked, tools: specs };
}
