/** What a line of a transcript file means, whatever its form: one run of an agent, as far as the bus is concerned. */
import { canonicalJson, isJsonObject, type Json, type JsonObject, reasonOf } from "@busbar/kernel";
import { type EffectClass, PAYLOAD_LIMIT_BYTES } from "@busbar/policy";

export type RecordedAnswer =
  | { readonly kind: "result"; readonly result: Json }
  | { readonly kind: "error"; readonly reason: string };

/** One tool call of a run with the answer that the recording holds. */
export interface RecordedCall {
  readonly tool: string;
  readonly args: JsonObject;
  readonly answer: RecordedAnswer;
  /** As the recording or, where it says nothing, the tool's name has it. */
  readonly effect: EffectClass;
}

/** What somebody else found out about a run. Labels that their author does not trust are not taken. */
export interface RunLabel {
  readonly outcome: "pass" | "fail";
  /** Indices among the run's tool calls, from 0. */
  readonly wrongWrites: readonly number[];
}

/** What the person whom the agent serves answered. */
export interface RecordedTurn {
  /** Calls of the recording before it. */
  readonly before: number;
  /** What the agent had said since the last turn; empty where it said nothing. */
  readonly asked: string;
  readonly answer: string;
}

export interface RecordedRun {
  /** As recorded; empty where the form has none. */
  readonly id: string;
  readonly calls: readonly RecordedCall[];
  /** Calls that the recording ends without an answer to; they are not played. */
  readonly unanswered: number;
  readonly label: RunLabel | null;
  /** The first words of the person, which are the task; empty where there are none. */
  readonly opening: string;
  /** What the person said after that, in order. */
  readonly turns: readonly RecordedTurn[];
}

export type ParsedLine =
  | { readonly ok: true; readonly run: RecordedRun }
  | { readonly ok: false; readonly reason: string };

/** Why a line is no run; the parsers throw it and `parseLine` turns it into a value. */
export class LineFault extends Error {
  override readonly name = "LineFault";
}

/** The value as an object. Throws LineFault. */
export function objectAt(value: Json | undefined, where: string): JsonObject {
  if (value !== undefined && isJsonObject(value)) return value;
  throw new LineFault(`${where} is not an object`);
}

/** The value as a text. Throws LineFault. */
export function textAt(value: Json | undefined, where: string): string {
  if (typeof value === "string") return value;
  throw new LineFault(`${where} is not a text`);
}

const NAME_LENGTH = 256;

/** The value as the name of a tool. Throws LineFault. */
export function toolAt(value: Json | undefined, where: string): string {
  const name = textAt(value, where);
  if (name !== "" && name.length <= NAME_LENGTH && name.isWellFormed()) return name;
  throw new LineFault(`${where} is no name of a tool`);
}

/** Arguments that can go on the log. Throws LineFault. */
export function argsAt(value: Json | undefined, where: string): JsonObject {
  const args = objectAt(value, where);
  const { length } = canonicalAt(args, where);
  if (length <= PAYLOAD_LIMIT_BYTES) return args;
  throw new LineFault(`${where} has ${length} characters of JSON; the bus takes ${PAYLOAD_LIMIT_BYTES}`);
}

/** A result that can go on the log; half a character pair in a text is replaced. Throws LineFault. */
export function resultAt(value: Json | undefined, where: string): Json {
  if (typeof value === "string") return value.toWellFormed();
  const result = value ?? null;
  canonicalAt(result, where);
  return result;
}

const REASON_LENGTH = 2000;

/** The reason of a recorded error, bounded to 2000 characters. */
export function reasonAt(value: Json): string {
  const text = (typeof value === "string" ? value : JSON.stringify(value)).toWellFormed().trim();
  if (text === "") return "the recording says that the call failed";
  return text.length > REASON_LENGTH ? `${text.slice(0, REASON_LENGTH - 1)}…`.toWellFormed() : text;
}

function canonicalAt(value: Json, where: string): string {
  try {
    return canonicalJson(value);
  } catch (error) {
    throw new LineFault(`${where} has no JSON form: ${reasonOf(error)}`);
  }
}
