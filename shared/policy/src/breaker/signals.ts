/**
 * Stage 1 of the supervisor, the pure part: what an events partition tells about tools and agents, and whether its door
 * kept the rules (PROTOCOL 6.7, 7.1).
 *
 * Which breaker an error counts for:
 * S1 What a tool makes of a call (failure, lost answer, malformed result) counts for the tool, for the agent at the tool,
 *    and for the agent. Success counts for all three as well.
 * S2 A call refused for what the agent asked is the agent's error and never the tool's; where its arguments are wrong it
 *    also counts for the agent at the tool.
 * S3 A call refused for what stands (halt, freeze, breaker, another tool than the policy's) or for what a chain has used
 *    up is nobody's. Refused by breakers, it asks each of them for a probe.
 */
import type { BusEvent, EventBody, MessageOf } from "@busbar/events";
import { own } from "@busbar/kernel";
import { DEGRADATION, HAND_OFF_ON_HALT } from "../degradation/ladder.ts";
import { RECORD_OF } from "../degradation/step-record.ts";
import type { ChainState, PartitionState } from "../partition-state.ts";
import { isLostAnswer } from "../replay/facts.ts";
import { offsetOf } from "../replay/offsets.ts";
import { agentKey, breakerKeys, pairKey } from "./keys.ts";

export type ToolOutcomeBody = EventBody<"ToolOutcome">;

/** What a record of a signal can say. */
const DURATION_MOST_MS = 2_147_483_647;

interface Judged {
  readonly tool: string;
  readonly ok: boolean;
  readonly code: string;
  readonly keys: readonly string[];
}

/**
 * What an event says to breakers, one signal for each; numbered, so that each is known by its place. `probes`: grants
 * that its call spent, by key.
 */
export function signalsOf(
  event: BusEvent,
  state: Pick<PartitionState, "partition" | "breakers">,
  probes: Readonly<Record<string, string>>,
): readonly ToolOutcomeBody[] {
  const found = judge(event, state);
  if (found === null) return [];
  const { tool, ok, code } = found;
  const durationMs = "durationMs" in event ? Math.min(event.durationMs, DURATION_MOST_MS) : 0;
  const { agent, chainId, eventId, atMs } = event.meta;
  const at = { sourcePartition: state.partition, sourceOffset: offsetOf(eventId), rule: "tool-outcome", atMs };
  return found.keys.map((key, index) => {
    const probe = own(probes, key) ?? "";
    return { key, tool, agent, chainId, ok, code, probe, durationMs, ...at, index };
  });
}

/** Refusals for what the agent asked, and whether its arguments for a known tool were the fault. */
const OWN_ERRORS: Readonly<Record<string, "arguments" | "call">> = {
  BUSBAR_CHECK_FAILED: "arguments",
  BUSBAR_INPUT_INVALID: "arguments",
  BUSBAR_TOOL_FORBIDDEN: "call",
  BUSBAR_TOOL_UNKNOWN: "call",
};

function judge(event: BusEvent, { breakers }: Pick<PartitionState, "breakers">): Judged | null {
  const { agent } = event.meta;
  const ended = (tool: string, code: string): Judged => {
    return { tool, ok: code === "", code, keys: breakerKeys(agent, tool) };
  };
  const wants = (tool: string): Judged => {
    const keys = breakerKeys(agent, tool).filter((key) => own(breakers, key) !== undefined);
    return { tool, ok: false, code: "BUSBAR_BREAKER_OPEN", keys };
  };
  switch (event.type) {
    case "EffectCommitted":
      // Where a look is due, that tells.
      return event.readBack === "" ? ended(event.tool, "") : null;
    case "EffectVerified":
    case "EffectDisputed":
      return ended(event.tool, lookedAt(event));
    case "EffectFailed":
      return event.final && !isNobodys(event.code) ? ended(event.tool, event.code) : null;
    case "EffectCommittedInvalid":
      return ended(event.tool, "BUSBAR_RESULT_INVALID");
    case "EffectInDoubt":
      // A doubt that only another attempt can end wants the tool like a call that is refused.
      if (event.code === "BUSBAR_BREAKER_OPEN") return wants(event.tool);
      return isLostAnswer(event.code) ? ended(event.tool, event.code) : null;
    case "EffectRefused":
      return event.code === "BUSBAR_BREAKER_OPEN" ? wants(event.tool) : refused(agent, event.tool, event.code);
    default:
      return null;
  }
}

/** Who asks to be called later has not failed, and that two chains change one thing is the fault of neither. */
const isNobodys = (code: string): boolean => code === "BUSBAR_THROTTLED" || code === "BUSBAR_STALE";

/** What a look says against the tool; that nobody could look says nothing. */
function lookedAt(event: MessageOf<"EffectVerified"> | MessageOf<"EffectDisputed">): string {
  return event.type === "EffectDisputed" && event.code === "BUSBAR_READ_BACK_MISMATCH" ? event.code : "";
}

function refused(agent: string, tool: string, code: string): Judged | null {
  const fault = own(OWN_ERRORS, code);
  // Refused model calls, sub-tasks and statements stand under a name with a colon, which no tool has.
  if (fault === undefined || tool.includes(":")) return null;
  const keys = fault === "arguments" ? [agentKey(agent), pairKey(agent, tool)] : [agentKey(agent)];
  return { tool, ok: false, code, keys };
}

/** The counterpart that an outcome counts against at a breaker (keys.ts, K1); empty for an error of the agent's own. */
export function peerOf({ key, tool, agent, code }: Pick<ToolOutcomeBody, "key" | "tool" | "agent" | "code">): string {
  if (own(OWN_ERRORS, code) !== undefined) return "";
  return key === agentKey(agent) ? tool : agent;
}

/** Halts that no rule over outcomes asks for: the door sees their cause itself. */
const DECIDED_BY_DOOR: ReadonlySet<string> = new Set(["divergence", "contradicted", DEGRADATION]);

/** What is wrong with the admission of a call that waited for a person; null where nothing is. */
function approvalMissing({ calls }: ChainState, event: MessageOf<"EffectAdmitted">): string | null {
  const { approval = null, argsHash } = own(calls, event.callId) ?? {};
  const granted = approval?.granted ?? "";
  if (event.approval !== granted) return `${event.tool} was admitted under an approval that is none: ${event.approval}`;
  if (approval === null) return null;
  if (granted === "") return `${event.tool} was admitted without an approval`;
  return argsHash === event.argsHash ? null : `${event.tool} was admitted with arguments of which no approval is`;
}

/**
 * Disagreement of the door with the rules, looked at before the event is replayed: a trip that the next event of its
 * chain does not record, a halt that no rule asked for, an admission that a person had to allow and has not. Null when
 * they agree.
 */
export function disagreement(before: PartitionState, event: BusEvent): string | null {
  const chain = own(before.chains, event.meta.chainId);
  if (chain === undefined) return null;
  return (
    shadowDisagreement(chain, event) ??
    tripDisagreement(chain, event) ??
    rungDisagreement(chain, event) ??
    (event.type === "EffectAdmitted" ? approvalMissing(chain, event) : null)
  );
}

function shadowDisagreement({ trip, shadows: [pending] }: ChainState, event: BusEvent): string | null {
  // A halt is told before them.
  if (trip !== null || pending === undefined || event.type === "RuleShadowed") return null;
  return `${pending.rule} tripped in shadow and the door recorded ${event.type}`;
}

const LADDER_RULES: ReadonlySet<string> = new Set([DEGRADATION, HAND_OFF_ON_HALT]);
const LADDER_RECORDS: ReadonlySet<BusEvent["type"]> = new Set(Object.values(RECORD_OF));

const isRungRecord = (event: BusEvent): boolean =>
  LADDER_RECORDS.has(event.type) && "rule" in event && LADDER_RULES.has(event.rule);

/** What a halt takes back stands right behind it. */
const TAKEN_BACK: ReadonlySet<BusEvent["type"]> = new Set(["EffectAbandoned", "EffectInDoubt"]);

/** A rung that is taken is the chain's next record, and none is recorded that is not taken. */
function rungDisagreement({ trip, shadows, narrowing }: ChainState, event: BusEvent): string | null {
  if (trip !== null || shadows.length > 0 || TAKEN_BACK.has(event.type)) return null;
  const found = isRungRecord(event) ? event.type : "nothing";
  const expected = narrowing === null ? "nothing" : RECORD_OF[narrowing.rung];
  if (found === expected) return null;
  return `the ladder asks for ${expected} and the door recorded ${event.type}`;
}

function tripDisagreement(chain: ChainState, event: BusEvent): string | null {
  const isRuleHalt = event.type === "ChainHalted" && event.directive === "" && !DECIDED_BY_DOOR.has(event.rule);
  if (chain.trip !== null && !isRuleHalt) return `${chain.trip.rule} tripped and the door recorded ${event.type}`;
  if (chain.trip === null && isRuleHalt) return `the door halted by ${event.rule} and no rule tripped`;
  if (chain.trip !== null && isRuleHalt && chain.trip.rule !== event.rule) {
    return `${chain.trip.rule} tripped and the door halted by ${event.rule}`;
  }
  return null;
}
