import { describe, expect, it } from "vitest";
import { breakerKeyArgument, shortBreakerKey } from "./breaker-key.ts";

describe("the key of a breaker, as it is typed", () => {
  it.each([
    ["mail.send", "tool:mail.send"],
    ["tool:mail.send", "tool:mail.send"],
    ["agent:support", "agent:support"],
    ["agent:support/tool:mail.send", "agent:support/tool:mail.send"],
  ])("%s is %s [cli:breakers-list]", (text, key) => {
    expect(breakerKeyArgument(text)).toBe(key);
    expect(breakerKeyArgument(shortBreakerKey(key))).toBe(key);
  });

  it.each(["", "agent:", "chain:c", "fleet:", "agent:a/mail.send"])("%j is refused [cli:breakers-list]", (text) => {
    expect(() => breakerKeyArgument(text)).toThrow(/none of tool:<name>/u);
  });
});
