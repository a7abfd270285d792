/** PROTOCOL 2 over the log: with lost answers, late records and a second claimant, the same records are valid for all. */
import { strict as assert } from "node:assert";
import { type Claim, claimHeaders, formatEpoch, initialPlacement, place, type PlacementState } from "@busbar/events";
import type { EventLog, NewRecord } from "@busbar/log";
import { withFaults } from "../log-faults.ts";
import { appended, type LogContractCase, makeTopic, record, textOf } from "./subject.ts";

/** A record of an owner, stamped for an offset. The digest plays no part in placement. */
function stamped(text: string, at: bigint, claim: Claim): NewRecord {
  return record(text, { type: "TaskSubmitted", at: String(at), epoch: formatEpoch(claim) });
}

function claimRecord(nonce: string): NewRecord {
  return record("claim", { ...claimHeaders({ owner: "owner", nonce }) });
}

/** Texts of the valid records, as any reader finds them. */
async function validTexts(log: EventLog, topic: string, start: PlacementState = initialPlacement()): Promise<string[]> {
  let state = start;
  const valid: string[] = [];
  for await (const { records, unreadable } of log.read(topic, 0, { from: start.next })) {
    const positions = [...records, ...unreadable.map(({ offset }) => ({ offset, headers: null }))];
    for (const position of positions.toSorted((a, b) => (a.offset < b.offset ? -1 : 1))) {
      const placed = place(state, position);
      ({ state } = placed);
      if (placed.verdict === "valid" && "value" in position) valid.push(textOf(position));
    }
  }
  return valid;
}

export const PLACEMENT_CASES: readonly LogContractCase[] = [
  {
    name: "a lost answer: the copy that landed counts, the one written again for the same offset does not",
    run: async (subject) => {
      const topic = await makeTopic(subject, "place-lost");
      const { log, faults } = withFaults(subject.log);
      const appender = await log.openAppender(topic, 0);
      const claim = { offset: appended(await appender.append([claimRecord("one")])), nonce: "one" };
      faults.loseAnswer(topic, 0);
      assert.equal((await appender.append([stamped("a", 1n, claim)])).kind, "unknown");
      const careless = await log.openAppender(topic, 0);
      assert.equal(appended(await careless.append([stamped("a again", 1n, claim)])), 2n);
      assert.deepEqual(await validTexts(log, topic), ["a"]);
    },
  },
  {
    name: "a late record of the owner's own epoch is void: it lands elsewhere than it was written for",
    run: async (subject) => {
      const topic = await makeTopic(subject, "place-late");
      const { log, faults } = withFaults(subject.log);
      const appender = await log.openAppender(topic, 0);
      const claim = { offset: appended(await appender.append([claimRecord("one")])), nonce: "one" };
      faults.holdBack(topic, 0);
      assert.equal((await appender.append([stamped("EffectAdmitted", 1n, claim)])).kind, "unknown");
      const { end } = await log.offsets(topic, 0);
      assert.equal(end, 1n, "it is not in the log now");
      const next = await log.openAppender(topic, 0);
      assert.equal(appended(await next.append([stamped("HaltAcknowledged", 1n, claim)])), 1n);
      appended(await faults.land(topic, 0));
      assert.deepEqual(await validTexts(log, topic), ["HaltAcknowledged"]);
    },
  },
  {
    name: "a second claimant voids what the first one writes after it, at the right offset too",
    run: async (subject) => {
      const topic = await makeTopic(subject, "place-second");
      const { log, faults } = withFaults(subject.log);
      const appender = await log.openAppender(topic, 0);
      const first = { offset: appended(await appender.append([claimRecord("one")])), nonce: "one" };
      appended(await appender.append([stamped("before", 1n, first)]));
      const second = { offset: appended(await faults.claim(topic, 0, { owner: "other", nonce: "two" })), nonce: "two" };
      assert.equal(appended(await appender.append([stamped("zombie", 3n, first)])), 3n);
      appended(await faults.intrude(topic, 0, [stamped("successor", 4n, second)]));
      assert.deepEqual(await validTexts(log, topic), ["before", "successor"]);
    },
  },
  {
    name: "a claim needs its nonce: an epoch of the same offset and another nonce is void",
    run: async (subject) => {
      const topic = await makeTopic(subject, "place-nonce");
      const appender = await subject.log.openAppender(topic, 0);
      appended(await appender.append([claimRecord("one")]));
      appended(await appender.append([stamped("forged", 1n, { offset: 0n, nonce: "two" })]));
      appended(await appender.append([stamped("own", 2n, { offset: 0n, nonce: "one" })]));
      assert.deepEqual(await validTexts(subject.log, topic), ["own"]);
    },
  },
  {
    name: "a reader that starts in mid-log with offset and claim finds the same records valid",
    run: async (subject) => {
      const topic = await makeTopic(subject, "place-mid");
      const { log, faults } = withFaults(subject.log);
      const appender = await log.openAppender(topic, 0);
      const claim = { offset: appended(await appender.append([claimRecord("one")])), nonce: "one" };
      appended(await appender.append([stamped("a", 1n, claim), stamped("b", 2n, claim)]));
      appended(await faults.intrude(topic, 0, [stamped("intruder", 9n, claim)]));
      appended(await appender.append([stamped("c", 4n, claim)]));
      assert.deepEqual(await validTexts(log, topic), ["a", "b", "c"]);
      assert.deepEqual(await validTexts(log, topic, initialPlacement({ offset: 2n, claim })), ["b", "c"]);
    },
  },
];
