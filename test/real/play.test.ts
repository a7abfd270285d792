/** Recorded runs of real agents through the command as it is typed, against an oracle that knows only the recording. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BusEvent } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { createPartitionReader } from "@busbar/runtime";
import { describe, expect, inject, it } from "vitest";
import { type Expected, expectedOf } from "./play-oracle.ts";

const FOLDER = process.env["BUSBAR_REAL_DATA"] ?? "";
const FILES = FOLDER === "" ? [] : readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl.gz"));
const AIRLINE = "tau1-airline-gpt4o.jsonl.gz";
const COMMAND = resolve(import.meta.dirname, "../../services/cli/bin/busbar.mjs");
const RULES = ["consecutive-errors", "contradiction", "destructive-run"];

interface Played {
  readonly code: number | null;
  readonly lines: readonly unknown[];
  readonly notes: string;
}

/** Types the command; ends when its process has ended. */
async function busbar(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Played> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, notes] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (notes += chunk.toString()));
  const bound = setTimeout(() => child.kill("SIGKILL"), 50_000);
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  clearTimeout(bound);
  const lines = out.split("\n").filter((line) => line !== "");
  return { code, notes, lines: lines.map((line) => JSON.parse(line) as unknown) };
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

function rowOf(rule: string, runs: readonly Expected[]): object {
  const labelled = (some: readonly Expected[], outcome: string): number =>
    some.filter((run) => run.outcome === outcome).length;
  const stopped = runs.filter((run) => run.stop?.rule === rule);
  const [failing, passing] = [labelled(stopped, "fail"), labelled(stopped, "pass")];
  const after = stopped.map(({ stop, wrongWrites, calls }) => ({
    wrong: wrongWrites.filter((index) => index > (stop?.call ?? 0)).length,
    left: calls - 1 - (stop?.call ?? 0),
  }));
  return {
    rule,
    stopped: stopped.length,
    failing,
    passing,
    unlabelled: labelled(stopped, ""),
    precision: share(failing, failing + passing),
    recall: share(failing, labelled(runs, "fail")),
    falseHalts: share(passing, labelled(runs, "pass")),
    wrongWritesStopped: after.reduce((sum, { wrong }) => sum + wrong, 0),
    wrongWrites: runs.reduce((sum, run) => sum + run.wrongWrites.length, 0),
    counterfactualCalls: after.reduce((sum, { left }) => sum + left, 0),
  };
}

const reportOf = (runs: readonly Expected[]): object => ({
  runs: runs.length,
  skipped: 0,
  calls: runs.reduce((sum, run) => sum + run.calls, 0),
  stopped: runs.filter((run) => run.stop !== null).length,
  byRule: RULES.map((rule) => rowOf(rule, runs)),
});

interface Admissions {
  all: number;
  /** Behind the stop of their chain. */
  afterStop: number;
}

function count(admissions: Admissions, stopped: Set<string>, { type, meta }: BusEvent): void {
  if (type === "ChainHalted") stopped.add(meta.chainId);
  if (type !== "EffectAdmitted") return;
  admissions.all += 1;
  if (stopped.has(meta.chainId)) admissions.afterStop += 1;
}

/** Admissions in the log of a play. */
async function admissionsOf(prefix: string): Promise<Admissions> {
  const log = createKafkaEventLog({ brokers: inject("brokers"), clientId: "play-check" });
  const topic = `${prefix}.events`;
  const admissions: Admissions = { all: 0, afterStop: 0 };
  const stopped = new Set<string>();
  for (let partition = 0; partition < (await log.partitionCount(topic)); partition += 1) {
    const reader = createPartitionReader(createCodec({ ids: builtinSchemaIds() }));
    for await (const delivery of log.read(topic, partition, { from: 0n })) {
      const events = reader.read(delivery).filter((read) => read.kind === "event");
      for (const { event } of events) count(admissions, stopped, event);
    }
  }
  await log.close();
  return admissions;
}

describe.skipIf(!FILES.includes(AIRLINE))("recorded runs on a real Kafka (not run where the data is absent)", () => {
  it("each run is stopped by the rule and at the call that the recording calls for, and nothing of it is admitted after that [play:recorded-runs] [play:first-stop]", async () => {
    const file = join(FOLDER, AIRLINE);
    const runs = expectedOf(file);
    const { code, lines, notes } = await busbar(["play", file, "-o", "jsonl"], {
      BUSBAR_BROKERS: inject("brokers").join(","),
    });
    expect({ code, notes }).toMatchObject({ code: 0 });
    const verdicts = lines.slice(0, -1) as readonly {
      readonly line: number;
      readonly rule: string;
      readonly call: number;
      readonly end: string;
    }[];
    const found = verdicts
      .toSorted((left, right) => left.line - right.line)
      .map(({ end, rule, call }) => (end === "stopped" ? { rule, call } : null));
    expect(found).toEqual(runs.map(({ stop }) => stop));
    expect(lines.at(-1)).toEqual(reportOf(runs));
    expect(lines.at(-1)).toMatchObject({ runs: 84, calls: 403 });
    const prefix = /play-[0-9a-f]{8}/.exec(notes)?.[0] ?? "";
    expect(await admissionsOf(prefix)).toEqual({ all: runs.reduce((sum, run) => sum + run.landed, 0), afterStop: 0 });
  });
});

describe("recorded runs on the embedded log", () => {
  it.skipIf(FILES.length === 0).each(FILES)("%s: the report is the oracle's [play:json]", async (name) => {
    const file = join(FOLDER, name);
    const { code, lines, notes } = await busbar(["play", "--embedded", "-o", "json", file]);
    expect({ code, notes }).toMatchObject({ code: 0 });
    expect(lines).toEqual([reportOf(expectedOf(file))]);
  });
});
