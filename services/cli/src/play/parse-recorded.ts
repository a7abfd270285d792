/** Recorded runs: `{run_id, events: [{kind, …}], label}`; tool events hold call, answer and what the tool does. */
import { isJsonObject, type Json, type JsonObject } from "@busbar/kernel";
import { effectOfMark } from "./effect-of-tool.ts";
import { Talk } from "./talk.ts";
import {
  argsAt,
  LineFault,
  objectAt,
  type RecordedAnswer,
  type RecordedCall,
  type RecordedRun,
  reasonAt,
  resultAt,
  type RunLabel,
  textAt,
  toolAt,
} from "./recorded-run.ts";

/** The run of a line. Throws LineFault. */
export function parseRecorded(line: JsonObject, events: readonly Json[]): RecordedRun {
  const calls = events.flatMap((event, index) => {
    const at = `events[${index}]`;
    const found = objectAt(event, at);
    return textAt(found["kind"], `${at}.kind`) === "tool" ? [callOf(found, at)] : [];
  });
  const id = line["run_id"];
  const talk = new Talk();
  let before = 0;
  for (const event of events as readonly JsonObject[]) {
    if (event["kind"] === "tool") before += 1;
    else talk.add(event["kind"], event["text"], before);
  }
  return {
    id: typeof id === "string" || typeof id === "number" ? String(id) : "",
    calls,
    unanswered: 0,
    label: labelOf(line["label"] ?? null, calls.length),
    ...talk.taken,
  };
}

function callOf(event: JsonObject, at: string): RecordedCall {
  const tool = toolAt(event["tool"], `${at}.tool`);
  const args = argsAt(event["args"], `${at}.args`);
  return { tool, args, answer: answerOf(event, at), effect: effectOfMark(tool, event["rw"]) };
}

function answerOf(event: JsonObject, at: string): RecordedAnswer {
  const { result, is_error: isError = false, error } = event;
  if (typeof isError !== "boolean") throw new LineFault(`${at}.is_error is not true or false`);
  if (isError) return { kind: "error", reason: reasonAt(error ?? result ?? "") };
  if (result === undefined) throw new LineFault(`${at}.result is missing`);
  return { kind: "result", result: resultAt(result, `${at}.result`) };
}

function labelOf(label: Json, callCount: number): RunLabel | null {
  if (!isJsonObject(label) || label["trusted"] === false) return null;
  const { outcome, wrong_write_calls: wrong = [] } = label;
  if (outcome !== "pass" && outcome !== "fail") return null;
  if (!Array.isArray(wrong)) throw new LineFault("label.wrong_write_calls is not a list");
  const wrongWrites = wrong.map((index: Json) => {
    if (typeof index === "number" && Number.isInteger(index) && index >= 0 && index < callCount) return index;
    throw new LineFault(`label.wrong_write_calls names call ${JSON.stringify(index)} of ${callCount}`);
  });
  return { outcome, wrongWrites: [...new Set(wrongWrites)] };
}
