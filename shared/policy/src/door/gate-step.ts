/** The verification gate at the door (gate/gate.ts): asks, passes, or degrades a chain that can show nothing. */
import { type CallStatus, type ChainState } from "../partition-state.ts";
import { evidenceAt, GATE_RULE, type GatePolicy, isGateDue } from "../gate/gate.ts";
import type { RuleMode, ToolPolicy } from "../policy-document.ts";
import { modeOf } from "../rules/index.ts";
import type { Deferral } from "./deferral.ts";
import { degrade } from "./degrade.ts";
import { emit, type Turn } from "./turn.ts";

/** What is under way may still become evidence, or make it stale. */
const UNDER_WAY: ReadonlySet<CallStatus> = new Set(["open", "delayed", "in-doubt", "unverified"]);
const RETRY_MS = 25;
const RETRY_LONGEST_MS = 1000;

const isUnderWay = ({ calls }: ChainState): boolean =>
  Object.values(calls).some(({ kind, status }) => kind === "tool" && UNDER_WAY.has(status));

/** The gate that is due for a chain now, and what it does when nothing is shown; null where none is. */
function dueGate({ state }: Turn, chain: ChainState): { readonly gate: GatePolicy; readonly mode: RuleMode } | null {
  const { gate, ...rules } = state.policy?.rules ?? {};
  if (gate === undefined || chain.status !== "working" || !isGateDue(chain.gate, gate)) return null;
  const mode = modeOf(rules, GATE_RULE);
  return mode === "off" ? null : { gate, mode };
}

/**
 * Before a tool call of a chain is admitted. Records what the gate says; gives why the call is put off, or null where it
 * is to be decided, by the chain's state as it is then.
 */
export function gateAgainst(turn: Turn, chain: ChainState, effectClass: ToolPolicy["effect"]): Deferral | null {
  const due = dueGate(turn, chain);
  if (due === null) return null;
  const isRead = effectClass === "read";
  if (isUnderWay(chain)) {
    if (isRead || due.mode === "shadow") return null;
    return asked(turn, chain, "calls are under way whose outcome it needs");
  }
  const calls = chain.gate.calls.length;
  const { require } = due.gate;
  const evidence = [...evidenceAt(chain.gate, due.gate)];
  if (evidence.length > 0) emit(turn, "GatePassed", { chain }, { calls, evidence, by: require });
  else if (isRead) asked(turn, chain, `nothing was ${require} since the last attempted change; reads go on`);
  else fail(turn, chain, require, due.mode);
  return null;
}

function fail(turn: Turn, chain: ChainState, require: string, mode: RuleMode): void {
  const calls = chain.gate.calls.length;
  const reason = `${calls} tool calls since the last gate, and nothing was ${require} since the last attempted change`;
  if (mode === "shadow") {
    emit(turn, "RuleShadowed", { chain }, { rule: GATE_RULE, ruleVersion: 1, would: "degrade", reason, evidence: [] });
    return;
  }
  const failed = emit(turn, "GateFailed", { chain }, { calls, reason, evidence: [] });
  degrade(turn, chain.chainId, { rule: GATE_RULE, reason, evidence: [failed] });
}

/** Asks once, and puts a change off: a little at first, for a long wait ever more rarely. */
function asked(turn: Turn, chain: ChainState, reason: string): Deferral {
  const { calls, asked: before, askedAtMs } = chain.gate;
  if (before === "") emit(turn, "GateDue", { chain }, { calls: calls.length, reason });
  const waitedMs = before === "" ? 0 : turn.env.atMs - askedAtMs;
  return { code: "BUSBAR_GATE_DUE", retryAfterMs: Math.min(Math.max(waitedMs, RETRY_MS), RETRY_LONGEST_MS), reason };
}
