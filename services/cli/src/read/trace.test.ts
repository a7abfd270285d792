import { describe, expect, it } from "vitest";
import { renderTrace } from "./render-trace.ts";
import { eventsOf } from "./testing-events.ts";
import { childrenIn, traceChain, type TraceItem } from "./trace.ts";

const ROOT = { chain: "root", of: "support" };
const CHILD = { chain: "child", lineage: ["root", "child"], of: "warehouse" };

const opened = (who: object, agent: string) => [
  { type: "TaskSubmitted", ...who, agent, input: '{"orderId":7}' } as const,
  { type: "TaskAssigned", ...who, agent, incarnation: 1, version: "", reason: "" } as const,
];
const admitted = (who: object, step: number, tool: string, attempt = 1) =>
  ({ type: "EffectAdmitted", ...who, callId: `c:${step}`, step, tool, args: '{"a":1}', attempt }) as const;

const steps = (items: readonly TraceItem[]) => items.flatMap(({ step }) => (step === undefined ? [] : [step]));
const notes = (items: readonly TraceItem[]) => items.flatMap(({ note }) => (note === undefined ? [] : [note]));

describe("the trace of a chain", () => {
  it("shows each step with its outcome and its evidence [cli:trace]", () => {
    const events = eventsOf(2, [
      ...opened(ROOT, "support"),
      admitted(ROOT, 1, "orders.read"),
      { type: "EffectCommitted", ...ROOT, callId: "c:1", durationMs: 12, result: "{}" },
      {
        type: "EffectRefused",
        ...ROOT,
        callId: "c:2",
        step: 2,
        tool: "sql.execute",
        args: "{}",
        code: "BUSBAR_FREEZE_ACTIVE",
        reason: "frozen",
      },
      admitted(ROOT, 3, "mail.send"),
      {
        type: "EffectFailed",
        ...ROOT,
        callId: "c:3",
        code: "BUSBAR_EFFECT_NOT_STARTED",
        reason: "busy",
        final: false,
        durationMs: 1,
      },
      admitted(ROOT, 3, "mail.send", 2),
      { type: "EffectInDoubt", ...ROOT, callId: "c:3", code: "BUSBAR_OUTCOME_LATE", reason: "late" },
      { type: "EffectSettled", ...ROOT, callId: "c:3", outcome: "committed", by: "operator:ann", reason: "seen" },
      { type: "TaskCompleted", ...ROOT, output: '"done"' },
    ]);
    const trace = traceChain("root", events);
    expect(trace).toMatchObject({
      agent: "support",
      partition: 2,
      state: "completed",
      input: '{"orderId":7}',
      output: '"done"',
      events: 11,
    });
    expect(
      steps(trace?.items ?? []).map(({ step, name, outcome, reason, attempts, durationMs }) => [
        step,
        name,
        outcome,
        reason,
        attempts,
        durationMs,
      ]),
    ).toEqual([
      [1, "orders.read", "committed", "", 1, 12],
      [2, "sql.execute", "refused", "BUSBAR_FREEZE_ACTIVE: frozen", 0, 0],
      [3, "mail.send", "settled as committed", "by operator:ann: seen", 2, 0],
    ]);
    expect(steps(trace?.items ?? [])[2]?.evidence).toEqual(
      [5, 6, 7, 8, 9].map((offset) => `busbar.events/2/${offset}`),
    );
  });

  it("puts a sub-task, which lives in another partition, below the step that sent it [cli:trace]", () => {
    const parent = eventsOf(1, [
      ...opened(ROOT, "support"),
      { type: "TaskSent", ...ROOT, callId: "c:1", step: 1, agent: "warehouse", childChainId: "child", input: "{}" },
      { type: "SubtaskFinished", ...ROOT, callId: "c:1", childChainId: "child", state: "completed", output: "{}" },
    ]);
    const child = eventsOf(3, [
      ...opened(CHILD, "warehouse"),
      admitted(CHILD, 1, "inventory.sync"),
      { type: "TaskFailed", ...CHILD, code: "X", reason: "why" },
    ]);
    expect(childrenIn(parent)).toEqual(["child"]);
    const [step] = steps(traceChain("root", [...parent, ...child])?.items ?? []);
    expect(step).toMatchObject({ kind: "task", name: "warehouse", outcome: "completed" });
    expect(step?.child).toMatchObject({ chainId: "child", partition: 3, state: "failed", output: "X: why" });
    expect(steps(step?.child?.items ?? [])[0]?.name).toBe("inventory.sync");
  });

  it("tells once what a call waits for that only a person can change [caps:shown]", () => {
    const wait = {
      type: "CommandDeferred" as const,
      ...ROOT,
      callId: "c:1",
      retryAfterMs: 10,
      reason: "tools.t.concurrency is 1",
    };
    const events = eventsOf(0, [
      ...opened(ROOT, "cleaner"),
      { ...wait, code: "BUSBAR_SLOTS_TAKEN" },
      { ...wait, code: "BUSBAR_CAP_ELSEWHERE" },
      { ...wait, code: "BUSBAR_CAP_ELSEWHERE" },
    ]);
    const trace = traceChain("root", events);
    expect(trace?.deferred).toBe(3);
    expect(notes(trace?.items ?? [])).toMatchObject([
      { kind: "deferred", text: "BUSBAR_CAP_ELSEWHERE: tools.t.concurrency is 1" },
    ]);
  });

  it("sets a claim beside the fact that it was checked by [cli:trace]", () => {
    const events = eventsOf(0, [
      ...opened(ROOT, "cleaner"),
      { type: "StatementRecorded", ...ROOT, callId: "c:1", step: 1, subject: "rollback", statement: '"impossible"' },
      {
        type: "StatementChecked",
        ...ROOT,
        callId: "c:1",
        subject: "rollback",
        agrees: false,
        fact: '{"found":true}',
        source: "backup.find",
      },
    ]);
    const trace = traceChain("root", events);
    expect(steps(trace?.items ?? [])[0]?.check).toEqual({
      agrees: false,
      fact: '{"found":true}',
      source: "backup.find",
    });
    expect(trace === null ? "" : renderTrace(trace, null)).toContain(
      'claims rollback "impossible"  0/o2-o3   REFUTED by the fact: backup.find {"found":true}',
    );
  });

  it("names what lifts a halt: the event of a rule's halt, the order of a person's [cli:trace]", () => {
    const byRule = traceChain(
      "root",
      eventsOf(0, [
        ...opened(ROOT, "cleaner"),
        {
          type: "ChainHalted",
          ...ROOT,
          rule: "consecutive-errors",
          reason: "2 errors",
          evidence: ["busbar.events/0/1"],
          directive: "",
        },
      ]),
    );
    expect(byRule?.state).toBe("halted");
    expect(notes(byRule?.items ?? [])).toEqual([
      {
        kind: "halted",
        text: "halted by consecutive-errors: 2 errors",
        scope: "chain:root",
        fence: "busbar.events/0/2",
        evidence: ["busbar.events/0/1", "busbar.events/0/2"],
      },
    ]);
    const applied = [
      { kind: "Halt", scope: "agent:other", offset: "4", id: "", detail: "{}" },
      { kind: "Halt", scope: "agent:cleaner", offset: "5", id: "", detail: "{}" },
    ];
    const byOrder = traceChain(
      "root",
      eventsOf(0, [...opened(ROOT, "cleaner"), { type: "HaltAcknowledged", applied, abandoned: [], inFlight: [] }]),
    );
    expect(notes(byOrder?.items ?? [])).toMatchObject([{ scope: "agent:cleaner", fence: "5" }]);
  });

  it("knows a resume, a new incarnation, and that a halt after the end concerns it no more", () => {
    const halt = {
      type: "HaltAcknowledged",
      applied: [{ kind: "Halt", scope: "fleet", offset: "1", id: "", detail: "{}" }],
      abandoned: [],
      inFlight: [],
    } as const;
    const trace = traceChain(
      "root",
      eventsOf(0, [
        ...opened(ROOT, "support"),
        halt,
        { type: "ChainResumed", ...ROOT, by: "operator", reason: "the halt was lifted" },
        { type: "TaskAssigned", ...ROOT, agent: "support", incarnation: 2, version: "", reason: "the halt was lifted" },
        { type: "TaskCompleted", ...ROOT, output: "1" },
        halt,
      ]),
    );
    expect(trace).toMatchObject({ state: "completed", incarnations: 2 });
    expect(notes(trace?.items ?? []).map(({ kind }) => kind)).toEqual(["halted", "resumed", "assigned"]);
  });

  it("knows nothing of a halt that another partition acknowledged: its own owner says it for itself", () => {
    const applied = [{ kind: "Halt", scope: "fleet", offset: "1", id: "", detail: "{}" }];
    const other = eventsOf(1, [{ type: "HaltAcknowledged", applied, abandoned: [], inFlight: [] }]);
    expect(traceChain("root", [...eventsOf(0, opened(ROOT, "support")), ...other])?.state).toBe("working");
  });

  it("names content that is kept apart by its size", () => {
    const claimCheck = { sha256: "x", bytes: 300_000, field: "args", offset: "0", chunks: ["x"] };
    const [, , sent] = eventsOf(0, [...opened(ROOT, "support"), { ...admitted(ROOT, 1, "mail.send"), args: "" }]);
    if (sent === undefined) return expect.unreachable();
    const event = { ...sent.event, meta: { ...sent.event.meta, claimCheck } };
    const trace = traceChain("root", [...eventsOf(0, opened(ROOT, "support")), { ...sent, event }]);
    expect(steps(trace?.items ?? [])[0]?.asked).toBe("(300000 bytes, kept apart)");
  });

  it("is null where the log has no such chain", () => {
    expect(traceChain("nobody", eventsOf(0, opened(ROOT, "support")))).toBeNull();
  });
});

describe("the picture of a trace", () => {
  it("is a tree with the evidence of each step [cli:trace]", () => {
    const parent = eventsOf(1, [
      ...opened(ROOT, "support"),
      { type: "TaskSent", ...ROOT, callId: "c:1", step: 1, agent: "warehouse", childChainId: "child", input: "{}" },
      {
        type: "EffectRefused",
        ...ROOT,
        callId: "c:2",
        step: 2,
        tool: "sql",
        args: '{"q":"\u001b[2J"}',
        code: "X",
        reason: "",
      },
    ]);
    const child = eventsOf(3, [...opened(CHILD, "warehouse"), admitted(CHILD, 1, "sync")]);
    const trace = traceChain("root", [...parent, ...child]);
    expect(trace === null ? "" : renderTrace(trace, null)).toBe(
      [
        "chain root: agent support, working, partition 1, 4 events in 3 ms",
        'input: {"orderId":7}',
        "step     call                       evidence  outcome",
        "├─ 1     → warehouse (chain child)  1/o2      open",
        '│  └─ 1  sync {"a":1}               3/o2      open',
        '└─ 2     sql {"q":"\\u001b[2J"}      1/o3      refused; X',
      ].join("\n"),
    );
  });
});
