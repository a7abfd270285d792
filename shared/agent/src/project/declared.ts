/** What `busbar.yaml` declares itself, without code: tools over HTTP. */
import type { HttpToolSpec } from "../http/http-tool.ts";
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
