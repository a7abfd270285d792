/** The contract of the log on the embedded adapter: in a file with a second client, and in memory. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { leftOut, LOG_CONTRACT, type LogContractSubject, runLogContractCase } from "@busbar/testkit";

const folder = mkdtempSync(join(tmpdir(), "busbar-log-"));
const file = join(folder, "log.db");
const inFile = { log: createEmbeddedLog({ file }), other: createEmbeddedLog({ file }), prefix: "file" };
const inMemory = { log: createEmbeddedLog(), other: null, prefix: "memory" };

afterAll(async () => {
  await Promise.all([inFile.log, inFile.other, inMemory.log].map((log) => log.close()));
  rmSync(folder, { recursive: true });
});

const subjects: readonly (readonly [string, LogContractSubject])[] = [
  ["a file", inFile],
  ["memory", inMemory],
];

describe.each(subjects)(
  "the log in %s keeps the contract [log:same-contract] [log:faults-in-both]",
  (_where, subject) => {
    for (const line of leftOut(subject)) console.info(line);
    test.for(LOG_CONTRACT)("$name", async (one) => {
      await runLogContractCase(one, subject);
    });
  },
);

/** Which case of the suite shows a promise: a case that is taken out is missed here. */
const SHOWN: readonly (readonly [string, string])[] = [
  [
    "[append:answers-appended-or-unknown]",
    "after a lost answer the appender is dead: what waits and what comes is unknown, and a new one goes on",
  ],
  [
    "[append:unknown-drops-producer]",
    "after a lost answer the appender is dead: what waits and what comes is unknown, and a new one goes on",
  ],
  ["[append:size-checked-first]", "what is too large is refused before it is sent, and the appender lives on"],
  ["[append:command-in-one-append]", "appends that queue up land in their order, each call's records together"],
  ["[append:broker-time]", "the append time of the log comes with the answer and with the record"],
  [
    "[placement:claims-always-count] [placement:void-epoch-mismatch]",
    "a second claimant voids what the first one writes after it, at the right offset too",
  ],
  [
    "[placement:void-at-mismatch]",
    "a late record of the owner's own epoch is void: it lands elsewhere than it was written for",
  ],
  [
    "[placement:readers-agree] [placement:start-in-mid-log]",
    "a reader that starts in mid-log with offset and claim finds the same records valid",
  ],
  ["[placement:offset-zero]", "an append answers the offset of its first record, and 0 is an offset"],
  ["[log:order]", "a follower gets each record once, in order, what was there and what comes"],
  ["[log:read-range]", "a range [from, to) is read exactly, across and inside batches, and the read ends"],
  ["[log:seek-drops-old-batch]", "a seek while records flow never lets an older fetch through"],
  ["[log:poison-is-data]", "records that nobody can decode come as data: few bytes, none, any bytes, strange headers"],
  ["[log:no-topic-by-typo]", "a topic or partition that does not exist is an error and is not created"],
  ["[log:truncated-fails-closed]", "a follower past the end reports truncated, with both positions, and stops"],
  ["[log:settings-checked]", "ensuring topics twice changes nothing; another partition count or setting is an error"],
  [
    "[log:groups-co-partitioned]",
    "two members share the partitions, the same ones of all topics; who stays takes over from who leaves",
  ],
  [
    "[log:assignment-sticky] [ownership:rebalance-keeps-epoch]",
    "a rebalance that gives a member the same partitions is told again, in a new generation",
  ],
  [
    "[log:embedded-blind-append]",
    "an append is blind: two appenders of one partition both succeed, and each sees the other as a gap",
  ],
];

test.each(SHOWN)("%s is shown by the suite", (_promise, name) => {
  expect(LOG_CONTRACT.map((one) => one.name)).toContain(name);
});

test("the file keeps topics, records and commits over a restart, and goes on at the end", async () => {
  const path = join(folder, "restart.db");
  const config = { "flush.messages": "1" };
  const first = createEmbeddedLog({ file: path });
  await first.ensureTopics([{ name: "t", partitions: 1, config }]);
  await first.publish([{ topic: "t", partition: 0, record: { key: "k", value: new Uint8Array([1]) } }]);
  await first.close();
  const second = createEmbeddedLog({ file: path });
  await second.ensureTopics([{ name: "t", partitions: 1, config }]);
  expect(await second.offsets("t", 0)).toEqual({ low: 0n, end: 1n });
  const appender = await second.openAppender("t", 0);
  expect(await appender.append([{ key: "k", value: new Uint8Array([2]) }])).toMatchObject({ baseOffset: 1n });
  await second.close();
});

test("a file that cannot be opened is an error that names it", () => {
  expect(() => createEmbeddedLog({ file: join(folder, "missing", "log.db") })).toThrow(/missing/u);
});
