/** Topics: created once, verified, never by a slip of the pen. */
import { strict as assert } from "node:assert";
import { isBusbarError } from "@busbar/kernel";
import { type LogContractCase, makeTopic, readAll } from "./subject.ts";

const code = (wanted: string) => (error: unknown) => isBusbarError(error) && error.code === wanted;

export const TOPIC_CASES: readonly LogContractCase[] = [
  {
    name: "ensuring topics twice changes nothing; another partition count or setting is an error",
    run: async ({ log, prefix }) => {
      const spec = { name: `${prefix}.topic`, partitions: 2, config: { "max.message.bytes": "5000" } };
      await log.ensureTopics([spec]);
      await log.ensureTopics([spec]);
      assert.equal(await log.partitionCount(spec.name), 2);
      assert.ok((await log.listTopics()).includes(spec.name));
      const others = [
        { ...spec, partitions: 3 },
        { ...spec, config: { "max.message.bytes": "6000" } },
      ];
      for (const other of others) await assert.rejects(log.ensureTopics([other]), code("BUSBAR_TOPIC_MISMATCH"));
      assert.equal(await log.partitionCount(spec.name), 2);
    },
  },
  {
    name: "a topic or partition that does not exist is an error and is not created",
    run: async (subject) => {
      const { log, prefix } = subject;
      const there = await makeTopic(subject, "there");
      const missing = `${prefix}.mistyped`;
      await assert.rejects(log.partitionCount(missing), code("BUSBAR_NOT_FOUND"));
      await assert.rejects(log.openAppender(missing, 0), code("BUSBAR_NOT_FOUND"));
      await assert.rejects(log.openAppender(there, 1), code("BUSBAR_NOT_FOUND"));
      await assert.rejects(log.offsets(missing, 0), code("BUSBAR_NOT_FOUND"));
      await assert.rejects(readAll(log, missing), code("BUSBAR_NOT_FOUND"));
      assert.ok(!(await log.listTopics()).includes(missing));
    },
  },
];
