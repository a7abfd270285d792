/** What the fault tests judge by must itself go red: each wrong is told, and a clean run has none. */
import { describe, expect, test } from "vitest";
import { type BusEvent, partitionOf } from "@busbar/events";
import { shortHash } from "@busbar/kernel";
import { metaWith } from "@busbar/runtime";
import { keyIn } from "./bus.ts";
import { rollDice } from "./dice.ts";
import { doubtsOf } from "./doubts.ts";
import { type Fire, judgeFires } from "./fires.ts";
import { parseReady } from "./process.ts";
import { nextDoor, type SeenEvent } from "./watch.ts";

const event = (type: BusEvent["type"], fields: object, atMs = 1000): BusEvent =>
  ({ type, meta: metaWith({ eventId: "e", atMs, chainId: "c" }), ...fields }) as unknown as BusEvent;

const log = (...events: readonly BusEvent[]): readonly SeenEvent[] =>
  events.map((one, index) => ({ partition: 0, offset: BigInt(index), event: one }));

const claim = (owner: string): BusEvent => event("PartitionClaimed", { owner, nonce: owner });
const admitted = (attempt: number, toolClass = "at-most-once"): BusEvent =>
  event("EffectAdmitted", { callId: "c:1", effectKey: "k", tool: "mail.send", attempt, toolClass, fireBoundMs: 500 });
const doubt = (): BusEvent => event("EffectInDoubt", { callId: "c:1", effectKey: "k", attempt: 1 });
const settled = (outcome: string): BusEvent =>
  event("EffectSettled", { callId: "c:1", effectKey: "k", outcome, admitted: "1" });
const fire = (attempt: number, more: Partial<Fire> = {}): Fire => ({
  owner: "g1",
  tool: "mail.send",
  key: "k",
  attempt,
  callId: "c:1",
  chainId: "c",
  atMs: 1400,
  ...more,
});

const wrongOf = (fires: readonly Fire[], events: readonly SeenEvent[]) => judgeFires(fires, events).wrong;

describe("the judgement on fires", () => {
  test("finds nothing wrong with one fire of one admission by its own owner within its bound", () => {
    expect(wrongOf([fire(1)], log(claim("g1"), admitted(1), claim("g2")))).toEqual([]);
  });

  test("tells a fire without an admission, and one that another owner had admitted", () => {
    expect(wrongOf([fire(1)], log(claim("g1")))).toEqual([
      "g1 fired mail.send c:1 attempt 1 without a valid admission",
    ]);
    expect(wrongOf([fire(1)], log(claim("g1"), claim("g2"), admitted(1)))).toEqual([
      "g1 fired mail.send c:1 attempt 1, which g2 had admitted",
    ]);
  });

  test("tells an admission that was fired twice, and one that was fired after its bound", () => {
    const events = log(claim("g1"), admitted(1));
    expect(wrongOf([fire(1), fire(1)], events)).toEqual(["g1 fired mail.send c:1 attempt 1 twice"]);
    expect(wrongOf([fire(1, { atMs: 1600 })], events)).toEqual([
      expect.stringMatching(/^g1 fired mail.send c:1 attempt 1 100 ms after its fire bound; partition 0, /),
    ]);
  });

  test("gives a fire after its bound as late, not as wrong, only where the log names that attempt as in doubt", () => {
    const late = fire(1, { atMs: 5000 });
    expect(judgeFires([late], log(claim("g1"), admitted(1), claim("g2"), doubt()))).toEqual({
      wrong: [],
      late: [late],
    });
    const again = fire(2, { atMs: 5000 });
    expect(wrongOf([again], log(claim("g1"), admitted(1), doubt(), admitted(2), claim("g2")))).toHaveLength(1);
  });

  test("bears with a busy machine for some ms, only where who fired it wrote the outcome", () => {
    const done = event("EffectCommitted", { callId: "c:1", effectKey: "k", attempt: 1 });
    const late = fire(1, { atMs: 1600 });
    expect(wrongOf([late], log(claim("g1"), admitted(1), done))).toEqual([]);
    expect(wrongOf([late], log(claim("g1"), admitted(1), claim("g1"), done))).toEqual([]);
    const frozen = fire(1, { atMs: 1900 });
    const again = log(claim("g1"), admitted(1), claim("g2"), claim("g1"), done);
    expect(judgeFires([frozen], again)).toEqual({ wrong: [], late: [frozen] });
    expect(wrongOf([late], log(claim("g1"), admitted(1), claim("g2"), done))).toHaveLength(1);
  });

  test("tells an at-most-once effect that was fired again while the first was in doubt, and no other", () => {
    const again = [fire(1), fire(2)];
    const wrong = ["g1 fired mail.send c:1 attempt 2 again, the first in doubt"];
    expect(wrongOf(again, log(claim("g1"), admitted(1), settled("unknown"), admitted(2)))).toEqual(wrong);
    expect(wrongOf(again, log(claim("g1"), admitted(1), settled("not-done"), admitted(2)))).toEqual([]);
    expect(wrongOf(again, log(claim("g1"), admitted(1, "exact"), admitted(2, "exact")))).toEqual([]);
  });
});

test("a doubt is what was settled as unknown and by nobody since", () => {
  const watch = (...events: readonly BusEvent[]) => ({
    ofType: (type: string) => log(...events.filter((one) => one.type === type)) as never,
  });
  expect(doubtsOf(watch(settled("unknown")))).toEqual([{ chainId: "c", callId: "c:1", effectKey: "k", admitted: "1" }]);
  expect(doubtsOf(watch(settled("unknown"), settled("committed")))).toEqual([]);
});

test("a doubt is what a look disputes and nobody has settled since", () => {
  const disputed = event("EffectDisputed", { callId: "c:1", effectKey: "k", admitted: "1" });
  const at = (streamSeq: number, one: BusEvent): BusEvent => ({ ...one, meta: { ...one.meta, streamSeq } });
  const doubts = (...events: readonly BusEvent[]) =>
    doubtsOf({ ofType: (type: string) => log(...events.filter((one) => one.type === type)) as never }).length;
  expect(doubts(at(2, disputed))).toBe(1);
  expect(doubts(at(1, settled("committed")), at(2, disputed))).toBe(1);
  expect(doubts(at(2, disputed), at(3, settled("committed")))).toBe(0);
});

test("a door is closed by a claim and a release, opened and degraded by its own records", () => {
  const events = [
    claim("g1"),
    event("DoorOpened", {}),
    event("TaskFailed", {}),
    event("DoorDegraded", {}),
    claim("g2"),
  ];
  let door: ReturnType<typeof nextDoor> = { owner: "", state: "closed" };
  const seen = events.map((one) => (door = nextDoor(door, one))).map(({ owner, state }) => `${owner} ${state}`);
  expect(seen).toEqual(["g1 closed", "g1 open", "g1 open", "g1 degraded", "g2 closed"]);
});

test("a ready line is told from any other line", () => {
  expect(parseReady('{"ready":true,"http":"http://127.0.0.1:1"}')?.http).toBe("http://127.0.0.1:1");
  for (const line of ["", "null", "starting", '{"ready":false}', '{"ready":']) expect(parseReady(line)).toBeNull();
});

test("keys hash to the partition that was asked for, and the same seed rolls the same numbers", () => {
  for (let partition = 0; partition < 4; partition += 1) {
    expect(partitionOf(shortHash("task", keyIn(partition, 4, "x")), 4)).toBe(partition);
  }
  const rolls = (seed: number) => {
    const dice = rollDice(seed);
    return Array.from({ length: 20 }, () => dice.below(6));
  };
  expect(rolls(7)).toEqual(rolls(7));
  expect(rolls(7)).not.toEqual(rolls(8));
});
