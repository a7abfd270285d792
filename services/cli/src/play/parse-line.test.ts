import { describe, expect, it } from "vitest";
import { parseLine } from "./parse-line.ts";
import type { RecordedRun } from "./recorded-run.ts";

function runOf(value: unknown): RecordedRun {
  const parsed = parseLine(typeof value === "string" ? value : JSON.stringify(value));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.run;
}

function reasonOf(value: unknown): string {
  const parsed = parseLine(typeof value === "string" ? value : JSON.stringify(value));
  return parsed.ok ? "it is a run" : parsed.reason;
}

const tool = (more: object = {}) => ({
  i: 0,
  kind: "tool",
  tool: "get_order",
  args: { id: 1 },
  result: "1",
  is_error: false,
  rw: "r",
  ...more,
});
const recorded = (events: readonly unknown[], label: unknown = null) => ({ run_id: "r1", events, label });
const call = (id: string, name: string, text = "{}") => ({ id, type: "function", function: { name, arguments: text } });
const asks = (...calls: readonly unknown[]) => ({ role: "assistant", content: null, tool_calls: calls });
const answers = (id: string, content: unknown, more: object = {}) => ({
  role: "tool",
  tool_call_id: id,
  content,
  ...more,
});

describe("recorded runs", () => {
  it("a tool event is a call with its recorded answer, and other events are none [play:recorded-runs]", () => {
    const run = runOf(recorded([{ kind: "user", text: "hi" }, tool(), { kind: "agent", name: "a", text: "" }]));
    expect(run).toEqual({
      id: "r1",
      calls: [{ tool: "get_order", args: { id: 1 }, answer: { kind: "result", result: "1" }, effect: "read" }],
      unanswered: 0,
      opening: "hi",
      turns: [],
      label: null,
    });
  });

  it("a recorded error is a failure with its reason, the error before the result [play:recorded-runs]", () => {
    const run = runOf(
      recorded([tool({ is_error: true, result: "Error: no" }), tool({ is_error: true, error: "bad id", result: "" })]),
    );
    expect(run.calls.map(({ answer }) => answer)).toEqual([
      { kind: "error", reason: "Error: no" },
      { kind: "error", reason: "bad id" },
    ]);
  });

  it("a label that its author does not trust is not taken [play:recorded-runs]", () => {
    const label = { outcome: "fail", wrong_write_calls: [0] };
    expect(runOf(recorded([tool()], { ...label, trusted: true })).label).toEqual({ outcome: "fail", wrongWrites: [0] });
    expect(runOf(recorded([tool()], { ...label, trusted: false })).label).toBeNull();
    expect(runOf(recorded([tool()], { mistake_agent: "x" })).label).toBeNull();
  });

  it.each([
    ["events[0] is not an object", recorded([7])],
    ["events[0].kind is not a text", recorded([{}])],
    ["events[0].tool is no name of a tool", recorded([tool({ tool: "" })])],
    ["events[0].tool is no name of a tool", recorded([tool({ tool: "x".repeat(257) })])],
    ["events[0].tool is no name of a tool", recorded([tool({ tool: "\ud800" })])],
    ["events[0].args is not an object", recorded([tool({ args: [1] })])],
    ["events[0].result is missing", recorded([tool({ result: undefined })])],
    ["events[0].is_error is not true or false", recorded([tool({ is_error: "no" })])],
    [
      "events[0].args has 262145 characters of JSON; the bus takes 262144",
      recorded([tool({ args: { a: "x".repeat(262_137) } })]),
    ],
    ["label.wrong_write_calls names call 1 of 1", recorded([tool()], { outcome: "fail", wrong_write_calls: [1] })],
    ["label.wrong_write_calls is not a list", recorded([tool()], { outcome: "fail", wrong_write_calls: 1 })],
  ])("a bad line is skipped with its place: %s [play:bad-line]", (reason, line) => {
    expect(reasonOf(line)).toBe(reason);
  });

  it("half a character in a text is replaced: it has no place on the log [play:recorded-runs]", () => {
    const run = runOf(recorded([tool({ result: "a\ud800" }), tool({ is_error: true, result: "\udc00b" })]));
    expect(run.calls.map(({ answer }) => Object.values(answer)[1])).toEqual(["a\ufffd", "\ufffdb"]);
  });

  it("a number that no JSON can hold is a bad line, not a crash [play:bad-line]", () => {
    const line = JSON.stringify(recorded([tool()])).replace('"id":1', '"id":1e999');
    expect(reasonOf(line)).toMatch(/^events\[0\]\.args has no JSON form/);
  });
});

describe("messages", () => {
  it("calls keep the assistant's order, whatever the order of the answers [play:messages-format]", () => {
    const run = runOf({
      messages: [asks(call("a", "get_x"), call("b", "delete_y", '{"id":2}')), answers("b", "gone"), answers("a", "1")],
    });
    expect(run.calls).toEqual([
      { tool: "get_x", args: {}, answer: { kind: "result", result: "1" }, effect: "read" },
      { tool: "delete_y", args: { id: 2 }, answer: { kind: "result", result: "gone" }, effect: "destructive" },
    ]);
  });

  it("a bare list, a request with its response and a batch body are conversations as well [play:messages-format]", () => {
    const messages = [asks(call("a", "get_x")), answers("a", "1")];
    for (const line of [messages, { messages }, { request: { messages } }, { body: { messages } }]) {
      expect(runOf(line).calls).toHaveLength(1);
    }
    const choices = [{ message: asks(call("b", "get_y")) }];
    for (const line of [
      { messages, choices },
      { request: { messages }, response: { choices } },
    ]) {
      expect(runOf(line)).toMatchObject({ calls: [{ tool: "get_x" }], unanswered: 1 });
    }
  });

  it("an answer that says error is a failure; one that speaks of errors is none [play:messages-format]", () => {
    const kinds = (content: unknown, more: object = {}) =>
      runOf([asks(call("a", "get_x")), answers("a", content, more)]).calls[0]?.answer.kind;
    for (const content of ["Error: no", " error", '{"error":"no"}', '{"error":{"code":1}}'])
      expect(kinds(content)).toBe("error");
    expect(kinds("no", { is_error: true })).toBe("error");
    for (const content of ["no errors", "Errors: 0", '{"error":null}', '{"error":false,"x":1}', "{not json", ""]) {
      expect(kinds(content)).toBe("result");
    }
  });

  it("arguments that are no JSON object are played as the text that the model wrote [play:messages-format]", () => {
    const args = (text: unknown) => runOf([asks(call("a", "f", text as string)), answers("a", "1")]).calls[0]?.args;
    expect(args("")).toEqual({});
    expect(args('{"a":')).toEqual({ unparsed: '{"a":' });
    expect(args("[1]")).toEqual({ unparsed: "[1]" });
    expect(args("a\ud800")).toEqual({ unparsed: "a\ufffd" });
  });

  it("older function calls are matched by name, and a content in parts is one text [play:messages-format]", () => {
    const old = [
      { role: "assistant", function_call: { name: "get_x", arguments: "{}" } },
      { role: "function", name: "get_x", content: "1" },
    ];
    expect(runOf(old).calls).toHaveLength(1);
    const parts = [
      asks(call("a", "f")),
      answers("a", [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ]),
    ];
    expect(runOf(parts).calls[0]?.answer).toEqual({ kind: "result", result: "ab" });
  });

  it.each([
    ["it is neither a recorded run (events) nor a list of messages", { text: "hi" }],
    ["it is neither a recorded run (events) nor a list of messages", "7"],
    ["messages[0] is not an object", ["hi"]],
    ["messages[0].role is not a text", [{ content: "hi" }]],
    ['messages[0] answers "a", which is no open call', [answers("a", "1")]],
    ['messages[2] answers "a", which is no open call', [asks(call("a", "f")), answers("a", "1"), answers("a", "2")]],
    ["messages[0].tool_calls is not a list", [{ role: "assistant", tool_calls: {} }]],
    ["messages[0].tool_calls[0].name is not a text", [asks({ id: "a", function: {} })]],
  ])("a bad line is skipped with its place: %s [play:bad-line]", (reason, line) => {
    expect(reasonOf(line)).toBe(reason);
  });

  it("what is no JSON is a bad line [play:bad-line]", () => {
    expect(reasonOf('{"messages": [')).toMatch(/^it is not JSON: /);
  });
});
