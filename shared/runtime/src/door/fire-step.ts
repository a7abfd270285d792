/** The fire step (PROTOCOL 5.3): what stands against handing an acknowledged admission to its tool, at this moment. */
import { covers, type MessageOf } from "@busbar/events";
import type { PartitionState } from "@busbar/policy";
import type { Clock } from "../ports.ts";
import type { InputQueue } from "./input-queue.ts";

export interface FirePorts {
  readonly clock: Clock;
  readonly queue: Pick<InputQueue, "hasHaltAgainst">;
  state(): PartitionState | null;
}

/** When a turn began: the fire bound of its admissions counts from here. */
export interface QueuedAt {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Why an effect is not started, and whether another attempt may be. */
export interface AgainstFiring {
  readonly reason: string;
  /** It only came too late. */
  readonly again: boolean;
}

const HALTED: AgainstFiring = { reason: "a halt came before the effect was started", again: false };
const GIVEN_AWAY: AgainstFiring = { reason: "its partition was given away before it was started", again: false };

/** What stands against firing an admission that was acknowledged in this very turn; null where nothing does. */
export function againstFiring(
  { clock, queue }: Pick<FirePorts, "clock" | "queue">,
  { meta, tool, fireBoundMs }: MessageOf<"EffectAdmitted">,
  queued: QueuedAt,
): AgainstFiring | null {
  const elapsedMs = Math.max(clock.monotonicMs() - queued.monotonicMs, clock.nowMs() - queued.wallMs);
  if (queue.hasHaltAgainst({ agent: meta.agent, tool, lineage: meta.lineage })) return HALTED;
  return elapsedMs <= fireBoundMs ? null : { reason: `its fire bound of ${fireBoundMs} ms is over`, again: true };
}

/** The same some turns later, after versions were compared: what was decided and applied meanwhile counts as well. */
export function againstHandingOver(
  ports: FirePorts,
  event: MessageOf<"EffectAdmitted">,
  admitted: string,
  queued: QueuedAt,
): AgainstFiring | null {
  const { meta, callId, tool } = event;
  const state = ports.state();
  const chain = state?.chains[meta.chainId];
  const call = chain?.calls[callId];
  if (state === null || chain === undefined || call?.admitted !== admitted || call.status !== "open") return GIVEN_AWAY;
  const asked = { agent: meta.agent, tool, lineage: meta.lineage };
  const isFenced = chain.halted !== null || Object.keys(state.fences).some((scope) => covers(scope, asked));
  return isFenced ? HALTED : againstFiring(ports, event, queued);
}
