import { canonicalJson, type Json } from "@busbar/kernel";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ConversationReader, NO_HISTORY, referringRequest, requestHash, withMessages } from "./conversation.ts";
import type { BusEvent } from "./generated/messages.ts";
import { metaWith } from "./meta.ts";

const meta = metaWith({ eventId: "e", atMs: 1, chainId: "c" });
const message = fc.record({ role: fc.constantFrom("user", "assistant"), content: fc.string({ maxLength: 4 }) });

/** What each call's messages are made of: how many of the conversation so far are kept, and what is added. */
const turn = fc.record({ keep: fc.nat({ max: 6 }), add: fc.array(message, { maxLength: 3 }), reply: message });

it("whatever a handler keeps, drops or adds: what is recorded resolves to what was asked, under the same hash [models:history-by-digest]", () => {
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 8 }), (turns) => {
      const reader = new ConversationReader();
      const heads = new Set<string>();
      let messages: readonly Json[] = [];
      for (const [step, { keep, add, reply }] of turns.entries()) {
        messages = [...messages.slice(0, keep), ...add];
        const whole = { messages, temperature: step };
        const recorded = referringRequest(whole, (head) => heads.has(head));
        expect(requestHash(recorded)).toBe(requestHash(whole));
        expect(reader.resolve(recorded)).toEqual({ ok: true, request: whole });
        const callId = `c:${step}`;
        const asked = withMessages(NO_HISTORY, messages);
        reader.observe({ type: "ModelCallAdmitted", meta, callId, request: canonicalJson(recorded) } as BusEvent);
        reader.observe({ type: "ModelCallCompleted", meta, callId, response: canonicalJson(reply) } as BusEvent);
        for (const known of [asked, withMessages(asked, [reply])]) if (known.head !== "") heads.add(known.head);
        messages = [...messages, reply];
      }
    }),
    { numRuns: 200 },
  );
});
