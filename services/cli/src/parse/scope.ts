/** Scopes as they are typed: `fleet`, `agent:<name>`, `tool:<name>`, `chain:<id>`. */
import { parseScope } from "@busbar/events";
import { busbarError } from "@busbar/kernel";

/** The text where it is a scope. Throws BUSBAR_INPUT_INVALID, with what was probably meant. */
export function scopeArgument(text: string): string {
  if (parseScope(text) !== null) return text;
  const isName = /^[A-Za-z0-9_.-]+$/.test(text);
  const meant = /^[0-9a-f]{32}$/.test(text) ? `chain:${text}` : `agent:${text}`;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "the scope",
    reason: `"${text}" is none of fleet, agent:<name>, tool:<name>, chain:<id>`,
    next: isName ? `write ${meant}` : "npx busbar status",
  });
}
