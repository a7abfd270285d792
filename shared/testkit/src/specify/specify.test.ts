import { defineTool } from "@busbar/agent";
import { consecutiveErrors, contradiction, destructiveRun } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import {
  answers,
  calls,
  completes,
  fails,
  freezes,
  halts,
  isStale,
  passes,
  resumes,
  says,
  sees,
  timesOut,
} from "./door-scene.ts";
import { specifyDoor } from "./specify-door.ts";
import { aDestructiveEffect, anError, aRead, aWrite, specifyRule } from "./specify-rule.ts";

describe("given, when, then for a rule", () => {
  it("shows that it acts, that it refuses to, and that it stays quiet [rules:two-errors]", () => {
    const rule = specifyRule(consecutiveErrors);
    expect(rule.given(anError("a")).when(anError("b")).thenTrips("2 errors in a row").evidence).toEqual([
      "given/0/0",
      "given/0/1",
    ]);
    rule.given(anError(), aRead()).when(anError()).thenNothingHappens();
    rule.given().when(aWrite()).thenNothingHappens();
  });

  it("takes other limits, and every rule [rules:three-destructive]", () => {
    specifyRule(destructiveRun, { destructiveRun: 1 }).given().when(aDestructiveEffect()).thenTrips();
    specifyRule(contradiction).given(aRead("stock", "3")).when(aRead("stock", "0")).thenTrips("in two ways");
  });

  it("fails when the rule does otherwise, and says how", () => {
    const rule = specifyRule(consecutiveErrors);
    expect(() => rule.given().when(anError()).thenTrips()).toThrow("consecutive-errors did not trip");
    expect(() => rule.given(anError()).when(anError("x")).thenNothingHappens()).toThrow("the last from x");
    expect(() => rule.given(anError()).when(anError()).thenTrips("because of the moon")).toThrow(
      'not "because of the moon"',
    );
    expect(() => rule.given(anError(), anError()).when(aRead())).toThrow("tripped on given fact 2 already");
  });
});

const drop = defineTool({
  name: "db.drop",
  description: "Drops a table",
  effect: "destructive",
  args: { type: "object", required: ["table"], properties: { table: { type: "string" } } },
  timeoutMs: 100,
  run: () => null,
});
const read = defineTool({
  name: "db.read",
  description: "Reads",
  effect: "read",
  args: { type: "object" },
  timeoutMs: 100,
  run: () => ({}),
});
const tools = [drop, read];
const door = specifyDoor({
  tools,
  policy: { statements: { backup: { tool: "db.read", refutedWhen: { path: "there", equals: true } } } },
});

describe("given, when, then for the door", () => {
  it("admits, and answers the same effect from the record [effects:same-key-already-done]", () => {
    expect(
      door
        .given()
        .when(calls("db.drop", { table: "t" }))
        .thenRecords("EffectAdmitted").args,
    ).toBe('{"table":"t"}');
    door
      .given(calls("db.drop", { table: "t" }), answers(null))
      .when(calls("db.drop", { table: "t" }))
      .thenRecords("EffectAlreadyDone");
    door
      .given(calls("db.drop", { table: "t" }), answers(null))
      .when(calls("db.drop", { table: "t" }, 2))
      .thenExactly("EffectAdmitted");
  });

  it("refuses what a freeze, a halt, a schema or a list of tools forbids [rules:freeze]", () => {
    door
      .given(freezes("fleet", ["destructive"]))
      .when(calls("db.drop", { table: "t" }))
      .thenRecords("EffectRefused", { code: "BUSBAR_FREEZE_ACTIVE" });
    door
      .given(halts("tool:db.drop"))
      .when(calls("db.drop", { table: "t" }))
      .thenRecords("EffectRefused", { code: "BUSBAR_HALT_ACTIVE" });
    door.given(halts("fleet"), resumes("fleet")).when(calls("db.read")).thenRecords("EffectAdmitted");
    door
      .given()
      .when(calls("db.drop", { table: 7 }))
      .thenRecords("EffectRefused", { code: "BUSBAR_INPUT_INVALID" });
    const reader = specifyDoor({ tools, agent: "reader", policy: { agents: { reader: { tools: ["db.read"] } } } });
    reader
      .given()
      .when(calls("db.drop", { table: "t" }))
      .thenRecords("EffectRefused", { code: "BUSBAR_TOOL_FORBIDDEN" });
  });

  it("halts after two errors, keeps doubts, records words beside facts [rules:two-errors]", () => {
    door.given(calls("db.read"), fails(), calls("db.read")).when(fails()).thenExactly("EffectFailed", "ChainHalted");
    door
      .given(calls("db.drop", { table: "t" }))
      .when(timesOut())
      .thenRecords("EffectInDoubt");
    door
      .given(calls("db.drop", { table: "t" }), timesOut())
      .when(passes(10_000))
      .thenRecords("EffectSettled", { outcome: "unknown" });
    door.given().when(says("backup", "gone")).thenRecords("StatementRecorded", { statement: "gone" });
    door
      .given()
      .when(completes({ ok: true }))
      .thenRecords("TaskCompleted", { output: '{"ok":true}' });
    door.given().when(passes(10_000)).thenNothingHappens();
  });

  it("fails when the door does otherwise, and says what it did", () => {
    const asked = door.given().when(calls("db.read"));
    expect(() => asked.thenRecords("EffectRefused")).toThrow(
      "EffectRefused was not recorded; recorded: EffectAdmitted",
    );
    expect(() => asked.thenRecords("EffectAdmitted", { attempt: 2 })).toThrow('but not with {"attempt":2}');
    expect(() => asked.thenExactly("EffectRefused")).toThrow("recorded: EffectAdmitted; expected: EffectRefused");
    expect(() => asked.thenNothingHappens()).toThrow("expected nothing");
    expect(() => door.given(answers(1)).when(calls("db.read"))).toThrow("no call waits for an outcome");
  });
});

describe("given, when, then for what a chain has read and changed", () => {
  const ID = { type: "object", required: ["id"], properties: { id: { type: "integer" } } } as const;
  const get = defineTool({ ...read, name: "row.get", args: ID, version: "$result.version" });
  const put = defineTool({
    ...drop,
    name: "row.put",
    effect: "write",
    args: ID,
    dependsOn: { tool: "row.get", args: { id: "$args.id" } },
    readBack: { tool: "row.get", args: { id: "$args.id" }, expect: "seen.version == 2" },
  });
  const rows = specifyDoor({ tools: [get, put] });
  const got = [calls("row.get", { id: 1 }), answers({ version: 1 })];
  const change = calls("row.put", { id: 1 });

  it("a change carries the version that was read, and without a read it is refused [effects:version-carried]", () => {
    expect(
      rows
        .given(...got)
        .when(change)
        .thenRecords("EffectAdmitted").expects,
    ).toContain('"version":"1"');
    rows.given().when(change).thenRecords("EffectRefused", { code: "BUSBAR_STALE" });
    rows
      .given(...got, change)
      .when(isStale({ version: 2 }))
      .thenRecords("EffectFailed", { code: "BUSBAR_STALE" });
  });

  it("the next change waits for the look at the one before, which shows it or not [effects:read-back-due]", () => {
    const done = [...got, change, answers(null)];
    const next = calls("row.put", { id: 1 }, 2);
    rows
      .given(...done)
      .when(next)
      .thenRecords("CommandDeferred", { code: "BUSBAR_READ_BACK_DUE" });
    rows
      .given(...done)
      .when(sees({ version: 2 }))
      .thenExactly("EffectVerified");
    rows
      .given(...done)
      .when(sees({ version: 1 }))
      .thenExactly("EffectDisputed", "ChainDegraded");
    rows
      .given(...done, sees({ version: 2 }))
      .when(next)
      .thenRecords("EffectAdmitted");
  });
});
