/**
 * Models that answer from a recording: the same turn always gets the same answer, on every machine and in every
 * incarnation of a chain. The turn is `request.turn` where the caller gives it, else the number of answers of the
 * model that the request's messages already hold.
 */
import { defineModel, type ModelDefinition, type ModelReply, type ModelRequest } from "@busbar/agent";
import type { Json, JsonObject } from "@busbar/kernel";

interface RecordedCall {
  readonly tool: string;
  readonly args: JsonObject;
}

interface RecordedTurn {
  readonly content: string;
  /** None: the model is done. */
  readonly calls: readonly RecordedCall[];
}

export interface Recording {
  readonly about: string;
  /** Starts again after the last turn, for ever. Default: the last turn is answered again and again. */
  readonly repeat?: boolean;
  readonly turns: readonly RecordedTurn[];
}

/** About four characters a token: enough for a budget to be seen spent. */
const CHARACTERS_PER_TOKEN = 4;

const NUMBER = /^\{turn\*(\d+)\+(\d+)\}$/;

const fillText = (text: string, turn: number): string => text.replaceAll("{turn}", String(turn));

/** A value with `{turn}` filled in; a text that is just `{turn*a+b}` becomes that number. */
function fill(value: Json, turn: number): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((entry) => fill(entry, turn));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, fill(entry, turn)]));
  }
  if (typeof value !== "string") return value;
  const number = NUMBER.exec(value);
  if (number !== null) return turn * Number(number[1]) + Number(number[2]);
  return fillText(value, turn);
}

function turnOf(request: ModelRequest): number {
  const given = request["turn"];
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return given;
  return request.messages.filter((message) => message.role === "assistant").length;
}

function reply(model: string, turn: number, recorded: RecordedTurn, request: ModelRequest): ModelReply {
  const content = fillText(recorded.content, turn);
  const calls = recorded.calls.map((call, index) => ({
    id: `${model}-${turn}-${index}`,
    type: "function" as const,
    function: { name: call.tool, arguments: JSON.stringify(fill(call.args, turn)) },
  }));
  const read = request.messages.reduce((sum, message) => sum + (message.content?.length ?? 0), 0);
  return {
    message: { role: "assistant", content, ...(calls.length === 0 ? {} : { tool_calls: calls }) },
    usage: {
      inputTokens: Math.ceil(read / CHARACTERS_PER_TOKEN),
      outputTokens: Math.ceil((content.length + JSON.stringify(calls).length) / CHARACTERS_PER_TOKEN),
    },
  };
}

/** A model that answers from `recording`. Throws when it holds no turn. */
export function recordedModel(name: string, recording: Recording): ModelDefinition {
  const { turns } = recording;
  const last = turns.at(-1);
  if (last === undefined) throw new Error(`the recording of ${name} has no turn`);
  return defineModel({
    name,
    complete(request) {
      const turn = turnOf(request);
      const recorded = turns[recording.repeat === true ? turn % turns.length : turn] ?? last;
      return reply(name, turn, recorded, request);
    },
  });
}
