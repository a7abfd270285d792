/** Keys of breakers as they are typed: `mail.send` or `tool:mail.send`, `agent:support`, `agent:support/tool:mail.send`. */
import { busbarError } from "@busbar/kernel";
import { parseBreakerKey } from "@busbar/policy";

/** The key; a bare name is that of a tool. Throws BUSBAR_INPUT_INVALID. */
export function breakerKeyArgument(text: string): string {
  const key = text.includes(":") ? text : `tool:${text}`;
  if (parseBreakerKey(key) !== null && key !== "tool:") return key;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "the breaker",
    reason: `"${text}" is none of tool:<name>, agent:<name>, agent:<name>/tool:<name>`,
    next: "npx busbar breakers",
  });
}

/** As short as it can be typed. */
export function shortBreakerKey(key: string): string {
  return key.startsWith("tool:") ? key.slice("tool:".length) : key;
}
