/** PROTOCOL 1: what an append answers. */
import { strict as assert } from "node:assert";
import { withFaults } from "../log-faults.ts";
import { appended, type LogContractCase, makeTopic, range, readAll, record, textOf } from "./subject.ts";

export const APPEND_CASES: readonly LogContractCase[] = [
  {
    name: "an append answers the offset of its first record, and 0 is an offset",
    run: async (subject) => {
      const topic = await makeTopic(subject, "append");
      const appender = await subject.log.openAppender(topic, 0);
      assert.equal(appended(await appender.append([record("a"), record("b")])), 0n);
      assert.equal(appended(await appender.append([record("c")])), 2n);
      const stored = await readAll(subject.log, topic);
      assert.deepEqual(stored.map(textOf), ["a", "b", "c"]);
      assert.deepEqual(
        stored.map(({ offset }) => offset),
        [0n, 1n, 2n],
      );
    },
  },
  {
    name: "appends that queue up land in their order, each call's records together",
    run: async (subject) => {
      const topic = await makeTopic(subject, "queue");
      const appender = await subject.log.openAppender(topic, 0);
      const calls = range(40).map((i) => appender.append(range(1 + (i % 3)).map((j) => record(`${i}.${j}`))));
      const bases = (await Promise.all(calls)).map(appended);
      const stored = await readAll(subject.log, topic);
      const expected = range(40).flatMap((i) => range(1 + (i % 3)).map((j) => `${i}.${j}`));
      assert.deepEqual(stored.map(textOf), expected);
      for (const [i, base] of bases.entries()) assert.equal(textOf(stored[Number(base)] ?? assert.fail()), `${i}.0`);
    },
  },
  {
    name: "what is too large is refused before it is sent, and the appender lives on",
    run: async (subject) => {
      const topic = await makeTopic(subject, "oversize", { maxBatchBytes: 4_096 });
      const appender = await subject.log.openAppender(topic, 0);
      const tooLarge = { key: "k", value: new Uint8Array(4_096) };
      const answers = await Promise.all([
        appender.append([record("a")]),
        appender.append([tooLarge]),
        appender.append([record("b")]),
      ]);
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        ["appended", "refused", "appended"],
      );
      const many = await appender.append(range(50).map((i) => record("x".repeat(100) + String(i))));
      assert.equal(many.kind, "refused", "the batch is limited, not the single record");
      assert.deepEqual((await readAll(subject.log, topic)).map(textOf), ["a", "b"]);
    },
  },
  {
    name: "a record just below the limit is taken",
    run: async (subject) => {
      const topic = await makeTopic(subject, "limit", { maxBatchBytes: 4_096 });
      const appender = await subject.log.openAppender(topic, 0);
      let size = 4_096;
      while ((await appender.append([{ key: "k", value: new Uint8Array(size) }])).kind === "refused") size -= 1;
      assert.ok(size > 3_900, `only ${size} bytes fit`);
      assert.equal((await readAll(subject.log, topic)).length, 1);
    },
  },
  {
    name: "an append without records, or with a record without a key, is refused",
    run: async (subject) => {
      const topic = await makeTopic(subject, "empty");
      const appender = await subject.log.openAppender(topic, 0);
      assert.equal((await appender.append([])).kind, "refused");
      for (const key of ["", "\0\0\0\0"])
        assert.equal((await appender.append([{ ...record("a"), key }])).kind, "refused");
      assert.equal((await subject.log.offsets(topic, 0)).end, 0n);
    },
  },
  {
    name: "the append time of the log comes with the answer and with the record",
    run: async (subject) => {
      const topic = await makeTopic(subject, "time");
      const appender = await subject.log.openAppender(topic, 0);
      const before = Date.now();
      const outcome = await appender.append([record("a")]);
      assert.equal(outcome.kind, "appended");
      const [stored] = await readAll(subject.log, topic);
      assert.equal(stored?.timestampMs, outcome.appendedAtMs);
      assert.ok(Math.abs((outcome.appendedAtMs ?? 0) - before) < 60_000);
    },
  },
  {
    name: "after a lost answer the appender is dead: what waits and what comes is unknown, and a new one goes on",
    run: async (subject) => {
      const topic = await makeTopic(subject, "lost");
      const { log, faults } = withFaults(subject.log);
      const appender = await log.openAppender(topic, 0);
      assert.equal(appended(await appender.append([record("first")])), 0n);
      faults.loseAnswer(topic, 0);
      const answers = await Promise.all([appender.append([record("lost")]), appender.append([record("waits")])]);
      const later = await appender.append([record("comes")]);
      assert.deepEqual(
        [...answers, later].map(({ kind }) => kind),
        ["unknown", "unknown", "unknown"],
      );
      const next = await log.openAppender(topic, 0);
      assert.equal(appended(await next.append([record("next")])), 2n);
      assert.deepEqual((await readAll(log, topic)).map(textOf), ["first", "lost", "next"]);
    },
  },
  {
    name: "an append is blind: two appenders of one partition both succeed, and each sees the other as a gap",
    run: async (subject) => {
      const topic = await makeTopic(subject, "blind");
      const one = await subject.log.openAppender(topic, 0);
      const two = await subject.log.openAppender(topic, 0);
      const bases = [];
      for (const [i, appender] of [one, two, two, one].entries()) {
        bases.push(appended(await appender.append([record(String(i))])));
      }
      assert.deepEqual(bases, [0n, 1n, 2n, 3n]);
    },
  },
  {
    name: "a closed appender answers unknown and writes nothing",
    run: async (subject) => {
      const topic = await makeTopic(subject, "closed");
      const appender = await subject.log.openAppender(topic, 0);
      const pending = appender.append([record("a")]);
      await appender.close();
      assert.equal((await pending).kind, "appended", "what was appended before is waited for");
      assert.equal((await appender.append([record("b")])).kind, "unknown");
      assert.equal((await subject.log.offsets(topic, 0)).end, 1n);
    },
  },
];
