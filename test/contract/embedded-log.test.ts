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
