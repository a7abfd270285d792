import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findJsonFault } from "./json-text.ts";

describe("faults in JSON", () => {
  it("are found in exactly the texts that are no JSON, and lie where the text can still be mended", () => {
    const edits = fc.tuple(fc.json(), fc.nat(), fc.constantFrom("", "x", ",", "}", "]", '"', ":", "\\", "1", "\n"));
    fc.assert(
      fc.property(edits, ([json, at, character]) => {
        const position = at % (json.length + 1);
        const text = json.slice(0, position) + character + json.slice(position + 1);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const fault = findJsonFault(text);
        expect(fault === null).toBe(isJson);
        if (fault === null) return;
        expect(fault.expected).not.toBe("JSON");
        expect(fault.index).toBeGreaterThanOrEqual(0);
        expect(fault.index).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 500 },
    );
  });
});
