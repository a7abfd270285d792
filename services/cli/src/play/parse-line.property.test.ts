import { canonicalJson } from "@busbar/kernel";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parseLine } from "./parse-line.ts";

/** JSON that looks like our forms without being them. */
const halved = fc.constantFrom("\ud800", "a\udc00b");

const nearRun = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.jsonValue({ maxDepth: 1 }), tie("event"), tie("message")),
  event: fc.record(
    {
      kind: fc.constantFrom("tool", "user", 1),
      tool: fc.oneof(fc.string(), halved, fc.constant("__proto__"), tie("value")),
      args: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 })), tie("value")),
      result: fc.oneof(tie("value"), halved),
      is_error: fc.oneof(fc.boolean(), fc.constant("x")),
      rw: fc.constantFrom("r", "w", "x", "n", "q", 1),
    },
    { requiredKeys: [] },
  ),
  message: fc.record(
    {
      role: fc.constantFrom("assistant", "tool", "function", "user", 1),
      content: fc.oneof(tie("value"), halved),
      tool_call_id: fc.constantFrom("a", "b", 1),
      tool_calls: fc.array(fc.record({ id: fc.constantFrom("a", "b"), function: tie("called") }), { maxLength: 3 }),
      function_call: tie("value"),
    },
    { requiredKeys: [] },
  ),
  called: fc.record(
    { name: fc.string(), arguments: fc.oneof(fc.string(), fc.json({ maxDepth: 1 })) },
    { requiredKeys: [] },
  ),
})).value;

const near = fc.oneof(
  fc.record({ events: fc.array(nearRun, { maxLength: 4 }), label: nearRun }),
  fc.record({ messages: fc.array(nearRun, { maxLength: 4 }), choices: nearRun }),
  fc.array(nearRun, { maxLength: 4 }),
  nearRun,
);

it("any text is a run or a bad line with a reason, never an exception [play:bad-line]", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    near.map((value) => JSON.stringify(value) ?? ""),
  );
  fc.assert(
    fc.property(text, (line) => {
      const parsed = parseLine(line);
      if (!parsed.ok) expect(parsed.reason).not.toBe("");
      else for (const call of parsed.run.calls) expect(() => canonicalJson(call)).not.toThrow();
    }),
    { numRuns: 500 },
  );
});

it("a line that is cut off anywhere is a bad line [play:bad-line]", () => {
  const line = JSON.stringify({
    run_id: "r",
    events: [{ kind: "tool", tool: "f", args: { a: "é" }, result: "1", rw: "w" }],
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: line.length - 1 }), (length) => {
      expect(parseLine(line.slice(0, length)).ok).toBe(false);
    }),
  );
});

it("every recorded call comes out, in order, with its own answer [play:recorded-runs]", () => {
  const event = fc.record({
    tool: fc.constantFrom("get_a", "set_b"),
    id: fc.nat(),
    result: fc.jsonValue(),
    is_error: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const line = { events: events.map(({ id, ...one }) => ({ kind: "tool", args: { id }, ...one })) };
      const parsed = parseLine(JSON.stringify(line));
      if (!parsed.ok) throw new Error(parsed.reason);
      expect(parsed.run.calls.map(({ tool, args, answer }) => [tool, args["id"], answer.kind === "error"])).toEqual(
        events.map(({ tool, id, is_error: isError }) => [tool, id, isError]),
      );
    }),
  );
});
