/**
 * What the arguments of a call say against it, beyond their schema: the checks of its tool's row, and text of third
 * parties in them. Asked before anything
 * that may put the call off, and once more when a person has approved it, which is another moment.
 */
import type { ErrorCode, Json } from "@busbar/kernel";
import { ARGUMENT_NAMES, checkScope, consequenceOf, hardest, told, unheldChecks } from "../checks.ts";
import type { ChainState } from "../partition-state.ts";
import type { ToolPolicy } from "../policy-document.ts";
import { derivedFrom, toldDerived } from "../taint.ts";
import type { Hold } from "./holds.ts";
import type { Turn } from "./turn.ts";

export interface Refusal {
  readonly kind: "refuse";
  readonly code: ErrorCode;
  readonly reason: string;
  readonly evidence: readonly string[];
  /** The rule that refuses; absent: the door itself. */
  readonly rule?: string;
  /** The chain reads only from now on. */
  readonly degrades?: boolean;
}

/** Null where nothing is said against it. */
export function judgeArguments(turn: Turn, chain: ChainState, tool: ToolPolicy, args: Json): Refusal | Hold | null {
  const checked = checkArguments(turn, chain, tool, args);
  return checked?.kind === "refuse" ? checked : (checked ?? labelArguments(chain, tool, args));
}

/** What goes out, destroys or is marked so, with an argument that third parties have written, is for a person to see. */
function labelArguments(chain: ChainState, tool: ToolPolicy, args: Json): Hold | null {
  if (tool.outbound !== true && tool.sensitive !== true && tool.effect !== "destructive") return null;
  const derived = derivedFrom(chain, args);
  if (derived === null) return null;
  const evidence = derived.source === null ? [] : [derived.source.evidence];
  return { kind: "hold", rule: "untrusted", reason: toldDerived(derived), evidence };
}

function checkArguments({ state, env }: Turn, chain: ChainState, tool: ToolPolicy, args: Json): Refusal | Hold | null {
  if (tool.checks === undefined) return null;
  const scope = checkScope(chain, Math.max(env.atMs, state.atMs), { args });
  const found = hardest(unheldChecks(tool.checks, ARGUMENT_NAMES, scope));
  if (found === null) return null;
  const because = { rule: `check:${found.check.name}`, reason: told(found), evidence: [] };
  const consequence = consequenceOf(found);
  if (consequence === "approve") return { kind: "hold", ...because };
  return { kind: "refuse", code: "BUSBAR_CHECK_FAILED", ...because, degrades: consequence === "degrade" };
}
