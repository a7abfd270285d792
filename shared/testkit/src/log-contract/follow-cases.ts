/** Following a partition: order, end, seek, pause, backpressure, stop. */
import { strict as assert } from "node:assert";
import type { Delivery } from "@busbar/log";
import { until } from "../until.ts";
import { appendAll, appended, collect, type LogContractCase, makeTopic, range, record, textOf } from "./subject.ts";

const numbers = (from: number, to: number) => range(to).slice(from).map(String);

export const FOLLOW_CASES: readonly LogContractCase[] = [
  {
    name: "a follower gets each record once, in order, what was there and what comes",
    run: async (subject) => {
      const topic = await makeTopic(subject, "follow");
      await appendAll(subject.log, topic, numbers(0, 5));
      const { follower, records, deliveries, problems } = collect(subject.log, { topic, from: 0n });
      await until(() => records.length === 5, "the records that were there");
      const appender = await subject.log.openAppender(topic, 0);
      for (const i of range(50)) appended(await appender.append([record(String(5 + i))]));
      await until(() => records.length === 55, "the records that came");
      assert.deepEqual(records.map(textOf), numbers(0, 55));
      assert.deepEqual(
        records.map(({ offset }) => offset),
        range(55).map(BigInt),
      );
      for (const { records: own, next } of deliveries) assert.equal(next, (own.at(-1)?.offset ?? 0n) + 1n);
      assert.equal(follower.position(), 55n);
      assert.deepEqual(problems, []);
      await follower.stop();
    },
  },
  {
    name: "a follower from the end gets only what comes, and a delivery tells the end",
    run: async (subject) => {
      const topic = await makeTopic(subject, "from-end");
      await appendAll(subject.log, topic, numbers(0, 3));
      const { end } = await subject.log.offsets(topic, 0);
      const { follower, records, deliveries } = collect(subject.log, { topic, from: end });
      await appendAll(subject.log, topic, ["3"]);
      await until(() => records.length === 1, "the new record");
      assert.deepEqual(records.map(textOf), ["3"]);
      assert.equal(deliveries.at(-1)?.end, 4n);
      await follower.stop();
    },
  },
  {
    name: "followers of several partitions, and two of the same, do not disturb each other",
    run: async (subject) => {
      const topic = await makeTopic(subject, "several", { partitions: 3 });
      const followed = [0, 1, 2, 0].map((partition) => collect(subject.log, { topic, partition, from: 0n }));
      for (const partition of range(3)) await appendAll(subject.log, topic, [`p${partition}`], partition);
      await until(() => followed.every(({ records }) => records.length === 1), "one record for each");
      assert.deepEqual(
        followed.map(({ records }) => records.map(textOf)),
        [["p0"], ["p1"], ["p2"], ["p0"]],
      );
      await Promise.all(followed.map(({ follower }) => follower.stop()));
    },
  },
  {
    name: "after a seek the next delivery starts at its offset, back and forth, also from inside the handler",
    run: async (subject) => {
      const topic = await makeTopic(subject, "seek");
      await appendAll(subject.log, topic, numbers(0, 20));
      const starts: bigint[] = [];
      const targets = [5n, 15n, 0n];
      const onDelivery = (delivery: Delivery): void => {
        starts.push(delivery.records[0]?.offset ?? -1n);
        const target = targets.shift();
        if (target !== undefined) followed.follower.seek(target);
      };
      const followed = collect(subject.log, { topic, from: 0n, onDelivery });
      await until(() => starts.length === 4 && followed.follower.position() === 20n, "the last seek read to the end");
      assert.deepEqual(starts, [0n, 5n, 15n, 0n]);
      followed.follower.seek(18n);
      await until(() => starts.length === 5, "the seek from outside");
      assert.equal(starts[4], 18n);
      await followed.follower.stop();
    },
  },
  {
    name: "a seek while records flow never lets an older fetch through",
    run: async (subject) => {
      const topic = await makeTopic(subject, "seek-race");
      await appendAll(subject.log, topic, numbers(0, 10));
      let expected = 0n;
      const wrong: bigint[] = [];
      const onDelivery = ({ records }: Delivery): void => {
        for (const { offset } of records) {
          if (offset !== expected) wrong.push(offset);
          expected = offset + 1n;
        }
      };
      const { follower } = collect(subject.log, { topic, from: 0n, onDelivery });
      const appender = await subject.log.openAppender(topic, 0);
      for (const i of range(60)) {
        appended(await appender.append([record(String(10 + i))]));
        if (i % 6 === 0) {
          expected = BigInt(i);
          follower.seek(expected);
        }
      }
      await until(() => expected === 70n, "the end");
      assert.deepEqual(wrong, []);
      await follower.stop();
    },
  },
  {
    name: "a paused follower gets nothing, and goes on where it was",
    run: async (subject) => {
      const topic = await makeTopic(subject, "pause", { partitions: 2 });
      const paused = collect(subject.log, { topic, from: 0n });
      const witness = collect(subject.log, { topic, partition: 1, from: 0n });
      await appendAll(subject.log, topic, ["0"]);
      await until(() => paused.records.length === 1, "the first record");
      paused.follower.pause();
      await appendAll(subject.log, topic, ["1", "2"]);
      await appendAll(subject.log, topic, ["w"], 1);
      await until(() => witness.records.length === 1, "the other partition's record");
      assert.deepEqual(paused.records.map(textOf), ["0"]);
      paused.follower.resume();
      await until(() => paused.records.length === 3, "the rest");
      assert.deepEqual(paused.records.map(textOf), ["0", "1", "2"]);
      await Promise.all([paused, witness].map(({ follower }) => follower.stop()));
    },
  },
  {
    name: "while a handler works its partition waits and others do not; stop waits for the handler",
    run: async (subject) => {
      const topic = await makeTopic(subject, "slow", { partitions: 2 });
      let finish = (): void => undefined;
      let running = false;
      const onDelivery = async (): Promise<void> => {
        running = true;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        running = false;
      };
      const slow = collect(subject.log, { topic, from: 0n, onDelivery });
      const quick = collect(subject.log, { topic, partition: 1, from: 0n });
      await appendAll(subject.log, topic, ["0"]);
      await until(() => running, "the slow handler");
      await appendAll(subject.log, topic, ["1"]);
      await appendAll(subject.log, topic, ["a", "b", "c"], 1);
      await until(() => quick.records.length === 3, "the quick partition");
      assert.equal(slow.deliveries.length, 1);
      finish();
      await until(() => slow.deliveries.length === 2, "the second delivery");
      let stopped = false;
      const stopping = slow.follower.stop().then(() => (stopped = true));
      await appendAll(subject.log, topic, ["d"], 1);
      await until(() => quick.records.length === 4, "the quick partition goes on");
      assert.equal(stopped, false);
      finish();
      await stopping;
      assert.equal(running, false);
      await quick.follower.stop();
    },
  },
  {
    name: "a stopped follower gets nothing any more",
    run: async (subject) => {
      const topic = await makeTopic(subject, "stop", { partitions: 2 });
      const stopped = collect(subject.log, { topic, from: 0n });
      const witness = collect(subject.log, { topic, partition: 1, from: 0n });
      await appendAll(subject.log, topic, ["0"]);
      await until(() => stopped.records.length === 1, "the first record");
      await stopped.follower.stop();
      await appendAll(subject.log, topic, ["1"]);
      await appendAll(subject.log, topic, ["w"], 1);
      await until(() => witness.records.length === 1, "the other partition's record");
      assert.equal(stopped.records.length, 1);
      await witness.follower.stop();
    },
  },
  {
    name: "a record larger than one fetch is delivered",
    run: async (subject) => {
      const topic = await makeTopic(subject, "large", { maxBatchBytes: 1_000_000 });
      const { follower, records } = collect(subject.log, { topic, from: 0n });
      const appender = await subject.log.openAppender(topic, 0);
      appended(await appender.append([record("small")]));
      appended(await appender.append([{ key: "k", value: new Uint8Array(600_000) }]));
      appended(await appender.append([record("small")]));
      await until(() => records.length === 3, "the record behind the large one");
      assert.deepEqual(
        records.map(({ value }) => value?.length),
        [5, 600_000, 5],
      );
      await follower.stop();
    },
  },
];
