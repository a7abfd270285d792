/** Publishing to topics that many write to. */
import { strict as assert } from "node:assert";
import { withFaults } from "../log-faults.ts";
import { appended, type LogContractCase, makeTopic, range, readAll, record, textOf } from "./subject.ts";

export const PUBLISH_CASES: readonly LogContractCase[] = [
  {
    name: "publish answers each publication in order, and keeps the order within a partition",
    run: async (subject) => {
      const topic = await makeTopic(subject, "publish", { partitions: 3 });
      const publications = range(60).map((i) => ({ topic, partition: i % 3, record: record(String(i)) }));
      const outcomes = await subject.log.publish(publications);
      for (const partition of range(3)) {
        const stored = await readAll(subject.log, topic, { from: 0n }, partition);
        assert.deepEqual(
          stored.map(textOf),
          range(20).map((i) => String(i * 3 + partition)),
        );
        for (const [i, { offset }] of stored.entries()) assert.equal(appended(outcomes[i * 3 + partition]), offset);
      }
    },
  },
  {
    name: "one publication that cannot be written leaves the others alone",
    run: async (subject) => {
      const topic = await makeTopic(subject, "mixed", { maxBatchBytes: 4_096 });
      const tooLarge = { key: "k", value: new Uint8Array(5_000) };
      const outcomes = await subject.log.publish([
        { topic, partition: 0, record: record("a") },
        { topic, partition: 0, record: tooLarge },
        { topic, partition: 7, record: record("no such partition") },
        { topic: `${topic}-mistyped`, partition: 0, record: record("no such topic") },
        { topic, partition: 0, record: record("b") },
      ]);
      const kinds = outcomes.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["appended", "refused", "refused", "refused", "appended"]);
      assert.deepEqual((await readAll(subject.log, topic)).map(textOf), ["a", "b"]);
    },
  },
  {
    name: "more than one batch holds is published in several",
    run: async (subject) => {
      const topic = await makeTopic(subject, "many", { maxBatchBytes: 4_096 });
      const publications = range(200).map((i) => ({ topic, partition: 0, record: record(`${i}`.padEnd(200, ".")) }));
      const outcomes = await subject.log.publish(publications);
      assert.deepEqual(outcomes.map(appended), range(200).map(BigInt));
    },
  },
  {
    name: "after unknown a publication is sent again by its author, and both copies are in the log",
    run: async (subject) => {
      const topic = await makeTopic(subject, "again");
      const { log, faults } = withFaults(subject.log);
      faults.losePublishAnswer();
      const publication = { topic, partition: 0, record: record("a") };
      assert.equal((await log.publish([publication]))[0]?.kind, "unknown");
      appended((await log.publish([publication]))[0]);
      assert.deepEqual((await readAll(log, topic)).map(textOf), ["a", "a"]);
    },
  },
];
