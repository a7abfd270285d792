/**
 * Directives at the door (PROTOCOL 6.2): applied by a record, which for a halt is its acknowledgement. It takes back
 * what this turn admitted and the halt covers, and names in flight only what was started or inherited open.
 */
import { type AppliedDirective, covers, type InFlight } from "@busbar/events";
import { busbarError, utf8Length } from "@busbar/kernel";
import type { ChainState } from "../partition-state.ts";
import { isSettledTrip } from "../replay/directives.ts";
import { scopeCoversChain } from "../replay/replay.ts";
import { assignDeployed, reassign } from "./assign.ts";
import type { Acknowledging, Input } from "./inputs.ts";
import { abandonUnstarted, attempt, emit, RECORD_OVERHEAD_BYTES, roomLeft, type Turn } from "./turn.ts";

/** Directives in one record; more become further records. */
export const DIRECTIVES_PER_RECORD = 32;
/** Chains that a resume sets running again in one turn; the rest comes with the timers. */
export const RESUMES_PER_TURN = 64;
/** Meta and framing of a record of directives, from above, bytes. */
const RECORD_BYTES = 4096;
/** Framing of one entry of a list, bytes. */
const ENTRY_BYTES = 64;

type DirectivesInput = Extract<Input, { kind: "directives" }>;

const isHalt = (applied: AppliedDirective): boolean => applied.kind === "Halt";

const bytesOf = (fields: object): number =>
  Object.values(fields).reduce((sum: number, field) => sum + utf8Length(String(field)), ENTRY_BYTES);

/**
 * Applies directives as records, as many as this append takes. A halt's acknowledgement that names more calls than fit
 * is written in parts: records without directives that only name, in appends of their own if need be, and last the one
 * that applies the halt. Nothing else is decided between them, so the names are those of the moment of the halt.
 */
export function decideDirectives(turn: Turn, input: DirectivesInput): Input | null {
  const { applied, through } = input;
  if (BigInt(through) <= BigInt(turn.state.through)) return null;
  let { acknowledging } = input;
  while (BigInt(turn.state.through) < BigInt(through)) {
    const current = acknowledging ?? nextChunk(turn, applied, through);
    if (current === null) return { ...input, ...(acknowledging === undefined ? {} : { acknowledging }) };
    const rest = applyChunk(turn, current);
    if (rest !== null) return { kind: "directives", applied, through, acknowledging: rest };
    acknowledging = undefined;
  }
  resumeChains(turn);
  assignDeployed(turn);
  return null;
}

/** As many directives from the first on as go into `room` bytes; half of an append is left to names of what is in flight. */
function fitting(fresh: readonly AppliedDirective[], room: number, halfBytes: number): readonly AppliedDirective[] {
  let bytes = 0;
  const end = fresh.slice(0, DIRECTIVES_PER_RECORD).findIndex((directive, index) => {
    bytes += bytesOf(directive);
    return bytes > room || (index > 0 && bytes > halfBytes);
  });
  return fresh.slice(0, end < 0 ? DIRECTIVES_PER_RECORD : end);
}

/** The directives of the next record; null where not even one fits beside what this append already holds. */
function nextChunk(turn: Turn, applied: readonly AppliedDirective[], through: string): Acknowledging | null {
  const fresh = applied.filter((directive) => BigInt(directive.offset) >= BigInt(turn.state.through));
  const room = roomLeft(turn) - RECORD_OVERHEAD_BYTES - RECORD_BYTES;
  const chunk = fitting(fresh, room, turn.env.batchBytes / 2);
  const last = chunk.at(-1);
  const isWhole = chunk.length === fresh.length;
  if (room < 0 || (last === undefined && !isWhole)) {
    if (turn.emitted.length > 0) return null;
    throw busbarError("BUSBAR_APPEND_REFUSED", { what: `directive ${fresh[0]?.offset ?? through}` });
  }
  const reached = isWhole || last === undefined ? through : (BigInt(last.offset) + 1n).toString();
  return { chunk, reached, abandoned: [], named: 0 };
}

/** Null when the chunk is applied; else what is left to be named. */
function applyChunk(turn: Turn, current: Acknowledging): Acknowledging | null {
  const { chunk, reached } = current;
  if (!chunk.some(isHalt)) {
    emit(turn, "DirectivesApplied", {}, { through: reached, applied: chunk });
    return null;
  }
  const halts = chunk.filter((directive) => isHalt(directive) && !isSettledTrip(turn.state, directive));
  const isCovered = (chainId: string, tool: string): boolean => {
    const chain = turn.state.chains[chainId];
    return chain !== undefined && halts.some((halt) => coversCall(halt.scope, chain, tool));
  };
  let { abandoned } = current;
  const chains = [...turn.admitted].map((callId) => callId.slice(0, callId.lastIndexOf(":")));
  const takeBack = (): void => {
    abandoned = [...abandoned, ...abandonUnstarted(turn, isCovered, "a halt came before the effect was started")];
  };
  // Where there is no room to take back what this turn admitted, it is acknowledged first, and the fire step sees the
  // halt that waits (PROTOCOL 5.3).
  if (!attempt(turn, chains, takeBack)) return current;
  return nameInFlight(turn, { ...current, abandoned }, openEffects(turn, isCovered));
}

/** Names what fits; with the last names the halt takes effect. */
function nameInFlight(turn: Turn, current: Acknowledging, inFlight: readonly InFlight[]): Acknowledging | null {
  const { chunk, reached, abandoned, named } = current;
  const fixed = [...chunk, ...abandoned.map((callId) => ({ callId }))].reduce((sum, entry) => sum + bytesOf(entry), 0);
  let left = roomLeft(turn) - RECORD_OVERHEAD_BYTES - RECORD_BYTES - fixed;
  const part: InFlight[] = [];
  for (const call of inFlight.slice(named)) {
    left -= bytesOf(call);
    if (left < 0) break;
    part.push(call);
  }
  if (left >= 0) {
    emit(turn, "HaltAcknowledged", {}, { through: reached, applied: chunk, abandoned, inFlight: part });
    return null;
  }
  if (part.length > 0) {
    const { through } = turn.state;
    emit(turn, "HaltAcknowledged", {}, { through, applied: [], abandoned: [], inFlight: part });
  }
  return { ...current, named: named + part.length };
}

function coversCall(scope: string, chain: ChainState, tool: string): boolean {
  return covers(scope, { agent: chain.agent, tool, lineage: chain.lineage });
}

function openEffects(turn: Turn, isCovered: (chainId: string, tool: string) => boolean): readonly InFlight[] {
  const inFlight: InFlight[] = [];
  for (const chain of Object.values(turn.state.chains)) {
    for (const [callId, call] of Object.entries(chain.calls)) {
      if (call.kind !== "tool" || (call.status !== "open" && call.status !== "in-doubt")) continue;
      if (!isCovered(chain.chainId, call.name)) continue;
      inFlight.push({ chainId: chain.chainId, callId, effectKey: call.effectKey, tool: call.name, state: call.status });
    }
  }
  return inFlight;
}

/** Chains that a resume set free run again, from their journal, as a new incarnation; at a bounded rate. */
export function resumeChains(turn: Turn): void {
  let resumed = 0;
  for (const { chainId, freed } of Object.values(turn.state.chains)) {
    if (!freed) continue;
    if (resumed >= RESUMES_PER_TURN || !attempt(turn, [chainId], () => resumeChain(turn, chainId))) return;
    resumed += 1;
  }
}

function resumeChain(turn: Turn, chainId: string): void {
  const chain = turn.state.chains[chainId];
  if (chain === undefined) return;
  const stillCovered = Object.entries(turn.state.fences).find(([scope]) => scopeCoversChain(scope, chain));
  if (stillCovered !== undefined) {
    const [, fence] = stillCovered;
    const body = { rule: "halt", ruleVersion: 1, reason: fence.reason, evidence: [], directive: fence.fence };
    emit(turn, "ChainHalted", { chain }, body);
    return;
  }
  const reason = "the halt was lifted";
  emit(turn, "ChainResumed", { chain }, { directive: turn.state.through, reason, by: "operator" });
  reassign(turn, chainId, reason);
}
