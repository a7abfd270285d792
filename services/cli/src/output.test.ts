import { describe, expect, it } from "vitest";
import { createOutput, type OutputForm, toJsonText } from "./output.ts";

function printed(form: OutputForm): { readonly out: string; readonly err: string } {
  let out = "";
  let err = "";
  const streams = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: null,
    hasColour: false,
  };
  const output = createOutput(form, streams);
  output.note("working");
  output.answer({ value: { all: [{ offset: 1n }] }, lines: [{ offset: 1n }], text: () => output.bold("offset 1") });
  output.item({ bytes: new Uint8Array([1, 255]) }, () => "two bytes");
  return { out, err };
}

describe("output", () => {
  it("is text, one JSON value, or one JSON value a line on standard output [cli:output-forms]", () => {
    expect(printed("table").out).toBe("offset 1\ntwo bytes\n");
    expect(printed("json").out).toBe('{\n  "all": [\n    {\n      "offset": "1"\n    }\n  ]\n}\n{"bytes":"01ff"}\n');
    expect(printed("jsonl").out).toBe('{"offset":"1"}\n{"bytes":"01ff"}\n');
  });

  it("has bytes as hex and nothing in it that steers a terminal, and stays JSON [cli:output-forms]", () => {
    const given = { bytes: Buffer.from([1, 255]), text: "a\u009b31m\u202eb\u001b[2J", nested: [Buffer.from("é")] };
    const text = toJsonText(given);
    expect(text).toBe('{"bytes":"01ff","text":"a\\u009b31m\\u202eb\\u001b[2J","nested":["c3a9"]}');
    expect(JSON.parse(text)).toMatchObject({ text: given.text });
  });

  it("has progress on standard error in every form [cli:output-forms]", () => {
    for (const form of ["table", "json", "jsonl"] as const) expect(printed(form).err).toBe("working\n");
  });
});
