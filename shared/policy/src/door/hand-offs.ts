/**
 * Hand-offs: decisions that a person owns (PROTOCOL 4.2, 5.5).
 *
 * H1 A hand-off is a record with the positions of all that led to it. It waits as long as its chain, holds no process,
 *    and is no error.
 * H2 Its answer is a record of the chain, so it reaches a handler that has been started anew meanwhile.
 * H3 Who has taken one answers it; a person's word names the record that it is about.
 */
import { confidenceHash, isPercent, type MessageOf, QUESTION_CHARACTERS } from "@busbar/events";
import { canonicalJson, own, parseJson, sha256Hex } from "@busbar/kernel";
import { contextOf } from "../degradation/step-record.ts";
import type { CallState } from "../partition-state.ts";
import { about, type Asked, callIdOf, refuse, spent, stopped } from "./calls.ts";
import { emit, type Turn } from "./turn.ts";

/** An agent asks a person. */
export function decideHandOff(turn: Turn, asked: Asked<MessageOf<"HandOff">>): void {
  const { command, chain } = asked;
  const { step, question } = command;
  const isLong = question.length > QUESTION_CHARACTERS;
  const problem =
    stopped(turn, chain, "HandedOff") ??
    spent(turn, chain, step) ??
    (isLong
      ? { code: "BUSBAR_INPUT_INVALID" as const, reason: `a question has ${QUESTION_CHARACTERS} characters` }
      : null);
  if (problem !== null) return refuse(turn, asked, question.slice(0, QUESTION_CHARACTERS), problem);
  const { state, env } = turn;
  const context = contextOf(chain, { topic: env.topic, partition: state.partition, end: state.end });
  const decided = { rule: "", ruleVersion: 0, evidence: [] };
  const body = { callId: callIdOf(asked), step, question, argsHash: sha256Hex(question), context };
  emit(turn, "HandedOff", about(asked), { ...body, ...decided });
}

/** An agent says how sure it is. Its word is never evidence for it, only against. */
export function decideConfidence(turn: Turn, asked: Asked<MessageOf<"ReportConfidence">>): void {
  const { command, chain } = asked;
  const { step, percent, about: what } = command;
  const problem =
    stopped(turn, chain, "ConfidenceReported") ??
    spent(turn, chain, step) ??
    (isPercent(percent)
      ? null
      : { code: "BUSBAR_INPUT_INVALID" as const, reason: `${percent} is not 0 to 100 percent` });
  if (problem !== null) return refuse(turn, asked, `${percent} ${what}`, problem);
  const argsHash = confidenceHash(percent, what);
  emit(turn, "ConfidenceReported", about(asked), { callId: callIdOf(asked), step, percent, about: what, argsHash });
}

type Word = MessageOf<"TakeHandOff"> | MessageOf<"AnswerHandOff">;

function wordProblem(command: Word, call: CallState | undefined, principal: string): string | null {
  if (call?.kind !== "handoff" || call.handOff === null) return "no such hand-off waits";
  if (call.admitted !== command.asked) return `the hand-off that waits is at offset ${call.admitted}`;
  const { takenBy } = call.handOff;
  if (command.type === "TakeHandOff") return takenBy === "" ? null : `${takenBy} has taken it`;
  if (takenBy !== "" && takenBy !== principal) return `${takenBy} has taken it`;
  return parseJson(command.answer) === undefined ? "the answer is not JSON" : null;
}

/** A person takes or answers a hand-off; it stands on the log with who signed it. */
export function decideHandOffWord(turn: Turn, command: Word, principal: string, causationId: string): void {
  const { callId, reason, meta } = command;
  const chain = own(turn.state.chains, meta.chainId);
  const call = chain === undefined ? undefined : own(chain.calls, callId);
  const problem = chain === undefined ? "no such chain" : wordProblem(command, call, principal);
  if (chain === undefined || problem !== null) {
    const why = problem ?? "no such chain";
    const rejection = { code: "BUSBAR_NOT_FOUND", reason: why, commandType: command.type, topic: "", offset: "" };
    emit(turn, "CommandRejected", { chainId: meta.chainId, causationId }, { ...rejection, callId });
    return;
  }
  const by = { callId, by: principal, reason };
  if (command.type === "TakeHandOff") emit(turn, "HandOffTaken", { chain, causationId }, by);
  else {
    const answer = canonicalJson(parseJson(command.answer) ?? null);
    emit(turn, "HandOffAnswered", { chain, causationId }, { ...by, answer });
  }
}
