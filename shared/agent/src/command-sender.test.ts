import { busbarError } from "@busbar/kernel";
import type { AppendOutcome, NewRecord } from "@busbar/log";
import { describe, expect, it } from "vitest";
import { CommandSender, type PutAside, type SenderOptions } from "./command-sender.ts";
import type { RunCommand } from "./run-context.ts";
import { metaOf } from "./test-door.ts";

const command = (step: number): RunCommand => ({ type: "CallTool", step, tool: "t", args: "{}", repeat: 0 });

/** A sender with a hand-driven clock; `outcomes` scripts publications, by default everything is appended. */
function build(change: Partial<SenderOptions> = {}) {
  const published: string[][] = [];
  const rejected: string[] = [];
  const waiting: { delayMs: number; run: () => void }[] = [];
  let offset = 100n;
  const sender = new CommandSender({
    incarnation: 2,
    answerTimeoutMs: 3000,
    encode: (_body, sequence) => ({ key: "c", value: new TextEncoder().encode(String(sequence)) }),
    publish: (records: readonly NewRecord[]) => {
      published.push(records.map(({ value }) => new TextDecoder().decode(value)));
      return Promise.resolve(
        records.map((): AppendOutcome => ({ kind: "appended", baseOffset: offset++, appendedAtMs: null })),
      );
    },
    timers: {
      after(delayMs, run) {
        const entry = { delayMs, run };
        waiting.push(entry);
        return () => {
          const at = waiting.indexOf(entry);
          if (at >= 0) waiting.splice(at, 1);
        };
      },
    },
    putAside: () => Promise.resolve(null),
    onRejected: (code) => rejected.push(code),
    ...change,
  });
  const fire = async () => {
    const [entry] = waiting.splice(0, 1);
    entry?.run();
    await settle();
    return entry?.delayMs ?? 0;
  };
  return { sender, published, rejected, waiting, fire };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const event = (type: string, body: object, commandSeq = 0, incarnation = 2) =>
  ({ type, ...body, meta: metaOf(5n, incarnation, commandSeq) }) as never;

describe("arguments that have no room in a command", () => {
  const large = (step: number): RunCommand => ({ ...command(step), args: `"${"x".repeat(300_000)}"` }) as RunCommand;
  const REF = { sha256: "s", bytes: 300_002, offset: "7", chunks: ["s"] };

  it("are acknowledged first; the command then refers to them, and those behind it wait [arguments:acknowledged-first]", async () => {
    const told: string[] = [];
    let acknowledge: (ref: PutAside) => void = () => undefined;
    const { sender, published } = build({
      putAside: () => new Promise((resolve) => (acknowledge = resolve)),
      encode: (body, sequence, aside) => {
        told.push(`${sequence} ${body.type === "CallTool" ? body.args.length : 0} ${aside?.field} ${aside?.offset}`);
        return { key: "c", value: new TextEncoder().encode(String(sequence)) };
      },
    });
    sender.send(command(1));
    sender.send(large(2));
    sender.send(command(3));
    await settle();
    expect(published.flat()).toEqual(["1"]);
    acknowledge(REF);
    await settle();
    expect(published.flat()).toEqual(["1", "2", "3"]);
    expect(told).toEqual(["1 2 undefined undefined", "3 2 undefined undefined", "2 0 args 7"]);
  });

  it("are put aside again until the log has them, and no more after a stop [arguments:acknowledged-first]", async () => {
    const answers: PutAside[] = [null, REF];
    const { sender, published, fire } = build({ putAside: () => Promise.resolve(answers.shift() ?? null) });
    sender.send(large(1));
    await settle();
    expect(published.flat()).toEqual([]);
    await fire();
    await settle();
    expect(published.flat()).toEqual(["1"]);
    sender.send(large(2));
    sender.stop();
    await settle();
    expect(published.flat()).toEqual(["1"]);
  });

  it("that the log refuses end the run with the reason [arguments:missing-refused]", async () => {
    const refused = busbarError("BUSBAR_LOG_FORBIDDEN", { what: "write", topic: "t.blobs" });
    const { sender, published, rejected } = build({ putAside: () => Promise.resolve({ refused }) });
    sender.send(large(1));
    await settle();
    expect([published.flat(), rejected]).toEqual([[], ["BUSBAR_LOG_FORBIDDEN"]]);
  });
});

describe("the command sender [agents:resend-same-bytes]", () => {
  it("leaves out a number that another run of the incarnation has used [agents:second-run-same-numbers]", async () => {
    const { sender, published } = build();
    sender.send(command(1));
    sender.skip();
    sender.send(command(3));
    await settle();
    expect(published.flat()).toEqual(["1", "3"]);
  });

  it("publishes in sequence, what is queued meanwhile in one go, and waits for answers", async () => {
    const { sender, published, waiting } = build();
    for (const step of [1, 2, 3]) sender.send(command(step));
    await settle();
    expect(published.flat()).toEqual(["1", "2", "3"]);
    expect(waiting).toMatchObject([{ delayMs: 3000 }]);
    sender.observe(event("EffectCommitted", {}, 3), null);
    expect([sender.unconsumed, waiting.length]).toEqual([0, 0]);
  });

  it("sends again what nobody answered, after growing pauses", async () => {
    const { sender, published, fire } = build();
    sender.send(command(1));
    await settle();
    const pauses = [await fire(), await fire(), await fire(), await fire(), await fire()];
    expect(pauses).toEqual([3000, 6000, 12_000, 24_000, 24_000]);
    expect(published).toHaveLength(6);
  });

  it("after a gap sends from the expected one on, at once", async () => {
    const { sender, published, fire } = build();
    for (const step of [1, 2, 3]) sender.send(command(step));
    await settle();
    published.length = 0;
    sender.observe(
      event("CommandDeferred", { code: "BUSBAR_SEQUENCE_GAP", expected: 2, retryAfterMs: 0, commandType: "CallTool" }),
      3,
    );
    expect(await fire()).toBe(0);
    expect(published.flat()).toEqual(["2", "3"]);
  });

  it("after a deferral sends that one and what follows when the door said", async () => {
    const { sender, published, fire } = build();
    for (const step of [1, 2]) sender.send(command(step));
    await settle();
    published.length = 0;
    sender.observe(
      event("CommandDeferred", { code: "BUSBAR_OVERLOADED", expected: 0, retryAfterMs: 250, commandType: "CallTool" }),
      1,
    );
    expect(await fire()).toBe(250);
    expect(published.flat()).toEqual(["1", "2"]);
  });

  it("while a deferred one waits for its time nothing follows it, and the gaps of what was sent before end no pause [caps:deferral-is-quiet]", async () => {
    const { sender, published, waiting, fire } = build();
    for (const step of [1, 2, 3]) sender.send(command(step));
    await settle();
    published.length = 0;
    const deferred = { expected: 0, retryAfterMs: 250, commandType: "CallTool" };
    sender.observe(event("CommandDeferred", { ...deferred, code: "BUSBAR_SLOTS_TAKEN" }), 1);
    for (const step of [2, 3]) {
      const gap = { code: "BUSBAR_SEQUENCE_GAP", expected: 1, retryAfterMs: 0, commandType: "CallTool" };
      sender.observe(event("CommandDeferred", gap), step);
    }
    sender.send(command(4));
    await settle();
    expect([published, waiting.map(({ delayMs }) => delayMs)]).toEqual([[], [250]]);
    await fire();
    expect(published.flat()).toEqual(["1", "2", "3", "4"]);
    expect(waiting.map(({ delayMs }) => delayMs)).toEqual([3000]);
  });

  it("a deferred one that was taken after all leaves no pause behind [caps:deferral-is-quiet]", async () => {
    const { sender, published } = build();
    sender.send(command(1));
    await settle();
    const deferred = { code: "BUSBAR_SLOTS_TAKEN", expected: 0, retryAfterMs: 250, commandType: "CallTool" };
    sender.observe(event("CommandDeferred", deferred), 1);
    sender.observe(event("EffectAdmitted", {}, 1), 1);
    sender.send(command(2));
    await settle();
    expect(published.flat()).toEqual(["1", "2"]);
  });

  it("a duplicate is a consumed one", async () => {
    const { sender } = build();
    sender.send(command(1));
    await settle();
    sender.observe(
      event("CommandDeferred", { code: "BUSBAR_DUPLICATE", expected: 2, retryAfterMs: 0, commandType: "CallTool" }),
      1,
    );
    expect(sender.unconsumed).toBe(0);
  });

  it("an unknown append is sent again from the first that is unknown", async () => {
    let count = 0;
    const sent: string[] = [];
    const publish: SenderOptions["publish"] = (records) => {
      count += 1;
      sent.push(...records.map(({ value }) => new TextDecoder().decode(value)));
      const known: AppendOutcome = { kind: "appended", baseOffset: 1n, appendedAtMs: null };
      return Promise.resolve(records.map(() => (count === 1 ? { kind: "unknown", cause: 0 } : known)));
    };
    const { sender, fire } = build({ publish });
    sender.send(command(1));
    await settle();
    expect(await fire()).toBe(200);
    expect(sent).toEqual(["1", "1"]);
  });

  it("only a rejection of a record of its own ends it: anyone can send rubbish in its name", async () => {
    const { sender, rejected } = build();
    sender.send(command(1));
    await settle();
    const rejection = (offset: string) =>
      event("CommandRejected", {
        code: "BUSBAR_AUTH_FAILED",
        reason: "r",
        commandType: "CallTool",
        topic: "t",
        offset,
        callId: "chain-1:1",
      });
    sender.observe(rejection("99"), 1);
    expect([rejected, sender.unconsumed]).toEqual([[], 1]);
    sender.observe(rejection("100"), 1);
    expect([rejected, sender.unconsumed]).toEqual([["BUSBAR_AUTH_FAILED"], 0]);
  });

  it("events of another incarnation say nothing about its commands", async () => {
    const { sender } = build();
    sender.send(command(1));
    await settle();
    sender.observe(event("EffectCommitted", {}, 1, 1), null);
    sender.observe(
      event(
        "CommandDeferred",
        { code: "BUSBAR_DUPLICATE", expected: 9, retryAfterMs: 0, commandType: "CallTool" },
        0,
        1,
      ),
      1,
    );
    expect(sender.unconsumed).toBe(1);
  });

  it("what the log will never take ends it", async () => {
    const error = busbarError("BUSBAR_RECORD_TOO_LARGE", { bytes: 2, limit: 1 });
    const { sender, rejected, waiting } = build({
      publish: (records) => Promise.resolve(records.map(() => ({ kind: "refused", error }))),
    });
    sender.send(command(1));
    await settle();
    expect([rejected, waiting.length]).toEqual([["BUSBAR_RECORD_TOO_LARGE"], 0]);
  });
});
