/** How an error is said: what, where, why, and what to type next; and with which exit code the command ends. */
import { busbarError, type BusbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import type { OutputForm } from "./output.ts";
import { toJsonText } from "./output.ts";
import { plain } from "./table.ts";

/** Anything thrown as an error of the table. What is not ours is an internal error. */
export function asBusbarError(thrown: unknown): BusbarError {
  return isBusbarError(thrown) ? thrown : busbarError("BUSBAR_INTERNAL", { reason: reasonOf(thrown) }, thrown);
}

/** Where it happened, from the fields that name a place and that the message itself does not hold. */
function placeOf(error: BusbarError): string {
  const places = ["file", "line", "topic", "partition", "chain", "tool", "agent"].flatMap((name) => {
    const value = error.fields[name];
    if (value === undefined || value === "" || error.message.includes(String(value))) return [];
    return [`${name} ${String(value)}`];
  });
  return places.join(", ");
}

function causeOf(error: BusbarError): string {
  if (error.cause === undefined) return "";
  const reason = reasonOf(error.cause);
  return error.message.includes(reason) ? "" : reason;
}

/** The text for a person; in the JSON forms one JSON line. Ends with a newline. */
export function renderFailure(error: BusbarError, form: OutputForm): string {
  const { code, message, next, row } = error;
  if (form !== "table") {
    return `${toJsonText({ error: { code, message, exitCode: row.exitCode, fields: error.fields, next } })}\n`;
  }
  const lines = [
    ["where", placeOf(error)],
    ["why", causeOf(error)],
    ["code", `${code} (npx busbar explain ${code})`],
    ["next", next],
  ].flatMap(([name = "", text = ""]) => (text === "" ? [] : [`  ${`${name}:`.padEnd(7)}${plain(text)}`]));
  // The message may quote what a program said over several lines; each of them stays a line.
  const said = message.split("\n").map(plain).join("\n  ");
  return `busbar: ${said}\n${lines.join("\n")}\n`;
}
