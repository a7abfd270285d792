import { HISTORY_FIELD, type MessageOf, NO_HISTORY, withMessages } from "@busbar/events";
import { busbarError, type Json } from "@busbar/kernel";
import {
  type CallOutcome,
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  type Policy,
  NOTHING_KNOWN,
} from "@busbar/policy";
import { describe, expect, it, vi } from "vitest";
import { metaWith } from "../meta.ts";
import {
  type ModelAnswer,
  SYSTEM_CLOCK,
  SYSTEM_TIMERS,
  type Toolbox,
  type ToolAnswer,
  type ToolRun,
} from "../ports.ts";
import { RESULT_LIMIT } from "./attempt.ts";
import { createExecutor, createRunningCalls } from "./executor.ts";

const POLICY: Policy = {
  version: 1,
  tools: { t: { ...DEFAULT_TOOL, effect: "write", digest: "", result: { type: "object" } } },
  models: {},
  agents: {},
  statements: { backup: { tool: "look", args: {}, refutedWhen: { path: "a.there", equals: true } } },
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
};
const meta = metaWith({ eventId: "e", atMs: 5, chainId: "c", agent: "support" });
const NO_MORE = { subject: "", expects: "", approval: "", undoes: "" };
const admitted: MessageOf<"EffectAdmitted"> = {
  type: "EffectAdmitted",
  meta,
  callId: "c:1",
  step: 1,
  tool: "t",
  toolClass: "at-most-once",
  effectClass: "write",
  effectKey: "key",
  args: '{"a":1}',
  argsHash: "",
  attempt: 2,
  fireBoundMs: 10,
  timeoutMs: 100,
  origin: "agent",
  probes: [],
  toolDigest: "",
  keySinceMs: 0,
  ...NO_MORE,
};

interface Open<T> {
  readonly run: ToolRun;
  answer(value: T): void;
  fail(error: unknown): void;
}

/** An executor whose tools answer when the test says so. */
function bench(check: (schema: Json, value: Json) => string | null = () => null, policy: Policy | null = null) {
  const tools: Open<ToolAnswer>[] = [];
  const models: ((answer: ModelAnswer) => void)[] = [];
  const requests: Json[] = [];
  const delivered: CallOutcome[] = [];
  const aside: string[] = [];
  const toolbox: Toolbox = {
    runTool: (run) => new Promise((answer, fail) => tools.push({ run, answer, fail })),
    askModel: ({ request }) => {
      requests.push(request);
      return new Promise((answer) => models.push(answer));
    },
  };
  const running = createRunningCalls();
  const owner = (deliver: (outcome: CallOutcome) => void) =>
    createExecutor({
      toolbox,
      running,
      clock: SYSTEM_CLOCK,
      timers: SYSTEM_TIMERS,
      check,
      deliver,
      policy: () => policy,
      known: () => NOTHING_KNOWN,
      messagesOf: (_chainId, { head }) => {
        if (head !== KNOWN.head) return Promise.reject(busbarError("BUSBAR_MESSAGES_UNKNOWN", { head }));
        return Promise.resolve(EARLIER);
      },
      claimCheck: (text) => {
        aside.push(text);
        return Promise.resolve({ sha256: "s", bytes: text.length, offset: "9", chunks: [] });
      },
      observe: () => undefined,
    });
  const executor = owner((outcome) => void delivered.push(outcome));
  return { executor, owner, tools, models, requests, delivered, aside };
}
/** What a model was asked before. */
const EARLIER: readonly Json[] = [{ role: "user", content: "hello" }];
const KNOWN = withMessages(NO_HISTORY, EARLIER);

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const result = (value: Json): ToolAnswer => ({ kind: "result", result: value });

describe("running an admitted call", () => {
  it("hands the tool its arguments, key and attempt, and tells the result [effects:intent-before-effect]", async () => {
    const { executor, tools, delivered } = bench();
    executor.startTool(admitted, "7", POLICY);
    expect(tools[0]?.run).toMatchObject({
      tool: "t",
      args: { a: 1 },
      key: "key",
      attempt: 2,
      callId: "c:1",
      chainId: "c",
      agent: "support",
      atMs: 5,
    });
    tools[0]?.answer(result({ b: 1, a: 2 }));
    await settled();
    expect(delivered).toMatchObject([{ kind: "committed", callId: "c:1", admitted: "7", result: '{"a":2,"b":1}' }]);
  });

  it("starts one attempt per admission, however often it is told to [effects:one-attempt-per-admission]", async () => {
    const { executor, tools } = bench();
    executor.startTool(admitted, "7", POLICY);
    executor.startTool(admitted, "7", POLICY);
    expect(tools.length).toBe(1);
    tools[0]?.answer(result({}));
    await settled();
    executor.startTool(admitted, "7", POLICY);
    expect(tools.length).toBe(1);
    executor.startTool(admitted, "12", POLICY);
    expect(tools.length).toBe(2);
  });

  it("a time-out is told at once, and the tool's late answer as well [effects:timeout-in-doubt]", async () => {
    vi.useFakeTimers();
    try {
      const { executor, tools, delivered } = bench();
      executor.startTool(admitted, "7", POLICY);
      vi.advanceTimersByTime(99);
      expect(delivered).toEqual([]);
      expect(tools[0]?.run.signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(delivered).toMatchObject([{ kind: "timeout", reason: "no answer within 100 ms" }]);
      expect(tools[0]?.run.signal.aborted).toBe(true);
      tools[0]?.answer(result({}));
      await vi.advanceTimersByTimeAsync(0);
      expect(delivered.map(({ kind }) => kind)).toEqual(["timeout", "committed"]);
      expect(executor.isRunning("7", "c:1")).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it("a result that its schema does not allow happened, and says what is wrong [effects:invalid-result-not-retried]", async () => {
    const { executor, tools, delivered } = bench(() => "value must be object");
    executor.startTool(admitted, "7", POLICY);
    tools[0]?.answer(result(7));
    await settled();
    expect(delivered).toMatchObject([{ kind: "invalid", result: "7", reason: "value must be object" }]);
  });

  it.each([
    [true, "BUSBAR_EFFECT_NOT_STARTED"],
    [false, "BUSBAR_TOOL_FAILED"],
  ])(
    "a failure says whether it lay before the effect: %s [effects:not-started-retryable]",
    async (beforeEffect, code) => {
      const { executor, tools, delivered } = bench();
      executor.startTool(admitted, "7", POLICY);
      tools[0]?.answer({ kind: "failed", reason: "no", beforeEffect });
      await settled();
      expect(delivered).toMatchObject([{ kind: "failed", code, beforeEffect }]);
    },
  );

  it("a toolbox that throws is a failure after the start: nobody knows that nothing happened [effects:at-most-once]", async () => {
    const { executor, tools, delivered } = bench();
    executor.startTool(admitted, "7", POLICY);
    tools[0]?.fail(new Error("bug"));
    await settled();
    expect(delivered).toMatchObject([{ kind: "failed", beforeEffect: false, reason: "bug" }]);
  });

  it("a result above the limit goes by reference; the limit is of bytes [effects:large-values-by-reference]", async () => {
    const { executor, tools, delivered, aside } = bench();
    executor.startTool(admitted, "7", POLICY);
    tools[0]?.answer(result({ text: "€".repeat(RESULT_LIMIT / 2) }));
    await settled();
    expect(aside.length).toBe(1);
    expect(delivered).toMatchObject([{ kind: "committed", result: "", claimCheck: { sha256: "s" } }]);
  });
});

describe("the table of running calls", () => {
  it("keeps an outcome until its record is acknowledged, and hands it out again after a reload [effects:outcome-survives-reload]", async () => {
    const { executor, tools, delivered } = bench();
    executor.startTool(admitted, "7", POLICY);
    executor.redeliver(() => true);
    expect(delivered).toEqual([]);
    tools[0]?.answer(result({}));
    await settled();
    executor.redeliver(() => true);
    expect(delivered.map(({ kind }) => kind)).toEqual(["committed", "committed"]);
    executor.settle("7", "c:1");
    executor.redeliver(() => true);
    expect(delivered.length).toBe(2);
    expect(executor.isRunning("7", "c:1")).toBe(false);
  });

  it("is the process's: a call runs on while its partition is somebody else's, and its outcome goes to the next owner here, once started [effects:outcome-survives-reload]", async () => {
    const { executor, owner, tools, delivered } = bench();
    executor.startTool(admitted, "7", POLICY);
    executor.startTool({ ...admitted, callId: "c:2" }, "8", POLICY);
    executor.detach();
    tools[0]?.answer(result({ a: 1 }));
    await settled();
    expect(delivered).toEqual([]);
    const later: CallOutcome[] = [];
    const next = owner((outcome) => void later.push(outcome));
    expect([next.isRunning("7", "c:1"), next.isRunning("8", "c:2")]).toEqual([true, true]);
    next.startTool(admitted, "7", POLICY);
    expect(tools.length).toBe(2);
    next.redeliver(() => true);
    tools[1]?.answer(result({ a: 2 }));
    await settled();
    expect(later.map(({ callId, kind }) => [callId, kind])).toEqual([
      ["c:1", "committed"],
      ["c:2", "committed"],
    ]);
  });

  it("forgets what the log has answered meanwhile [effects:outcome-survives-reload]", async () => {
    const { executor, tools, delivered } = bench();
    executor.startTool(admitted, "7", POLICY);
    tools[0]?.answer(result({}));
    await settled();
    executor.redeliver(({ callId }) => callId !== "c:1");
    expect([delivered.length, executor.isRunning("7", "c:1")]).toEqual([1, false]);
  });

  it("drains: waits for what runs, and no longer than it is told [ownership:release-then-claim]", async () => {
    const { executor, tools } = bench();
    await executor.drain(1000);
    executor.startTool(admitted, "7", POLICY);
    await executor.drain(20);
    const drained = executor.drain(5000);
    tools[0]?.answer(result({}));
    await drained;
  });
});

describe("models, statements and read-backs", () => {
  const asking = (request: Json) =>
    ({
      type: "ModelCallAdmitted",
      meta,
      callId: "c:2",
      step: 2,
      model: "m",
      request: JSON.stringify(request),
      requestHash: "",
      attempt: 1,
      timeoutMs: 100,
    }) as const;

  it("a model is asked all that its request refers to [models:history-by-digest]", async () => {
    const { executor, requests } = bench();
    executor.startModel(asking({ [HISTORY_FIELD]: { ...KNOWN }, messages: ["more"], temperature: 1 }), "8");
    await settled();
    expect(requests).toEqual([{ messages: [...EARLIER, "more"], temperature: 1 }]);
  });

  it("a model is not asked where something of that is missing: the call fails for good [models:history-missing]", async () => {
    const { executor, requests, delivered } = bench();
    const history = { ...KNOWN, head: "a".repeat(64) };
    executor.startModel(asking({ [HISTORY_FIELD]: history, messages: ["more"] }), "8");
    await settled();
    expect(requests).toEqual([]);
    expect(delivered).toMatchObject([{ kind: "model-failed", code: "BUSBAR_MESSAGES_UNKNOWN", retryable: false }]);
  });

  it("a model's reply and its failure are told with their tokens and reason", async () => {
    const { executor, models, delivered } = bench();
    const call = {
      type: "ModelCallAdmitted",
      meta,
      callId: "c:2",
      step: 2,
      model: "m",
      request: "{}",
      requestHash: "",
      attempt: 1,
      timeoutMs: 100,
    } as const;
    executor.startModel(call, "8");
    executor.startModel({ ...call, callId: "c:3" }, "9");
    await settled();
    const told = { inputTokens: 3, outputTokens: 4, estimated: false, finishReason: "stop", problems: [] };
    models[0]?.({ kind: "reply", response: { role: "assistant" }, ...told });
    await settled();
    models[1]?.({ kind: "failed", reason: "quota", retryable: false, inputTokens: 1, outputTokens: 0 });
    await settled();
    expect(delivered).toMatchObject([
      { kind: "model-completed", response: '{"role":"assistant"}', ...told },
      { kind: "model-failed", reason: "quota", retryable: false, inputTokens: 1 },
    ]);
  });

  it.each([
    [{ a: { there: true } }, false],
    [{ a: { there: false } }, true],
    [{}, true],
  ])("a statement against the fact %j agrees: %s [rules:claim-beside-fact]", async (fact, agrees) => {
    const { executor, tools, delivered } = bench();
    executor.startCheck(
      { type: "StatementRecorded", meta, callId: "c:4", step: 4, subject: "backup", statement: "gone", argsHash: "" },
      "9",
      POLICY,
    );
    tools[0]?.answer(result(fact));
    await settled();
    expect(delivered).toMatchObject([{ kind: "checked", agrees, source: "look", fact: JSON.stringify(fact) }]);
  });

  it("a model's answer that a check does not hold is a failed attempt, and was paid for [evidence:results]", async () => {
    const resultChecks = [{ name: "short", require: "size(result.content) < 5", reason: "an answer is short" }];
    const policy = { ...POLICY, models: { m: { timeoutMs: 60_000, attempts: 3, resultChecks } } };
    const { executor, models, delivered } = bench(() => null, policy);
    const reply = {
      kind: "reply",
      inputTokens: 3,
      outputTokens: 2,
      estimated: false,
      finishReason: "stop",
      problems: [],
    } as const;
    for (const [at, content] of ["long words", "ok"].entries()) {
      executor.startModel(asking({ messages: [] }), String(at));
      await settled();
      models[at]?.({ ...reply, response: { content } });
      await settled();
    }
    const failed = {
      kind: "model-failed",
      code: "BUSBAR_CHECK_FAILED",
      retryable: true,
      inputTokens: 3,
      outputTokens: 2,
    };
    expect(delivered).toMatchObject([
      { ...failed, reason: "an answer is short (check short)" },
      { kind: "model-completed", response: '{"content":"ok"}' },
    ]);
  });

  it("an authority that fails refutes nothing and confirms nothing [rules:claim-beside-fact]", async () => {
    const { executor, tools, delivered } = bench();
    executor.startCheck(
      { type: "StatementRecorded", meta, callId: "c:4", step: 4, subject: "backup", statement: "gone", argsHash: "" },
      "9",
      POLICY,
    );
    tools[0]?.answer({ kind: "failed", reason: "down", beforeEffect: true });
    await settled();
    expect(delivered).toMatchObject([{ kind: "checked", agrees: false, fact: "", evidence: ["down"] }]);
  });

  it.each([
    [{ status: "paid" }, true, "look shows the effect"],
    [{ status: "open" }, false, "status is not as expected"],
    [{}, false, "status is missing"],
  ])("a read-back of %j shows the effect: %s [effects:read-back-settles]", async (found, shown, reason) => {
    const { executor, tools, delivered } = bench();
    executor.startReadBack({
      chainId: "c",
      callId: "c:1",
      admitted: "7",
      agent: "support",
      look: { tool: "look", args: {}, expect: { status: "paid" }, withinMs: 0 },
      timeoutMs: 100,
    });
    expect(executor.isReadingBack("7", "c:1")).toBe(true);
    expect(executor.isRunning("7", "c:1")).toBe(false);
    tools[0]?.answer(result(found));
    await settled();
    expect(delivered).toMatchObject([{ kind: "read-back", shown, reason }]);
  });
});
