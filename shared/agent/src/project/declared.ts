/** What `busbar.yaml` declares itself, without code: tools over HTTP, and models behind OpenAI-compatible endpoints. */
import { busbarError } from "@busbar/kernel";
import type { ModelPolicy, RateCap } from "@busbar/policy";
import type { HttpToolSpec } from "../http/http-tool.ts";
import type { OpenAiModelSpec } from "../http/openai-model.ts";
import type { ModelDefinition } from "../model.ts";
import type { ToolDefinition } from "../tool.ts";

/** A row of `httpTools`; its name is the key. */
export type DeclaredHttpTool = Omit<HttpToolSpec, "name">;

/** The declared tools. Throws BUSBAR_CONFIG_INVALID for one that can never work. */
export async function declaredTools(
  rows: Readonly<Record<string, DeclaredHttpTool>> = {},
): Promise<readonly ToolDefinition[]> {
  const entries = Object.entries(rows);
  if (entries.length === 0) return [];
  // The HTTP client is loaded only where somebody uses it: agents and the command line load projects too.
  const { defineHttpTool } = await import("../http/http-tool.ts");
  return entries.map(([name, row]) => defineHttpTool({ ...row, name }));
}

/** Knobs of a tool, model or agent, or of an agent on a tool: over the whole bus. */
export interface CapRow {
  /** Calls that are out at once. */
  readonly concurrency?: number;
  /** Calls that begin in any window. */
  readonly rate?: RateCap;
}

/** A row of `models`: a model of its own, where it has a kind; else bounds of one that a module exports. */
export type ModelRow = Partial<Omit<OpenAiModelSpec, "name"> & ModelPolicy> & CapRow & { readonly kind?: "openai" };

/** What a row may say of a model that a module exports. */
const OF_ANY_MODEL: ReadonlySet<string> = new Set(["timeoutMs", "attempts", "resultChecks"]);

/** The declared models. Throws BUSBAR_CONFIG_INVALID for one that can never work. */
export async function declaredModels(
  file: string,
  rows: Readonly<Record<string, ModelRow>> = {},
): Promise<readonly ModelDefinition[]> {
  const models: ModelDefinition[] = [];
  for (const [name, { kind, concurrency: _concurrency, rate: _rate, resultChecks: _checks, ...spec }] of Object.entries(
    rows,
  )) {
    const own = Object.keys(spec).find((field) => !OF_ANY_MODEL.has(field));
    if (kind === undefined && own !== undefined) {
      const reason = `models.${name}: ${own} belongs to a model that is declared here; kind: openai is missing`;
      throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason });
    }
    if (kind === undefined) continue;
    const { defineOpenAiModel } = await import("../http/openai-model.ts");
    models.push(defineOpenAiModel({ ...spec, name }));
  }
  return models;
}
