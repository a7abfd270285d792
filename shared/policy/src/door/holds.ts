/** Which calls a person has to approve, as the policy says it of a tool or of an effect class, and how it is asked. */
import type { MessageOf } from "@busbar/events";
import { own } from "@busbar/kernel";
import { approvesEach, DEGRADATION } from "../degradation/ladder.ts";
import type { ChainState } from "../partition-state.ts";
import { DEFAULT_APPROVALS, type EffectClass, type Policy } from "../policy-document.ts";
import { type About, emit, type Turn } from "./turn.ts";

/** A call that may go on once a person has approved it, and not before. */
export interface Hold {
  readonly kind: "hold";
  /** Id of the rule that wants a person. */
  readonly rule: string;
  /** What is in doubt, for that person. */
  readonly reason: string;
  /** Event ids on which it rests. */
  readonly evidence: readonly string[];
}

interface Asked {
  readonly chain: Pick<ChainState, "ladder">;
  readonly tool: string;
  readonly effectClass: EffectClass;
}

/** What the ladder wants goes before the tool's own row, and that before its effect class. */
export function holdAgainst(policy: Policy | null, { chain, tool, effectClass }: Asked): Hold | null {
  if (effectClass !== "read" && approvesEach(chain)) {
    const reason = "each effect of the chain is approved, since it is in doubt";
    return { kind: "hold", rule: DEGRADATION, reason, evidence: [] };
  }
  const { approve } = own(policy?.tools ?? {}, tool) ?? {};
  const { effects } = policy?.approvals ?? DEFAULT_APPROVALS;
  if (approve === "always") return holdOf(`every call of ${tool} is approved (tools.${tool}.approve)`);
  if (approve === "never" || !effects.includes(effectClass)) return null;
  return holdOf(`every ${effectClass} effect is approved (approvals.effects)`);
}

const holdOf = (reason: string): Hold => ({ kind: "hold", rule: "approve", reason, evidence: [] });

/** Evidence that a request cites at most, and characters of its reason. */
const EVIDENCE_MOST = 16;
const REASON_CHARACTERS = 2048;

type Request = Pick<
  MessageOf<"ApprovalRequested">,
  "callId" | "step" | "tool" | "effectClass" | "effectKey" | "args" | "argsHash" | "subject" | "expects" | "toolDigest"
>;

/** Asks a person. The chain's deadline still counts. */
export function requestApproval(turn: Turn, about: About, request: Request, hold: Hold): void {
  const { expiresMs } = turn.state.policy?.approvals ?? DEFAULT_APPROVALS;
  const untilMs = Math.max(turn.env.atMs, turn.state.atMs) + expiresMs;
  const deadlineAtMs = about.chain?.deadlineAtMs ?? 0;
  const expiresAtMs = deadlineAtMs > 0 ? Math.min(untilMs, deadlineAtMs) : untilMs;
  const { rule, reason, evidence } = hold;
  emit(turn, "ApprovalRequested", about, {
    ...request,
    rule,
    reason: reason.slice(0, REASON_CHARACTERS),
    evidence: evidence.slice(0, EVIDENCE_MOST),
    expiresAtMs,
  });
}
