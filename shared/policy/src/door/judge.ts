/**
 * What the arguments of a call say against it, beyond their schema: the checks of its tool's row, and text of third
 * parties in them. Asked before anything that may put the call off, and once more when a person has approved it, which is
 * another moment.
 */
import { type ErrorCode, isJsonObject, type Json } from "@busbar/kernel";
import {
  ARGUMENT_NAMES,
  checkScope,
  consequenceOf,
  hardest,
  ruleOf,
  type Shadow,
  shadowsOf,
  told,
  type Unheld,
  unheldChecks,
} from "../checks.ts";
import type { ChainState } from "../partition-state.ts";
import type { ToolPolicy } from "../policy-document.ts";
import { modeOf } from "../rules/index.ts";
import { derivedFrom, toldDerived } from "../taint.ts";
import type { Hold } from "./holds.ts";
import { emit, type Turn } from "./turn.ts";

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

export interface Judgement {
  /** Null where nothing is said against it. */
  readonly against: Refusal | Hold | null;
  /** What rules in shadow mode would have done. */
  readonly shadows: readonly Shadow[];
}

export function judgeArguments(turn: Turn, chain: ChainState, tool: ToolPolicy, args: Json): Judgement {
  const found = unheldArguments(turn, chain, tool, args);
  const checked = againstChecks(found);
  const shadows = shadowsOf(found);
  if (checked !== null) return { against: checked, shadows };
  const labelled = labelArguments(chain, tool, args);
  const mode = modeOf(turn.state.policy?.rules ?? {}, UNTRUSTED_RULE);
  if (labelled === null || mode === "off") return { against: null, shadows };
  if (mode === "enforce") return { against: labelled, shadows };
  const { rule, reason, evidence } = labelled;
  return { against: null, shadows: [...shadows, { rule, would: "approve", reason, evidence }] };
}

/** Records what rules in shadow mode would have done. */
export function recordShadows(turn: Turn, chain: ChainState, shadows: readonly Shadow[]): void {
  for (const { rule, would, reason, evidence } of shadows) {
    emit(turn, "RuleShadowed", { chain }, { rule, ruleVersion: 1, would, reason, evidence: [...evidence] });
  }
}

/** Name of the rule of untrusted text, in `rules.modes` and on records. */
const UNTRUSTED_RULE = "untrusted-text";

/** What goes out, destroys or is marked so, with an argument that third parties have written, is for a person to see. */
function labelArguments(chain: ChainState, tool: ToolPolicy, args: Json): Hold | null {
  if (tool.outbound !== true && tool.sensitive !== true && tool.effect !== "destructive") return null;
  const derived = derivedFrom(chain, trackedOf(tool, args));
  if (derived === null) return null;
  const evidence = derived.source === null ? [] : [derived.source.evidence];
  return { kind: "hold", rule: UNTRUSTED_RULE, reason: toldDerived(derived), evidence };
}

function trackedOf({ tracked }: ToolPolicy, args: Json): Json {
  if (tracked === undefined || !isJsonObject(args)) return args;
  return Object.fromEntries(Object.entries(args).filter(([name]) => tracked.includes(name)));
}

function unheldArguments(turn: Turn, chain: ChainState, { checks }: ToolPolicy, args: Json): readonly Unheld[] {
  if (checks === undefined) return [];
  const scope = checkScope(chain, Math.max(turn.env.atMs, turn.state.atMs), { args });
  return unheldChecks(checks, ARGUMENT_NAMES, scope);
}

function againstChecks(all: readonly Unheld[]): Refusal | Hold | null {
  const found = hardest(all);
  if (found === null) return null;
  const because = { rule: ruleOf(found), reason: told(found), evidence: [] };
  const consequence = consequenceOf(found);
  if (consequence === "approve") return { kind: "hold", ...because };
  return { kind: "refuse", code: "BUSBAR_CHECK_FAILED", ...because, degrades: consequence === "degrade" };
}
