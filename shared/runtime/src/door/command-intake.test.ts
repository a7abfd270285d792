import { builtinSchemaIds, createCodec, signCommand } from "@busbar/events/codec";
import { busbarError, type BusbarError } from "@busbar/kernel";
import type { Delivery, EventLog, FollowOptions, StoredRecord } from "@busbar/log";
import type { Input } from "@busbar/policy";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it } from "vitest";
import { metaWith } from "../meta.ts";
import { SYSTEM_TIMERS } from "../ports.ts";
import { Intake } from "./command-intake.ts";

const TOPIC = "t.commands";
const codec = createCodec({ ids: builtinSchemaIds() });
const meta = metaWith({ eventId: "c", atMs: 1, chainId: "c1" });
const submission = { taskKey: "k", agent: "a", input: "{}", parentChainId: "", parentCallId: "", untrusted: false };
const limits = { deadlineAtMs: 0, maxSteps: 0, budgetTokens: 0 };
const value = codec.encode("SubmitTask", { meta, ...submission, ...limits });

const record = (offset: bigint): StoredRecord => ({
  topic: TOPIC,
  partition: 0,
  offset,
  timestampMs: 1,
  key: "c1",
  value,
  headers: { type: "SubmitTask", principal: "client:test" },
});
const delivery = (...offsets: readonly bigint[]): Delivery => {
  const next = (offsets.at(-1) ?? -1n) + 1n;
  return { records: offsets.map(record), unreadable: [], next, end: next };
};

/** An intake whose follower the test speaks for: what is delivered, and from where it asked. */
interface Change {
  readonly read?: () => Promise<string>;
  readonly keys?: readonly Uint8Array[];
  readonly push?: (input: Input) => void;
}

async function intakeFrom(from: bigint, accepted = "", change: Change = {}) {
  const runs: FollowOptions[] = [];
  const broken: BusbarError[] = [];
  const inputs: string[] = [];
  const push = (input: Input): void => {
    change.push?.(input);
    if (input.kind === "command") inputs.push(`command ${input.offset}`);
    else if (input.kind === "gap") inputs.push(`gap ${input.expected} to ${input.found}`);
    else inputs.push(input.kind);
  };
  const follower = { position: () => 0n, seek: () => undefined, pause: () => undefined, resume: () => undefined };
  const log = {
    follow: (options: FollowOptions) => {
      runs.push(options);
      return { ...follower, stop: () => Promise.resolve() };
    },
  } as unknown as EventLog;
  const keyring = { commandKeys: () => change.keys ?? [], isOrderSigned: () => false, signOrder: () => "" };
  const clock = { nowMs: () => 1, monotonicMs: () => 1 };
  const timers = SYSTEM_TIMERS;
  const ports = { log, codec, keyring, clock, timers, logger: SILENT_LOGGER, push, onDeadLetter: () => undefined };
  const isGapAccepted = (topic: string, low: bigint): boolean => `${topic}@${low}` === accepted;
  const onBroken = (error: BusbarError): void => void broken.push(error);
  const contents = { read: change.read ?? (() => Promise.reject(new Error("nothing is put aside"))) };
  const place = { source: "commands" as const, topic: TOPIC, deadLetters: "t.dead", partition: 0 };
  const intake = new Intake({ ...ports, ...place, contents, isGapAccepted, onBroken });
  await intake.restart(from);
  const deliver = async (run: number, given: Delivery): Promise<void> => runs[run]?.onDelivery(given);
  return { intake, runs, inputs, deliver, broken };
}

describe("positions of commands", () => {
  it("each is taken once, in order: what comes again is dropped [door:next-offset-only]", async () => {
    const { inputs, deliver } = await intakeFrom(5n);
    await deliver(0, delivery(3n, 4n, 5n, 6n));
    await deliver(0, delivery(5n, 6n, 7n));
    expect(inputs).toEqual(["command 5", "command 6", "command 7"]);
  });

  it("a jump is a gap on the log before anything behind it is taken [door:next-offset-only]", async () => {
    const { inputs, deliver } = await intakeFrom(5n);
    await deliver(0, delivery(5n, 8n, 9n));
    expect(inputs).toEqual(["command 5", "gap 6 to 8", "command 8", "command 9"]);
  });

  it("what retention took was never decided: the partition is told to shut, and nothing behind it is taken [log:gap-fails-closed]", async () => {
    const { inputs, runs, broken } = await intakeFrom(5n);
    runs[0]?.onProblem({ kind: "gap", position: 5n, low: 9n });
    expect(broken.map(({ code, next }) => [code, next])).toEqual([
      [
        "BUSBAR_INPUT_GAP",
        "find out what they held; to go on without them start the gateway with BUSBAR_ACCEPT_GAP=t.commands/0@9",
      ],
    ]);
    expect([runs.length, inputs]).toEqual([1, []]);
  });

  it("a log that ends before our position is not this log: the partition is told to shut [log:truncated-fails-closed]", async () => {
    const { runs, broken } = await intakeFrom(5n);
    runs[0]?.onProblem({ kind: "unreachable", cause: new Error("away") });
    expect(broken).toEqual([]);
    runs[0]?.onProblem({ kind: "truncated", position: 5n, end: 2n });
    expect(broken.map(({ code }) => code)).toEqual(["BUSBAR_LOG_TRUNCATED"]);
  });

  it("what a person accepted as gone is a gap on the log, and the log is asked again from what is kept [door:jump-is-log-gap]", async () => {
    const { inputs, runs, deliver, broken } = await intakeFrom(5n, "t.commands@9");
    runs[0]?.onProblem({ kind: "gap", position: 5n, low: 9n });
    expect(broken).toEqual([]);
    await expect.poll(() => runs.length).toBe(2);
    await deliver(1, delivery(9n));
    expect(runs.map(({ from }) => from)).toEqual([5n, 9n]);
    expect(inputs).toEqual(["gap 5 to 9", "command 9"]);
  });

  it("a follower that was replaced hands over nothing more [door:next-offset-only]", async () => {
    const { intake, inputs, deliver } = await intakeFrom(5n);
    await intake.restart(2n);
    await deliver(0, delivery(2n, 5n));
    expect(inputs).toEqual([]);
    await deliver(1, delivery(2n));
    expect(inputs).toEqual(["command 2"]);
  });
});

describe("arguments that a command refers to", () => {
  const claimCheck = { sha256: "s", bytes: 3, field: "args", offset: "4", chunks: ["s"] };
  const KEY = new Uint8Array(32).fill(1);
  const from = { chainId: "c1", incarnation: 1, sequence: 1, topic: TOPIC, partition: 0 };
  const called = codec.encode("CallTool", {
    meta: { ...meta, agent: "a", incarnation: 1, streamSeq: 1, claimCheck },
    step: 1,
    tool: "t",
    args: "",
    repeat: 0,
  });
  const headers = (auth: string) => ({ type: "CallTool", principal: "agent:a", auth });
  const signed = headers(signCommand(KEY, { ...from, value: called }));

  /** What an intake makes of one call; `answers` of the log about its content, in order. */
  async function inputOf(answers: readonly (string | Error)[], given = signed) {
    const left = [...answers];
    const inputs: Input[] = [];
    const read = (): Promise<string> => {
      const answer = left.shift() ?? new Error("asked too often");
      return typeof answer === "string" ? Promise.resolve(answer) : Promise.reject(answer);
    };
    const { intake, deliver } = await intakeFrom(0n, "", { read, keys: [KEY], push: (input) => inputs.push(input) });
    await deliver(0, { ...delivery(0n), records: [{ ...record(0n), value: called, headers: given }] });
    await intake.stop();
    const [input] = inputs;
    if (input?.kind !== "command" || input.command.type !== "CallTool") throw new Error("no call");
    return { left: left.length, args: input.command.args, auth: input.authProblem, problem: input.contentProblem };
  }

  it("are read and stand in the command when it is decided [arguments:by-reference]", async () => {
    expect(await inputOf(["{}1"])).toEqual({ left: 0, args: "{}1", auth: null, problem: undefined });
  });

  it("that are missing are said to be; a log that does not answer is asked again [arguments:missing-refused]", async () => {
    const missing = busbarError("BUSBAR_CONTENT_MISSING", { sha256: "s", id: "4" });
    expect(await inputOf([missing])).toMatchObject({ args: "", problem: missing.message });
    expect(await inputOf([new Error("away"), new Error("away"), "{}1"])).toMatchObject({ args: "{}1" });
  });

  it("are not read for who is not who it says [arguments:bounded]", async () => {
    const found = await inputOf(["{}1"], headers("forged"));
    expect(found).toMatchObject({ left: 1, args: "", auth: "the authentication code does not match" });
  });
});
