import { expect, it } from "vitest";
import { createEmbeddedLog } from "./embedded-log.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it("of a compacted topic the last record of each key is kept; readers and followers pass the holes [log:embedded-compacts]", async () => {
  const log = createEmbeddedLog();
  const [topic, plain] = ["t.checkpoints", "t.events"];
  await log.ensureTopics([
    { name: topic, partitions: 1, config: { "cleanup.policy": "compact" } },
    { name: plain, partitions: 1, config: {} },
  ]);
  const followed: bigint[] = [];
  const problems: string[] = [];
  const follower = log.follow({
    topic,
    partition: 0,
    from: 0n,
    onDelivery: ({ records }) => void followed.push(...records.map(({ offset }) => offset)),
    onProblem: ({ kind }) => void problems.push(kind),
  });
  for (let n = 0; n < 300; n += 1) {
    const record = { key: `k${n % 3}`, value: bytes(String(n)) };
    await log.publish([
      { topic, partition: 0, record },
      { topic: plain, partition: 0, record },
    ]);
  }
  const read = async (name: string, from: bigint): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const { records } of log.read(name, 0, { from })) {
      for (const { offset, key } of records) found.push(`${offset} ${key}`);
    }
    return found;
  };
  const kept = ["297 k0", "298 k1", "299 k2"];
  expect(await read(topic, 0n)).toEqual(kept);
  expect(await read(topic, 299n)).toEqual(["299 k2"]);
  expect((await log.offsets(topic, 0)).end).toBe(300n);
  expect((await read(plain, 0n)).length).toBe(300);
  await expect.poll(() => followed.at(-1)).toBe(299n);
  expect(problems).toEqual([]);
  await follower.stop();
  await log.close();
});
