/** What a client knows of the chains that it submitted: how each ended, and who waits for it. */
import { covers, type MessageOf } from "@busbar/events";
import { type Json, parseJson } from "@busbar/kernel";
import type { WatchedEvent } from "./events-watch.ts";

export interface TaskOutcome {
  readonly state: "completed" | "failed" | "halted";
  readonly output?: Json;
  readonly code?: string;
  readonly reason?: string;
  /** Of the event that says so. */
  readonly offset: bigint;
}

/** How many earlier chains are remembered, so that an outcome before `awaitOutcome` is not read again. */
const TRACKED_MAX = 10_000;

/** The end that an event means for a chain, or null. */
function outcomeOf({ event, offset }: WatchedEvent, chain: string, agent: string): TaskOutcome | null {
  if (event.type === "HaltAcknowledged") return haltedBy(event, offset, chain, agent);
  if (event.meta.chainId !== chain) return null;
  switch (event.type) {
    case "TaskCompleted":
      return { state: "completed", output: parseJson(event.output) ?? null, offset };
    case "TaskFailed":
      return { state: "failed", code: event.code, reason: event.reason, offset };
    case "ChainHalted":
      return { state: "halted", code: event.rule, reason: event.reason, offset };
    default:
      return null;
  }
}

/** A halt of a wider scope says so once for all the chains that it covers. Ancestors are unknown here. */
function haltedBy(
  event: MessageOf<"HaltAcknowledged">,
  offset: bigint,
  chain: string,
  agent: string,
): TaskOutcome | null {
  const halt = event.applied.find(({ kind, scope }) => kind === "Halt" && covers(scope, { agent, lineage: [chain] }));
  return halt === undefined
    ? null
    : { state: "halted", code: "BUSBAR_HALT_ACTIVE", reason: `${halt.scope} was halted`, offset };
}

/** What is known of one chain since its submission. */
export interface Track {
  readonly agent: string;
  outcome: TaskOutcome | null;
  readonly waiting: Set<(outcome: TaskOutcome) => void>;
}

/** Begins to keep a chain; the same track for a known one. */
export function track(tracks: Map<string, Track>, chain: string, agent: string): Track {
  const known = tracks.get(chain);
  if (known !== undefined) return known;
  const made: Track = { agent, outcome: null, waiting: new Set() };
  tracks.set(chain, made);
  if (tracks.size > TRACKED_MAX) forgetOldest(tracks);
  return made;
}

/** Forgets the oldest chain that nobody waits for; its handle still finds the outcome in the log. */
function forgetOldest(tracks: Map<string, Track>): void {
  for (const [chain, { waiting }] of tracks) {
    if (waiting.size > 0) continue;
    tracks.delete(chain);
    return;
  }
}

/** Folds one valid event. */
export function observe(tracks: Map<string, Track>, watched: WatchedEvent): void {
  const { event } = watched;
  if (event.type === "HaltAcknowledged") {
    for (const [chain, found] of tracks) conclude(found, outcomeOf(watched, chain, found.agent));
    return;
  }
  const found = tracks.get(event.meta.chainId);
  if (found === undefined) return;
  if (event.type === "TaskAlreadyKnown" && event.state === "halted") {
    conclude(found, { state: "halted", reason: "the chain was halted before", offset: watched.offset });
  }
  // A resumed chain goes on: what stood as its outcome does no more.
  if (event.type === "ChainResumed" || event.type === "TaskAssigned") found.outcome = null;
  conclude(found, outcomeOf(watched, event.meta.chainId, found.agent));
}

function conclude(found: Track, outcome: TaskOutcome | null): void {
  if (outcome === null || found.outcome?.state === "completed" || found.outcome?.state === "failed") return;
  found.outcome = outcome;
  for (const done of found.waiting) done(outcome);
  found.waiting.clear();
}
