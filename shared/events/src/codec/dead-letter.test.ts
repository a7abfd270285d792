import { describe, expect, test } from "vitest";
import { parseJson } from "@busbar/kernel";
import {
  builtinSchemaIds,
  createCodec,
  DEAD_LETTER_MAX_HEADER_CHARS,
  DEAD_LETTER_MAX_VALUE_BYTES,
  type RefusedRecord,
  toDeadLetter,
} from "./index.ts";
import { META } from "./testing.ts";

const codec = createCodec({ ids: builtinSchemaIds() });
const record: RefusedRecord = {
  topic: "busbar.commands",
  partition: 3,
  offset: 2n ** 60n,
  value: Uint8Array.of(1, 2, 3),
  headers: { type: "CallTool" },
};
const refuse = (change: Partial<RefusedRecord>) =>
  toDeadLetter({ code: "BUSBAR_SCHEMA_INVALID", reason: "3 bytes are no message", record: { ...record, ...change } });

describe("dead letters", () => {
  test("keep place, bytes, headers and reason [schemas:poison-dead-lettered]", () => {
    expect(refuse({})).toStrictEqual({
      code: "BUSBAR_SCHEMA_INVALID",
      reason: "3 bytes are no message",
      topic: "busbar.commands",
      partition: 3,
      offset: "1152921504606846976",
      headers: '{"type":"CallTool"}',
      bytes: Uint8Array.of(1, 2, 3),
    });
  });

  test("a record without a value is told from an empty one [schemas:poison-dead-lettered]", () => {
    expect(refuse({ value: null }).reason).toBe("3 bytes are no message; the record has no value");
    expect(refuse({ value: new Uint8Array() }).reason).toBe("3 bytes are no message");
  });

  test("a header named __proto__ is a name like any other [schemas:poison-dead-lettered]", () => {
    const headers = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    expect(refuse({ headers }).headers).toBe('{"__proto__":"x","constructor":"y"}');
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test("are cut so that they can always be written, and say so [schemas:poison-dead-lettered]", () => {
    const value = new Uint8Array(5_000_000).fill(7);
    const headers = { type: "x".repeat(DEAD_LETTER_MAX_HEADER_CHARS) };
    const letter = refuse({ value, headers });
    expect(letter.bytes.length).toBe(DEAD_LETTER_MAX_VALUE_BYTES);
    expect(letter.reason).toMatch(
      /first 786432 of 5000000 bytes, sha256 of all [0-9a-f]{64}; headers of \d+ characters left out/,
    );
    expect(parseJson(letter.headers)).toEqual({});
    const bytes = codec.encode("DeadLetter", { ...letter, meta: META });
    expect(codec.decode(bytes, "dead-letter").ok).toBe(true);
    expect(bytes.length).toBeLessThan(900_000);
  });
});
