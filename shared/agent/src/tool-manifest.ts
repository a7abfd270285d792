/** The data of a tool that policy, schemas, `busbar status` and audit work with: a tool without its code. */
import { canonicalJson, type JsonObject, sha256Hex } from "@busbar/kernel";
import { evidenceOf, type ToolEvidence, type Undo } from "@busbar/policy";
import type { DependsOn, JsonSchema, ReadBack, ToolClass, ToolDefinition, ToolEffect } from "./tool.ts";

/** Plain JSON; equal tools have equal manifests, byte for byte under canonical JSON. */
export interface ToolManifest extends ToolEvidence {
  readonly name: string;
  readonly description: string;
  readonly effect: ToolEffect;
  readonly toolClass: ToolClass;
  /** How long an exact tool honours a key; null: it does not say. */
  readonly keyLifetimeMs: number | null;
  readonly timeoutMs: number;
  readonly fireBoundMs: number;
  readonly attempts: number;
  /** Argument fields that identify the effect; null = all arguments. */
  readonly identity: readonly string[] | null;
  readonly subject: readonly string[] | null;
  readonly args: JsonSchema;
  readonly result: JsonSchema | null;
  readonly readBack: ReadBack | null;
  readonly volatile: boolean;
  /** Where its result tells a version; absent: nowhere. */
  readonly version?: string;
  /** The read whose version a change carries, and who compares; absent: none. */
  readonly dependsOn?: Required<DependsOn>;
  /** What it does, where that is data; absent for code. */
  readonly transport?: JsonObject;
  /** Names of the secrets that it gets; absent: none. */
  readonly secrets?: readonly string[];
  /** SHA-256 hex over the canonical JSON of all the other fields. */
  /** The call that undoes what it does. */
  readonly undo?: Undo;
  readonly digest: string;
}

/** What a gateway says of its tools when it opens a door; see PROTOCOL 6.2. */
export function toolDigests(
  tools: readonly ToolDefinition[],
): readonly { readonly tool: string; readonly digest: string }[] {
  return tools.map((tool) => ({ tool: tool.name, digest: toolManifest(tool).digest }));
}

/** The manifest of a tool. Pure; the code of `run` is not part of the digest. */
export function toolManifest<A, R>(tool: ToolDefinition<A, R>): ToolManifest {
  const facts = {
    name: tool.name,
    description: tool.description,
    effect: tool.effect,
    toolClass: tool.toolClass,
    keyLifetimeMs: tool.keyLifetimeMs ?? null,
    timeoutMs: tool.timeoutMs,
    fireBoundMs: tool.fireBoundMs,
    attempts: tool.attempts,
    identity: tool.identity ?? null,
    subject: tool.subject ?? null,
    args: tool.args,
    result: tool.result ?? null,
    readBack: tool.readBack ?? null,
    volatile: tool.volatile,
    ...(tool.version === undefined ? {} : { version: tool.version }),
    ...(tool.dependsOn === undefined ? {} : { dependsOn: { check: "gateway" as const, ...tool.dependsOn } }),
    ...(tool.undo === undefined ? {} : { undo: tool.undo }),
    ...evidenceOf(tool),
    ...(tool.transport === undefined ? {} : { transport: tool.transport }),
    ...(tool.secrets === undefined || tool.secrets.length === 0 ? {} : { secrets: tool.secrets }),
  };
  return { ...facts, digest: sha256Hex(canonicalJson(facts)) };
}
