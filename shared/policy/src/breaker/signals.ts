/** Stage 1 of the supervisor, the pure part: what an events partition tells about tools, and whether its door kept the
 * rules (PROTOCOL 6.7, 7.1). */
import type { BusEvent, EventBody } from "@busbar/events";
import { own } from "@busbar/kernel";
import type { PartitionState } from "../partition-state.ts";
import { isLostAnswer } from "../replay/facts.ts";
import { offsetOf } from "../replay/offsets.ts";

export type ToolOutcomeBody = EventBody<"ToolOutcome">;

/** A tool's outcome that counts across chains, or a refused call that waits for its breaker; null for all else. */
export function signalOf(event: BusEvent, partition: number, probe: string): ToolOutcomeBody | null {
  const found = judge(event);
  if (found === null) return null;
  const { meta } = event;
  return {
    tool: found.tool,
    agent: meta.agent,
    chainId: meta.chainId,
    ok: found.ok,
    code: found.code,
    probe,
    sourcePartition: partition,
    sourceOffset: offsetOf(meta.eventId),
    rule: "tool-outcome",
    index: 0,
    atMs: meta.atMs,
  };
}

function judge(event: BusEvent): { readonly tool: string; readonly ok: boolean; readonly code: string } | null {
  switch (event.type) {
    case "EffectCommitted":
      return { tool: event.tool, ok: true, code: "" };
    case "EffectFailed":
      return event.final && event.code !== "BUSBAR_THROTTLED"
        ? { tool: event.tool, ok: false, code: event.code }
        : null;
    case "EffectCommittedInvalid":
      return { tool: event.tool, ok: false, code: "BUSBAR_RESULT_INVALID" };
    case "EffectInDoubt":
      // A doubt that only another attempt can end wants the tool like a call that is refused.
      if (event.code === "BUSBAR_BREAKER_OPEN") return { tool: event.tool, ok: false, code: event.code };
      return isLostAnswer(event.code) ? { tool: event.tool, ok: false, code: event.code } : null;
    case "EffectRefused":
      return event.code === "BUSBAR_BREAKER_OPEN" ? { tool: event.tool, ok: false, code: event.code } : null;
    default:
      return null;
  }
}

/** Halts that no rule over outcomes asks for: the door sees their cause itself. */
const DECIDED_BY_DOOR: ReadonlySet<string> = new Set(["divergence", "contradicted"]);

/**
 * Disagreement of the door with the rules, looked at before the event is replayed: a trip that the next event of its
 * chain does not record, or a halt that no rule asked for. Null when they agree.
 */
export function disagreement(before: PartitionState, event: BusEvent): string | null {
  const chain = own(before.chains, event.meta.chainId);
  if (chain === undefined) return null;
  const isRuleHalt = event.type === "ChainHalted" && event.directive === "" && !DECIDED_BY_DOOR.has(event.rule);
  if (chain.trip !== null && !isRuleHalt) return `${chain.trip.rule} tripped and the door recorded ${event.type}`;
  if (chain.trip === null && isRuleHalt) return `the door halted by ${event.rule} and no rule tripped`;
  if (chain.trip !== null && isRuleHalt && chain.trip.rule !== event.rule) {
    return `${chain.trip.rule} tripped and the door halted by ${event.rule}`;
  }
  return null;
}
