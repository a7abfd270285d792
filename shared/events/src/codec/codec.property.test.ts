import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { isErrorCode } from "@busbar/kernel";
import { familyOf, MESSAGE_TYPES, type Message } from "../index.ts";
import { builtinSchemaIds, createCodec } from "./index.ts";
import { anyMessage, messageArbitrary } from "./testing.ts";

const ids = builtinSchemaIds();
const codec = createCodec({ ids });
const encode = (message: Message): Uint8Array => codec.encode(message.type, message as never);

/** Decodes; whatever the bytes, the answer is a message that we could have written, or a code and a reason. */
function account(bytes: Uint8Array | null): "accepted" | "refused" {
  const decoded = codec.decode(bytes);
  if (!decoded.ok) {
    expect(isErrorCode(decoded.code)).toBe(true);
    expect(decoded.reason).not.toBe("");
    return "refused";
  }
  expect(encode(decoded.message).length).toBeGreaterThan(5);
  return "accepted";
}

/** A fixed seed for the corpora: their counts are asserted. */
const SEED = 20_260_101;
const ACCOUNTED = { accepted: 0, refused: 0 };

beforeAll(() => {
  // Compiles all types once, so that the first property does not pay for them.
  for (const [message] of MESSAGE_TYPES.map((type) => fc.sample(messageArbitrary(type), { numRuns: 1, seed: SEED }))) {
    if (message !== undefined) encode(message);
  }
});

describe("the codec, for any message and any bytes", () => {
  test("every message of every type survives the way there and back [schemas:frames-interoperate]", () => {
    for (const type of MESSAGE_TYPES) {
      fc.assert(
        fc.property(messageArbitrary(type), (message) => {
          const decoded = codec.decode(codec.encode(type, message), familyOf(type));
          const plain =
            decoded.ok && decoded.message.type === "DeadLetter"
              ? { ...decoded.message, bytes: Uint8Array.from(decoded.message.bytes) }
              : decoded.ok && decoded.message;
          expect(plain).toStrictEqual(message);
        }),
        { numRuns: 15 },
      );
    }
  });

  test("any bytes of any length are accounted for [schemas:codec-never-throws]", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => account(bytes) !== undefined),
      { numRuns: 2000 },
    );
  });

  test("any bytes behind the frame of any of our schemas are accounted for [schemas:codec-never-throws]", () => {
    const framed = fc.tuple(fc.constantFrom(...ids.idOf.values()), fc.uint8Array({ maxLength: 120, size: "max" }));
    fc.assert(
      fc.property(framed, ([id, bytes]) => {
        const frame = Buffer.alloc(5 + bytes.length);
        frame.writeInt32BE(id, 1);
        frame.set(bytes, 5);
        account(frame);
      }),
      { numRuns: 5000 },
    );
  });

  test("damaged messages are accounted for [schemas:codec-never-throws]", () => {
    const damage = fc.oneof(
      fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), value: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ kind: fc.constant("cut" as const), at: fc.nat(), value: fc.constant(0) }),
      fc.record({ kind: fc.constant("insert" as const), at: fc.nat(), value: fc.nat(255) }),
      fc.record({ kind: fc.constant("append" as const), at: fc.constant(0), value: fc.nat(255) }),
      fc.record({
        kind: fc.constant("id" as const),
        at: fc.constant(0),
        value: fc.constantFrom(0, 1, -1, ...ids.idOf.values()),
      }),
    );
    const seen = { ...ACCOUNTED };
    fc.assert(
      fc.property(anyMessage, fc.array(damage, { minLength: 1, maxLength: 3 }), (message, damages) => {
        let bytes = Buffer.from(encode(message));
        for (const { kind, at, value } of damages) {
          const place = at % Math.max(1, bytes.length);
          if (kind === "flip") bytes[place] = (bytes[place] ?? 0) ^ value;
          else if (kind === "cut") bytes = bytes.subarray(0, place);
          else if (kind === "insert")
            bytes = Buffer.concat([bytes.subarray(0, place), Buffer.of(value), bytes.subarray(place)]);
          else if (kind === "append") bytes = Buffer.concat([bytes, Buffer.of(value)]);
          else if (bytes.length >= 5) bytes.writeInt32BE(value, 1);
        }
        seen[account(bytes)] += 1;
      }),
      { numRuns: 4000, seed: SEED },
    );
    expect(seen.accepted + seen.refused).toBe(4000);
    expect(seen.refused).toBeGreaterThan(2000);
  });

  test("what a prototype holds is untouched by any message [schemas:codec-never-throws]", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const decoded = codec.decode(encode(message));
        expect(decoded.ok && Object.getPrototypeOf(decoded.message)).toBe(Object.prototype);
        expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
      }),
      { numRuns: 200 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
