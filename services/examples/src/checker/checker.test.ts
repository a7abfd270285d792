import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createShop } from "../shop/create-shop.ts";
import { openShop } from "../shop/shop.ts";
import { check, type CheckReport } from "./checker.ts";
import type { RawRecord } from "./placement.ts";

type Body = Readonly<Record<string, unknown>>;

/** One partition as its owner would write it, with every chance to write it wrong. */
class Partition {
  readonly records: RawRecord[] = [];
  readonly index: number;
  epoch = "";

  constructor(index: number) {
    this.index = index;
    this.claim("n1");
  }

  get next(): bigint {
    return BigInt(this.records.length);
  }

  claim(nonce: string): void {
    const offset = this.next;
    this.push(offset, { type: "PartitionClaimed", nonce, owner: "g" }, { type: "PartitionClaimed" });
    this.epoch = `${offset}:${nonce}`;
  }

  /** Headers that `wrong` names replace the right ones. */
  write(type: string, atMs: number, fields: Body, wrong: Readonly<Record<string, string>> = {}): void {
    const offset = this.next;
    const meta = { atMs, chainId: "c1", lineage: ["root", "c1"], agent: "looper" };
    const headers = { type, at: String(offset), epoch: this.epoch, ...wrong };
    this.push(offset, headers, { type, meta, ...fields });
  }

  admit(key: string, atMs: number, wrong: Readonly<Record<string, string>> = {}, fields: Body = {}): void {
    const call = { callId: `call-${key}`, tool: "mail.send", toolClass: "exact", effectClass: "write", effectKey: key };
    this.write("EffectAdmitted", atMs, { ...call, ...fields }, wrong);
  }

  commit(key: string, atMs: number): void {
    this.write("EffectCommitted", atMs, { callId: `call-${key}`, effectKey: key });
  }

  halt(atMs: number, inFlight: readonly Body[] = [], scope = "agent:looper"): void {
    this.write("HaltAcknowledged", atMs, { applied: [{ offset: "0", kind: "Halt", scope }], inFlight });
  }

  /** Names that go before the record that applies the halt. */
  names(atMs: number, inFlight: readonly Body[]): void {
    this.write("HaltAcknowledged", atMs, { applied: [], inFlight });
  }

  resume(atMs: number, scope = "agent:looper"): void {
    this.write("DirectivesApplied", atMs, { applied: [{ offset: "1", kind: "Resume", scope }] });
  }

  private push(offset: bigint, headers: Readonly<Record<string, string>>, body: Body): void {
    this.records.push({ partition: this.index, offset, headers, value: Buffer.from(JSON.stringify(body)) });
  }
}

let folder = "";
let database = "";
let log: Partition;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-checker-"));
  database = join(folder, "shop.db");
  createShop(database, { size: { customers: 3, orders: 5, refunds: 1 } });
  log = new Partition(0);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An effect as the database has it. */
function effect(effectKey: string, beganAtMs: number, atMs = beganAtMs + 1): void {
  const connection = new DatabaseSync(database);
  connection
    .prepare(
      "INSERT INTO journal (began_at_ms, at_ms, effect_key, tool, statement, rows_changed) VALUES (?, ?, ?, ?, ?, 1)",
    )
    .run(beganAtMs, atMs, effectKey, "mail.send", `mail ${effectKey}`);
  connection.close();
}

/** Admitted, done and committed at `atMs`. */
function whole(key: string, atMs: number): void {
  log.admit(key, atMs);
  effect(key, atMs);
  log.commit(key, atMs + 2);
}

function decode(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

function run(records: readonly RawRecord[] = log.records, partitions: readonly number[] = [0]): CheckReport {
  return check({ records, decode, database, scopes: ["agent:looper"], partitions });
}

const kinds = (report: CheckReport) => report.findings.map(({ kind, effectKey }) => `${kind} ${effectKey}`.trim());

describe("a halt that holds", () => {
  it("may name what is in flight in parts; without them the same effects are findings [halt:no-effect-after-journal]", () => {
    for (const key of ["k1", "k2"]) log.admit(key, 10);
    log.names(20, [{ callId: "call-k1", effectKey: "k1" }]);
    log.halt(21, [{ callId: "call-k2", effectKey: "k2" }]);
    for (const key of ["k1", "k2"]) effect(key, 12, 30);
    expect(kinds(run()).filter((kind) => kind.startsWith("effect-after"))).toEqual([]);
    log = new Partition(0);
    log.claim("again");
    for (const key of ["k1", "k2"]) log.admit(key, 10);
    log.halt(21, [{ callId: "call-k2", effectKey: "k2" }]);
    expect(kinds(run())).toContain("effect-after-acknowledgement k1");
  });

  it("has no finding: effects before it, the named one in flight, and effects after the resume", () => {
    whole("k1", 100);
    log.admit("k2", 104);
    log.halt(110, [{ callId: "call-k2", effectKey: "k2" }]);
    effect("k2", 112);
    log.commit("k2", 114);
    log.resume(120);
    whole("k3", 130);
    const report = run();
    expect(report.findings).toEqual([]);
    expect(report.effects).toMatchObject({ effects: 3, committedKeys: 3, duplicated: 0, lost: 0 });
    expect(report.halts[0]).toMatchObject({ admittedAfterAcknowledgement: 0, effectsAfterAcknowledgement: 0 });
    expect(report.halts[0]?.namedInFlight).toBe(1);
    expect(report.halts[0]?.windows).toHaveLength(1);
  });

  it("does not count what another agent does, nor what is void", () => {
    log.halt(110);
    const meta = { atMs: 120, chainId: "c2", lineage: ["c2"], agent: "support" };
    log.admit("k1", 120, {}, { meta });
    effect("k1", 121);
    log.commit("k1", 122);
    log.admit("late", 123, { at: "99" });
    log.admit("zombie", 123, { epoch: "0:other" });
    const report = run();
    expect(report.findings).toEqual([]);
    expect(report.voidRecords).toBe(2);
  });

  it("an effect that the log had committed before the acknowledgement is over, whatever the clocks say", () => {
    log.admit("k1", 100);
    log.commit("k1", 110);
    log.halt(110);
    effect("k1", 110, 111);
    expect(kinds(run())).toEqual([]);
  });
});

describe("planted violations of a halt", () => {
  it("finds an admission after the acknowledgement, also where no effect followed", () => {
    log.halt(110);
    log.admit("k1", 110);
    const report = run();
    expect(kinds(report)).toEqual(["admitted-after-acknowledgement k1"]);
    expect(report.findings[0]?.evidence).toBe("0/2");
    expect(report.halts[0]?.admittedAfterAcknowledgement).toBe(1);
  });

  it("finds it in whatever order the records are handed in", () => {
    log.halt(110);
    log.admit("k1", 110);
    expect(kinds(run(log.records.toReversed()))).toEqual(["admitted-after-acknowledgement k1"]);
  });

  it("finds an effect that began while the halt held and ended after the resume", () => {
    log.admit("k1", 100);
    log.halt(110);
    log.resume(120);
    effect("k1", 115, 125);
    log.commit("k1", 126);
    expect(kinds(run())).toEqual(["effect-after-acknowledgement k1"]);
  });

  it("finds an admission in a sub-task of a halted chain", () => {
    log.halt(110, [], "chain:root");
    log.admit("k1", 112);
    const report = check({ records: log.records, decode, database, scopes: ["chain:root", "chain:other"] });
    expect(kinds(report)).toEqual(["admitted-after-acknowledgement k1"]);
  });

  it("does not take the resume of another scope for the end of a halt", () => {
    log.halt(110);
    log.resume(111, "fleet");
    log.admit("k1", 112);
    expect(kinds(run())).toEqual(["admitted-after-acknowledgement k1"]);
  });

  it("finds an effect that began after the acknowledgement though it was admitted before", () => {
    log.admit("k1", 100);
    log.halt(110);
    effect("k1", 111);
    log.commit("k1", 113);
    const report = run();
    expect(kinds(report)).toEqual(["effect-after-acknowledgement k1"]);
    expect(report.halts[0]).toMatchObject({ admittedAfterAcknowledgement: 0, effectsAfterAcknowledgement: 1 });
  });

  it("finds an effect that was under way and is not named in flight", () => {
    log.admit("k1", 100);
    log.halt(110, [{ callId: "call-k9", effectKey: "k9" }]);
    effect("k1", 105, 115);
    log.commit("k1", 116);
    expect(kinds(run())).toEqual(["effect-after-acknowledgement k1"]);
  });

  it("finds a partition that did not acknowledge", () => {
    log.halt(110);
    expect(kinds(run(log.records, [0, 1]))).toEqual(["no-acknowledgement"]);
  });

  it("judges an admission by its place: a stale epoch after a new claim is void, so its effect is unexplained", () => {
    const stale = log.epoch;
    log.claim("n2");
    log.admit("k1", 100, { epoch: stale });
    effect("k1", 100);
    expect(kinds(run(log.records, []))).toEqual(["effect-without-admission k1"]);
  });

  it("finds an admission in a chain that the door has halted", () => {
    log.write("ChainHalted", 100, {});
    log.admit("k1", 101);
    log.write("ChainResumed", 102, {});
    log.admit("k2", 103);
    expect(kinds(run(log.records, []))).toEqual(["admitted-in-halted-chain k1"]);
  });
});

describe("planted violations of the effects", () => {
  it("finds an effect that was done twice", () => {
    whole("k1", 100);
    effect("k1", 105);
    expect(kinds(run(log.records, []))).toEqual(["effect-twice k1"]);
  });

  it("finds an effect that was committed and is not there", () => {
    log.admit("k1", 100);
    log.commit("k1", 101);
    log.admit("k2", 102);
    log.write("EffectSettled", 103, { effectKey: "k2", callId: "call-k2", outcome: "committed" });
    log.admit("k3", 104);
    log.write("EffectSettled", 105, { effectKey: "k3", callId: "call-k3", outcome: "not-done" });
    const report = run(log.records, []);
    expect(kinds(report)).toEqual(["effect-lost k1", "effect-lost k2"]);
    expect(report.effects.lost).toBe(2);
  });

  it("finds an effect that nobody admitted", () => {
    effect("k1", 100);
    expect(kinds(run(log.records, []))).toEqual(["effect-without-admission k1"]);
  });

  it("finds rows that were changed past the tools", () => {
    const shop = openShop(database);
    log.admit("k1", 100);
    shop.effect({ tool: "sql.execute", effectKey: "k1", beganAtMs: 100, honoursKey: false }, (connection) => {
      connection.exec("DELETE FROM customers WHERE id = 1");
      return { result: null, statement: "DELETE", rowsChanged: 1 };
    });
    shop.close();
    log.commit("k1", 101);
    expect(kinds(run(log.records, []))).toEqual([]);
    const outside = new DatabaseSync(database);
    outside.exec("DELETE FROM orders WHERE id = 1");
    outside.close();
    expect(kinds(run(log.records, []))).toEqual(["row-changed-outside-effect"]);
  });

  it("takes nothing for granted over a record that cannot be read or says another type", () => {
    log.write("EffectAdmitted", 100, { type: "DoorOpened" });
    const broken = { partition: 0, offset: 2n, headers: { type: "EffectAdmitted", at: "2", epoch: log.epoch } };
    const records = [...log.records, { ...broken, value: Buffer.from("{") }];
    expect(kinds(run(records, []))).toEqual(["unreadable-record", "unreadable-record"]);
  });
});

it("shares no code with the bus: the checker imports node:sqlite and its own files only", () => {
  const here = dirname(fileURLToPath(import.meta.url));
  const sources = readdirSync(here).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const imported = sources.flatMap((name) =>
    [...readFileSync(join(here, name), "utf8").matchAll(/from "([^"]+)"/g)].map((match) => match[1]),
  );
  expect(sources.length).toBeGreaterThan(4);
  const foreign = imported.filter((from) => from !== "node:sqlite" && !sources.includes(`${from?.slice(2)}`));
  expect(foreign).toEqual([]);
});
