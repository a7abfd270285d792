import { describe, expect, it } from "vitest";
import { metaWith } from "../meta.ts";
import { createCodec } from "./codec.ts";
import { createRedactor, redactingCodec } from "./redact.ts";
import { builtinSchemaIds } from "./schemas.ts";

const VALUE = 'p"a/ss+wörd\n1';
const redactor = createRedactor([
  { name: "DB", value: VALUE },
  { name: "LONG", value: `${VALUE} and more` },
]);
const forms = {
  plain: VALUE,
  json: JSON.stringify(VALUE),
  "json in json": JSON.stringify(JSON.stringify({ a: VALUE })),
  url: `https://x/?p=${encodeURIComponent(VALUE)}`,
  base64: Buffer.from(VALUE).toString("base64"),
  "base64 for URLs": Buffer.from(VALUE).toString("base64url"),
  hex: Buffer.from(VALUE).toString("hex"),
};

describe("redaction", () => {
  it.each(Object.entries(forms))("finds a secret as %s [security:redacted]", (_form, text) => {
    const clean = redactor.text(`before ${text} after ${text}`);
    expect(clean).not.toContain(text);
    expect(clean.match(/\[redacted:DB\]/g)?.length).toBe(2);
  });

  it("names the longer of two secrets that begin alike, and leaves everything else as it is [security:redacted]", () => {
    expect(redactor.text(`${VALUE} and more`)).toBe("[redacted:LONG]");
    const value = { a: ["nothing", { b: 1, c: null, d: true }], e: Buffer.from("nothing") };
    expect(redactor.deep(value)).toBe(value);
    expect(createRedactor([]).text(VALUE)).toBe(VALUE);
  });

  it("reaches keys, lists and bytes, which keep their length [security:redacted]", () => {
    const bytes = Buffer.concat([Buffer.from([0, 255]), Buffer.from(VALUE), Buffer.from([1])]);
    const clean = redactor.deep({ [VALUE]: [{ deep: `x${VALUE}` }], bytes });
    expect(JSON.stringify(clean)).not.toContain(JSON.stringify(VALUE).slice(1, -1));
    expect(clean).toMatchObject({ "[redacted:DB]": [{ deep: "x[redacted:DB]" }] });
    expect(clean.bytes.length).toBe(bytes.length);
    expect([...clean.bytes.subarray(0, 3), clean.bytes.at(-1)]).toEqual([0, 255, 0x2a, 1]);
  });

  it("happens where a record is made and where it is read, so that both say the same [security:redacted]", () => {
    const open = createCodec({ ids: builtinSchemaIds() });
    const codec = redactingCodec(open, redactor);
    const body = {
      meta: metaWith({ eventId: "e", atMs: 1 }),
      output: JSON.stringify({ token: VALUE }),
      untrusted: false,
      cites: [],
    };
    const written = codec.encode("TaskCompleted", body);
    expect(Buffer.from(written).includes(Buffer.from("wörd"))).toBe(false);
    const byOthers = open.encode("TaskCompleted", body);
    expect(codec.decode(byOthers)).toEqual(codec.decode(written));
    expect(codec.decode(byOthers, "event")).toMatchObject({
      ok: true,
      message: { output: '{"token":"[redacted:DB]"}' },
    });
    expect(codec.decode(byOthers, "command").ok).toBe(false);
    expect([codec.content(body.output), open.content(body.output)]).toEqual(['{"token":"[redacted:DB]"}', body.output]);
  });
});
