import fc from "fast-check";
import { expect, it } from "vitest";
import { ChainInbox, type InboxRecord } from "./chain-inbox.ts";
import { sourcedAt } from "./test-door.ts";

const assigned = (incarnation: number, journalCount: number): InboxRecord => ({
  ...sourcedAt(BigInt(10 * incarnation), { type: "TaskAssigned", agent: "a", incarnation, reason: "r" } as never),
  journal: null,
  journalCount,
});
const record = (offset: bigint, journal: number | null): InboxRecord => ({
  ...sourcedAt(offset, { type: "EffectCommitted", callId: `chain-1:${offset}`, result: "1" } as never),
  journal,
  journalCount: 0,
});

it("is ready once the assignment and as many journal records as it says are there [agents:assignment-is-a-fact]", () => {
  const inbox = new ChainInbox();
  expect(inbox.accept(assigned(1, 2))).toBe("collecting");
  expect(inbox.accept(record(1n, 1))).toBe("collecting");
  expect(inbox.accept(record(1n, 1))).toBe("ignored");
  expect(inbox.accept(record(2n, 1))).toBe("ready");
  expect(inbox.take().map(({ offset }) => offset)).toEqual([1n, 2n]);
});

it("an older assignment changes nothing, a newer one starts over [agents:old-incarnation-refused]", () => {
  const inbox = new ChainInbox();
  inbox.accept(assigned(2, 1));
  expect(inbox.accept(record(1n, 2))).toBe("ready");
  expect(inbox.accept(assigned(1, 1))).toBe("ignored");
  expect(inbox.accept(record(1n, 1))).toBe("ignored");
  expect(inbox.accept(assigned(2, 1))).toBe("ignored");
  expect(inbox.accept(assigned(3, 1))).toBe("collecting");
  expect(inbox.accept(record(7n, 2))).toBe("ignored");
  expect(inbox.accept(record(1n, 3))).toBe("ready");
  expect(inbox.take().map(({ offset }) => offset)).toEqual([1n]);
});

it("whatever the order and however often, the same events come out, once each [agents:inbox-deduped]", () => {
  const all = [
    assigned(1, 3),
    record(1n, 1),
    record(2n, 1),
    record(3n, 1),
    record(3n, null),
    record(4n, null),
    record(5n, null),
  ];
  const order = fc.shuffledSubarray([...all, ...all], { minLength: 2 * all.length, maxLength: 2 * all.length });
  fc.assert(
    fc.property(order, (records) => {
      const inbox = new ChainInbox();
      const live: string[] = [];
      const taken = new Set<string>();
      for (const one of records) {
        const step = inbox.accept(one);
        if (step === "ready") for (const { source } of inbox.take()) taken.add(source);
        if (step === "live") live.push(one.source);
      }
      expect(new Set(live).size).toBe(live.length);
      expect(new Set([...taken, ...live]).size).toBe(5);
    }),
  );
});

it("holds what comes between a complete assignment and the start of its run, and hands it to that run [agents:results-in-log-order]", () => {
  const inbox = new ChainInbox();
  inbox.accept(assigned(1, 1));
  expect(inbox.accept(record(1n, 1))).toBe("ready");
  inbox.accept(record(2n, null));
  expect(inbox.take().map(({ offset }) => offset)).toEqual([1n, 2n]);
  inbox.accept(record(3n, null));
  inbox.accept(assigned(2, 1));
  inbox.accept(record(1n, 2));
  inbox.accept(record(4n, null));
  expect(
    inbox.take().map(({ offset }) => offset),
    "what went to the run before does not come again",
  ).toEqual([1n, 4n]);
});
