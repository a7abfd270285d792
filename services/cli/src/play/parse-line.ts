/** One line of a transcript file, in whichever of the known forms it is. Never throws. */
import { isJsonObject, type Json, reasonOf } from "@busbar/kernel";
import { messagesOf, parseMessages } from "./parse-messages.ts";
import { parseRecorded } from "./parse-recorded.ts";
import { LineFault, type ParsedLine, type RecordedRun } from "./recorded-run.ts";

/** The run of a line, or why it is none. */
export function parseLine(text: string): ParsedLine {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { ok: false, reason: `it is not JSON: ${reasonOf(error)}` };
  }
  try {
    return { ok: true, run: runOf(value) };
  } catch (error) {
    if (error instanceof LineFault) return { ok: false, reason: error.message };
    throw error;
  }
}

function runOf(value: Json): RecordedRun {
  const events = isJsonObject(value) ? value["events"] : undefined;
  if (isJsonObject(value) && Array.isArray(events)) return parseRecorded(value, events as readonly Json[]);
  const messages = messagesOf(value);
  if (messages !== null) return parseMessages(value, messages);
  throw new LineFault("it is neither a recorded run (events) nor a list of messages");
}
