import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { busbarError } from "@busbar/kernel";
import type { AppendOutcome, EventLog } from "@busbar/log";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { expect, it } from "vitest";
import { metaWith } from "../meta.ts";
import { SYSTEM_CLOCK, type Timers } from "../ports.ts";
import { topicNames } from "../topic-names.ts";
import { type AckedEvent, Projector } from "./projector.ts";

const OK: AppendOutcome = { kind: "appended", baseOffset: 0n, appendedAtMs: 1 };
const LOST: AppendOutcome = { kind: "unknown", cause: new Error("the broker is away") };

/** A projector whose publications end as the test says; its waits take no time and are written down. */
function bench(answers: readonly AppendOutcome[]) {
  const left = [...answers];
  const waits: number[] = [];
  let publications = 0;
  let during: () => void = () => undefined;
  const log = {
    publish: () => {
      publications += 1;
      during();
      return Promise.resolve([left.shift() ?? OK]);
    },
  } as unknown as EventLog;
  const timers = {
    after: (delayMs: number, run: () => void) => {
      waits.push(delayMs);
      setImmediate(run);
      return () => undefined;
    },
  } as unknown as Timers;
  const projector = new Projector({
    log,
    timers,
    codec: createCodec({ ids: builtinSchemaIds() }),
    topics: topicNames("t"),
    partition: 0,
    partitionCount: 1,
    keyring: { commandKeys: () => [], isOrderSigned: () => false, signOrder: () => "" },
    clock: SYSTEM_CLOCK,
    logger: SILENT_LOGGER,
    owner: "g",
    namespace: "",
    journal: () => Promise.resolve([]),
    submittedAt: () => null,
    hasChildren: () => false,
    parentOf: () => null,
  });
  return { projector, waits, count: () => publications, onPublish: (run: () => void) => void (during = run) };
}

const acked = (offset: bigint): AckedEvent => {
  const meta = metaWith({ eventId: `t.events/0/${offset}`, atMs: 1, chainId: "c", agent: "a" });
  const event = { type: "ChainResumed", meta, directive: "", reason: "", by: "" } as const;
  return { offset, event, bytes: new Uint8Array([1]) };
};

it("an inbox that cannot be written is tried again ever more slowly, up to a bound, and seen meanwhile [agents:inbox-retried-visibly]", async () => {
  const { projector, waits, count, onPublish } = bench(Array.from({ length: 12 }, () => LOST));
  const seen: unknown[] = [];
  onPublish(() => void seen.push(projector.status()));
  projector.enqueue([acked(7n)]);
  await expect.poll(() => projector.through()).toBe(8n);
  expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000]);
  expect(seen[12]).toMatchObject({ waiting: 1, failures: 12, reason: "the broker is away" });
  expect(projector.status()).toEqual({ waiting: 0, failures: 0, reason: "", refused: 0, lastRefusal: "" });
  projector.enqueue([acked(8n)]);
  await expect.poll(() => projector.through()).toBe(9n);
  expect(count()).toBe(14);
});

it("what an inbox refuses is passed and counted: no other record waits for it [agents:inbox-retried-visibly]", async () => {
  const error = busbarError("BUSBAR_NOT_FOUND", { what: "topic", id: "t.inbox.a" });
  const { projector, waits } = bench([{ kind: "refused", error }]);
  projector.enqueue([acked(7n)]);
  await expect.poll(() => projector.through()).toBe(8n);
  expect(waits).toEqual([]);
  expect(projector.status()).toMatchObject({ waiting: 0, refused: 1, lastRefusal: error.message });
});
