/**
 * What a recorded tool does to the world. The one place where that is guessed; `--tools` states it instead.
 *
 * G1 Doubt counts as a change: only a name that says "I look" is a read, so that no write passes for a verification.
 * G2 A recording that says read is believed; one that says write is refined by the name, since `w` does not tell
 *    whether something is gone afterwards.
 * G3 One tool has one effect: where lines disagree, the heavier one.
 */
import { busbarError, canonicalJson, isJsonObject, type Json, parseJson, sha256Hex } from "@busbar/kernel";
import { DEFAULT_TOOL, type EffectClass, type ToolPolicy } from "@busbar/policy";

const READS = new Set(
  "get list search find read fetch lookup look query show view describe count calculate compute think".split(" "),
);
const DESTRUCTIVE = new Set("delete drop remove cancel destroy erase purge truncate wipe".split(" "));
const WEIGHT: Readonly<Record<EffectClass, number>> = { read: 0, write: 1, destructive: 2 };

/** First word of a name, without what stands before its last dot, slash or double underscore. */
function verbOf(tool: string): string {
  const own = tool.split(/\.|\/|__/).at(-1) ?? tool;
  return (/^[A-Z]?[a-z]+|^[A-Z]+/.exec(own.replace(/^[^A-Za-z]+/, ""))?.[0] ?? "").toLowerCase();
}

/** G1. */
export function effectOfName(tool: string): EffectClass {
  const verb = verbOf(tool);
  if (READS.has(verb)) return "read";
  return DESTRUCTIVE.has(verb) ? "destructive" : "write";
}

/** G2. `mark` is the recording's own: r read, w write, x hand-off to a person, n neutral; others say nothing. */
export function effectOfMark(tool: string, mark: Json | undefined): EffectClass {
  if (mark === "r" || mark === "x" || mark === "n") return "read";
  const named = effectOfName(tool);
  return mark === "w" && named === "read" ? "write" : named;
}

/** G3. */
export function heavier(left: EffectClass | undefined, right: EffectClass): EffectClass {
  return left === undefined || WEIGHT[right] > WEIGHT[left] ? right : left;
}

/** What a manifest file states about a tool. */
export interface StatedTool {
  readonly effect: EffectClass;
  /** Two different answers to the same question are no contradiction. */
  readonly volatile: boolean;
}

const isEffect = (value: Json | undefined): value is EffectClass =>
  typeof value === "string" && Object.hasOwn(WEIGHT, value);

function statedTool(file: string, name: string, value: Json | undefined): StatedTool {
  const invalid = (reason: string) => busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `${name}: ${reason}` });
  if (isEffect(value)) return { effect: value, volatile: false };
  if (value === undefined || !isJsonObject(value) || !isEffect(value["effect"])) {
    throw invalid("effect is not read, write or destructive");
  }
  const { effect, volatile = false } = value;
  if (typeof volatile !== "boolean") throw invalid("volatile is not true or false");
  return { effect, volatile };
}

/**
 * A manifest: `{"<tool>": "read" | {"effect": "read", "volatile": true}}` or a list of `{"name": "<tool>", …}`.
 * Throws BUSBAR_CONFIG_INVALID with the place.
 */
export function parseToolManifest(file: string, text: string): ReadonlyMap<string, StatedTool> {
  const value = parseJson(text);
  if (Array.isArray(value)) {
    return new Map(
      value.map((row: Json, index) => {
        const name = isJsonObject(row) ? row["name"] : undefined;
        if (typeof name === "string" && name !== "") return [name, statedTool(file, name, row)];
        throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `entry ${index} has no name` });
      }),
    );
  }
  if (value === undefined || !isJsonObject(value)) {
    throw busbarError("BUSBAR_CONFIG_INVALID", {
      file,
      reason: "it is neither a JSON object of tools nor a list of them",
    });
  }
  return new Map(Object.entries(value).map(([name, row]) => [name, statedTool(file, name, row)]));
}

/** A recorded tool answers at once; what is late here is this process, not the tool. */
export const PATIENCE_MS = 60_000;

/** The policy rows of a file's tools. A tool that the manifest does not name keeps what was recorded or guessed. */
export function toolPolicies(
  seen: ReadonlyMap<string, EffectClass>,
  stated: ReadonlyMap<string, StatedTool>,
): Readonly<Record<string, ToolPolicy>> {
  const rows = [...seen].map(([name, effect]) => {
    const facts = {
      ...DEFAULT_TOOL,
      timeoutMs: PATIENCE_MS,
      fireBoundMs: PATIENCE_MS,
      effect: stated.get(name)?.effect ?? effect,
      volatile: stated.get(name)?.volatile ?? false,
    };
    return [name, { ...facts, digest: sha256Hex(canonicalJson({ name, ...facts })) }] as const;
  });
  return Object.fromEntries(rows);
}
