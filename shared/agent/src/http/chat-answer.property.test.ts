import type { Json } from "@busbar/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modelTool } from "../model.ts";
import { ChatAnswer } from "./chat-answer.ts";
import { wireNames } from "./tool-names.ts";

const json = fc.jsonValue().map((value) => value as Json);
/** Pieces that look like those of an endpoint, each field of any kind. */
const piece = fc.record(
  {
    choices: fc.oneof(
      json,
      fc.array(
        fc.record({
          index: fc.oneof(json, fc.constant(0)),
          delta: fc.oneof(
            json,
            fc.record({
              content: json,
              tool_calls: fc.oneof(json, fc.array(fc.record({ index: json, function: json }))),
            }),
          ),
          finish_reason: json,
        }),
      ),
    ),
    usage: fc.oneof(json, fc.record({ prompt_tokens: json, completion_tokens: json })),
    error: json,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Json>;

describe("an answer", () => {
  it("is gathered from any JSON without an exception, and stays an answer [models:stream-gathered]", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, json), { maxLength: 8 }), (pieces) => {
        const answer = new ChatAnswer();
        for (const one of pieces) answer.take(one);
        const message = answer.message((name) => name);
        expect(message.role).toBe("assistant");
        expect(JSON.parse(JSON.stringify(message))).toEqual(message);
        for (const call of message.tool_calls ?? []) expect(call.id).not.toBe("");
      }),
      { numRuns: 300 },
    );
  });

  it("does not depend on where its text is cut [models:stream-gathered]", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (parts) => {
        const answer = new ChatAnswer();
        for (const content of parts) answer.take({ choices: [{ index: 0, delta: { content } }] });
        expect(answer.written).toBe(parts.join(""));
      }),
    );
  });
});

describe("names of tools on the wire", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/), { maxLength: 12 });

  it("are allowed ones, all different, and come back as they were [models:stream-gathered]", () => {
    fc.assert(
      fc.property(names, (offered) => {
        const wire = wireNames(offered.map((name) => modelTool({ name, description: "", args: { type: "object" } })));
        const sent = offered.map((name) => wire.toWire(name));
        for (const name of sent) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(new Set(sent).size).toBe(offered.length);
        expect(sent.map((name) => wire.fromWire(name))).toEqual(offered);
      }),
    );
  });
});
