/** For properties of the door: what a drawn word of a person is about. */
import type { CommandBody } from "../door/testing.ts";
import type { ChainState } from "../partition-state.ts";

export function ofOpenHandOff<T extends CommandBody>(body: T, calls: ChainState["calls"]): T {
  const open = Object.entries(calls).find(([, { handOff }]) => handOff !== null);
  return open === undefined ? body : { ...body, callId: open[0], asked: open[1].admitted };
}

export function handOffWord(callId: string, isTaken: boolean): CommandBody {
  const word = { callId, asked: "", reason: "", by: "operator:x" };
  return isTaken ? { type: "TakeHandOff", ...word } : { type: "AnswerHandOff", answer: "1", ...word };
}
