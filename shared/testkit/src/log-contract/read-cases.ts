/** Ranges, ends, times, and records that are not what anybody expects. */
import { strict as assert } from "node:assert";
import { isBusbarError } from "@busbar/kernel";
import { until } from "../until.ts";
import {
  appendAll,
  appended,
  collect,
  type LogContractCase,
  makeTopic,
  range,
  readAll,
  record,
  textOf,
} from "./subject.ts";

const code = (wanted: string) => (error: unknown) => isBusbarError(error) && error.code === wanted;

export const READ_CASES: readonly LogContractCase[] = [
  {
    name: "a range [from, to) is read exactly, across and inside batches, and the read ends",
    run: async (subject) => {
      const topic = await makeTopic(subject, "range");
      const appender = await subject.log.openAppender(topic, 0);
      await appender.append(range(10).map((i) => record(String(i))));
      await appender.append(range(10).map((i) => record(String(10 + i))));
      for (const [from, to] of [
        [0, 20],
        [3, 4],
        [7, 15],
        [19, 20],
        [10, 10],
      ] as const) {
        const stored = await readAll(subject.log, topic, { from: BigInt(from), to: BigInt(to) });
        assert.deepEqual(stored.map(textOf), range(20).slice(from, to).map(String));
      }
    },
  },
  {
    name: "a read without an end stops at the end of the time of the call",
    run: async (subject) => {
      const topic = await makeTopic(subject, "to-end");
      await appendAll(subject.log, topic, ["a", "b"]);
      const texts: string[] = [];
      let next = 0n;
      for await (const delivery of subject.log.read(topic, 0, { from: 0n })) {
        texts.push(...delivery.records.map(textOf));
        ({ next } = delivery);
      }
      assert.deepEqual(texts, ["a", "b"]);
      assert.equal(next, 2n);
      assert.deepEqual(await readAll(subject.log, topic, { from: 2n }), []);
    },
  },
  {
    name: "a long range comes in several deliveries without a gap",
    run: async (subject) => {
      const topic = await makeTopic(subject, "long", { maxBatchBytes: 300_000 });
      const appender = await subject.log.openAppender(topic, 0);
      for (const i of range(12)) appended(await appender.append([record(String(i).padEnd(200_000, "."))]));
      let next = 0n;
      let deliveries = 0;
      for await (const delivery of subject.log.read(topic, 0, { from: 0n })) {
        for (const { offset } of delivery.records) {
          assert.equal(offset, next);
          next += 1n;
        }
        assert.equal(delivery.next, next);
        deliveries += 1;
      }
      assert.equal(next, 12n);
      assert.ok(deliveries > 1);
    },
  },
  {
    name: "a read that starts past the end fails as truncated",
    run: async (subject) => {
      const topic = await makeTopic(subject, "past");
      await appendAll(subject.log, topic, ["a"]);
      await assert.rejects(readAll(subject.log, topic, { from: 2n }), code("BUSBAR_LOG_TRUNCATED"));
    },
  },
  {
    name: "a follower past the end reports truncated, with both positions, and stops",
    run: async (subject) => {
      const topic = await makeTopic(subject, "truncated");
      await appendAll(subject.log, topic, ["a"]);
      const { follower, problems, deliveries } = collect(subject.log, { topic, from: 5n });
      await until(() => problems.length > 0, "the problem");
      assert.deepEqual(problems, [{ kind: "truncated", position: 5n, end: 1n }]);
      await appendAll(subject.log, topic, range(8).map(String));
      await follower.stop();
      assert.deepEqual(deliveries, []);
    },
  },
  {
    name: "records that nobody can decode come as data: few bytes, none, any bytes, strange headers",
    run: async (subject) => {
      const topic = await makeTopic(subject, "poison");
      const values = [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array([0, 255, 255, 255, 255, 9])];
      const headers = JSON.parse('{"__proto__": "x", "constructor": "y", "": "z"}') as Record<string, string>;
      const appender = await subject.log.openAppender(topic, 0);
      appended(await appender.append([...values.map((value) => ({ key: "k", value, headers })), record("good")]));
      const stored = await readAll(subject.log, topic);
      assert.deepEqual(
        stored.slice(0, 3).map(({ value }) => [...(value ?? [])]),
        values.map((value) => [...value]),
      );
      assert.equal(textOf(stored[3] ?? assert.fail()), "good");
      assert.equal(Object.getPrototypeOf(stored[0]?.headers), Object.prototype);
      for (const [name, value] of Object.entries(headers)) assert.equal(stored[0]?.headers[name], value);
      assert.equal(Object.keys(stored[0]?.headers ?? {}).length, 3);
    },
  },
  {
    name: "a value that was read keeps no more in memory than what was appended with it",
    run: async (subject) => {
      const topic = await makeTopic(subject, "copy");
      for (const value of ["abc", "x".repeat(20_000), "def"]) await appendAll(subject.log, topic, [value]);
      const kept = (await readAll(subject.log, topic)).map(({ value }) => value?.buffer.byteLength ?? 0);
      assert.equal(kept.length, 3);
      for (const bytes of [kept[0], kept[2]]) assert.ok((bytes ?? 0) < 1000, `${bytes} bytes are kept for three`);
    },
  },
  {
    name: "the first offset at or after a time is found, and the end where there is none",
    run: async (subject) => {
      const topic = await makeTopic(subject, "when");
      const appender = await subject.log.openAppender(topic, 0);
      const first = await appender.append([record("a")]);
      assert.equal(first.kind, "appended");
      await until(() => Date.now() > (first.appendedAtMs ?? 0) + 5, "a later time");
      const second = await appender.append([record("b")]);
      assert.equal(second.kind, "appended");
      assert.equal(await subject.log.offsetAt(topic, 0, 0), 0n);
      assert.equal(await subject.log.offsetAt(topic, 0, second.appendedAtMs ?? 0), 1n);
      assert.equal(await subject.log.offsetAt(topic, 0, Date.now() + 60_000), 2n);
    },
  },
  {
    name: "a second client reads what the first one wrote, and follows it",
    needs: "second client",
    run: async (subject) => {
      const topic = await makeTopic(subject, "two-clients");
      const other = subject.other ?? assert.fail();
      await appendAll(subject.log, topic, ["a"]);
      const { follower, records } = collect(other, { topic, from: 0n });
      await until(() => records.length === 1, "the first record");
      await appendAll(subject.log, topic, ["b"]);
      await until(() => records.length === 2, "the second record");
      await appendAll(other, topic, ["c"]);
      assert.deepEqual((await readAll(subject.log, topic)).map(textOf), ["a", "b", "c"]);
      await follower.stop();
    },
  },
];
