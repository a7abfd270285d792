/** What `busbar.yaml` declares itself, without code: tools over HTTP, and models behind OpenAI-compatible endpoints. */
import { busbarError } from "@busbar/kernel";
import type { ModelPolicy } from "@busbar/policy";
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

/** A row of `models`: a model of its own, where it has a kind; else bounds of one that a module exports. */
export type ModelRow = Partial<Omit<OpenAiModelSpec, "name"> & ModelPolicy> & { readonly kind?: "openai" };

/** The declared models. Throws BUSBAR_CONFIG_INVALID for one that can never work. */
export async function declaredModels(
  file: string,
  rows: Readonly<Record<string, ModelRow>> = {},
): Promise<readonly ModelDefinition[]> {
  const models: ModelDefinition[] = [];
  for (const [name, { kind, ...spec }] of Object.entries(rows)) {
    const own = Object.keys(spec).find((field) => field !== "timeoutMs" && field !== "attempts");
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
