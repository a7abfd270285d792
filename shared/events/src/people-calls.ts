/** Calls of a handler that are about people, as agent and door name them: both hash the same text. */
import { sha256Hex } from "@busbar/kernel";

/** Under which names the calls are recorded. */
export const HANDOFF_NAME = "person";
export const CONFIDENCE_NAME = "confidence";

/** Longest question to a person, characters. */
export const QUESTION_CHARACTERS = 16_384;

/** SHA-256 hex of what an agent says of its confidence. */
export function confidenceHash(percent: number, about: string): string {
  return sha256Hex(`${percent} ${about}`);
}

/** Whether it says anything: whole percents from 0 to 100. */
export function isPercent(percent: number): boolean {
  return Number.isSafeInteger(percent) && percent >= 0 && percent <= 100;
}
