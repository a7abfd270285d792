/** The record by which a rung is taken. Pure: door and supervisor know from the state which one has to come. */
import type { BusEvent } from "@busbar/events";
import { sha256Hex } from "@busbar/kernel";
import type { ChainState } from "../partition-state.ts";
import type { Rung } from "../policy-document.ts";
import type { Narrowing } from "./ladder.ts";

/** Type of the record of each rung. */
export const RECORD_OF: Readonly<Record<Rung, BusEvent["type"]>> = {
  "read-only": "ChainDegraded",
  approve: "ScopeNarrowed",
  halt: "ChainHalted",
  "hand-off": "HandedOff",
};

/** Id of a hand-off that a rule made: one of a chain is open at a time. */
export const ruleHandOff = (chainId: string): string => `${chainId}:handoff`;

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly end: string;
}

/** Positions of a chain up to now, as `handoffs show` reads them. */
export const contextOf = (chain: ChainState, { topic, partition, end }: Place): string =>
  `${topic}/${partition}/${chain.submitted}..${end}`;

/** Its fields without meta. */
export function stepOf(chain: ChainState, { rung, rule, reason, evidence }: Narrowing, place: Place): object {
  const why = { type: RECORD_OF[rung], rule, ruleVersion: 1, reason, evidence };
  if (rung === "halt") return { ...why, directive: "" };
  if (rung === "approve") return { ...why, rung };
  if (rung !== "hand-off") return why;
  const { type, ruleVersion } = why;
  const asked = { callId: ruleHandOff(chain.chainId), step: 0, question: reason, argsHash: sha256Hex(reason) };
  return { type, ...asked, rule, ruleVersion, evidence, context: contextOf(chain, place) };
}
