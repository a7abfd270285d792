import { canonicalJson, type Json, sha256Hex } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import {
  ConversationReader,
  HISTORY_FIELD,
  NO_HISTORY,
  partOfRequest,
  readRequest,
  referringRequest,
  requestHash,
  withMessages,
} from "./conversation.ts";
import type { BusEvent } from "./generated/messages.ts";
import { metaWith } from "./meta.ts";

const message = (content: string, role = "user"): Json => ({ role, content });
const [HELLO, HI, MORE] = [message("hello"), message("hi", "assistant"), message("more")];
const meta = metaWith({ eventId: "e", atMs: 1, chainId: "c" });

const admitted = (callId: string, request: Json): BusEvent =>
  ({ type: "ModelCallAdmitted", meta, callId, request: canonicalJson(request) }) as BusEvent;
const completed = (callId: string, response: Json, claimCheck: object | null = null): BusEvent =>
  ({
    type: "ModelCallCompleted",
    meta: { ...meta, claimCheck },
    callId,
    response: claimCheck === null ? canonicalJson(response) : "",
  }) as BusEvent;

const referring = (messages: readonly Json[], earlier: readonly Json[], more: object = {}): Json => ({
  ...more,
  [HISTORY_FIELD]: { ...withMessages(NO_HISTORY, earlier) },
  messages,
});

describe("the head of a conversation", () => {
  it("is over each message and their order, however they are grouped [models:history-by-digest]", () => {
    const whole = withMessages(NO_HISTORY, [HELLO, HI, MORE]);
    expect(withMessages(withMessages(NO_HISTORY, [HELLO]), [HI, MORE])).toEqual(whole);
    expect(whole.messages).toBe(3);
    expect(whole.bytes).toBe([HELLO, HI, MORE].map(canonicalJson).join("").length);
    for (const other of [
      [MORE, HI, MORE],
      [HELLO, MORE, HI],
      [HELLO, HI],
      [HELLO, HI, message("more ")],
    ])
      expect(withMessages(NO_HISTORY, other).head).not.toBe(whole.head);
  });
});

describe("a request", () => {
  it("has one hash, whole or referring, and another one for other messages or fields [models:history-by-digest]", () => {
    const whole = { temperature: 1, messages: [HELLO, HI, MORE] };
    expect(requestHash(referring([MORE], [HELLO, HI], { temperature: 1 }))).toBe(requestHash(whole));
    expect(requestHash({ ...whole, temperature: 2 })).not.toBe(requestHash(whole));
    expect(requestHash({ ...whole, messages: [HELLO, HI] })).not.toBe(requestHash(whole));
    expect(requestHash({ prompt: "p" })).toBe(sha256Hex('{"prompt":"p"}'));
  });

  it("refers to the longest beginning that is known, and to none that is not [models:history-by-digest]", () => {
    const heads = [[HELLO], [HELLO, HI]].map((messages) => withMessages(NO_HISTORY, messages).head);
    const request = { messages: [HELLO, HI, MORE] };
    expect(referringRequest(request, (head) => heads.includes(head))).toEqual(referring([MORE], [HELLO, HI]));
    const edited = { messages: [HELLO, message("edited", "assistant"), MORE] };
    expect(referringRequest(edited, (head) => heads.includes(head))).toEqual(
      referring([message("edited", "assistant"), MORE], [HELLO]),
    );
    expect(referringRequest(request, () => false)).toBe(request);
    expect(referringRequest({ prompt: "p" }, () => true)).toEqual({ prompt: "p" });
  });

  it.each([
    ["no head", { messages: 1, bytes: 1 }],
    ["a head that is no digest", { head: "x", messages: 1, bytes: 1 }],
    ["a count that is none", { head: "a".repeat(64), messages: -1, bytes: 1 }],
  ])("with a history of %s is part of no conversation [models:history-by-digest]", (_what, history) => {
    expect(readRequest({ [HISTORY_FIELD]: history, messages: [] })).toBeNull();
    expect(partOfRequest(canonicalJson({ [HISTORY_FIELD]: history, messages: [] }))).toBeNull();
  });
});

describe("a reader", () => {
  const reader = (...events: readonly BusEvent[]): ConversationReader => {
    const made = new ConversationReader();
    for (const event of events) made.observe(event);
    return made;
  };

  it("puts requests together from the records before them [models:history-by-digest]", () => {
    const seen = reader(admitted("c:1", { messages: [HELLO] }), completed("c:1", HI));
    const request = referring([MORE], [HELLO, HI], { temperature: 1 });
    expect(seen.resolve(request)).toEqual({ ok: true, request: { temperature: 1, messages: [HELLO, HI, MORE] } });
    seen.observe(admitted("c:2", request));
    seen.observe(admitted("c:3", referring([], [HELLO, HI, MORE])));
    const again = seen.resolve(referring([], [HELLO, HI, MORE]));
    expect(again).toEqual({ ok: true, request: { messages: [HELLO, HI, MORE] } });
  });

  it("names what is missing: nothing is left out in silence [models:history-missing]", () => {
    const { head } = withMessages(NO_HISTORY, [HELLO, HI]);
    expect(reader().resolve(referring([MORE], [HELLO, HI]))).toEqual({ ok: false, missing: head });
    // The answer stands elsewhere: its head is known, its text is not.
    const aside = {
      sha256: sha256Hex(canonicalJson(HI)),
      bytes: canonicalJson(HI).length,
      field: "response",
      offset: "0",
    };
    const seen = reader(admitted("c:1", { messages: [HELLO] }), completed("c:1", HI, aside));
    expect(seen.resolve(referring([MORE], [HELLO, HI]))).toEqual({ ok: false, missing: head });
  });
});
