/** Exactly one answer for each partition that was named (PROTOCOL 1.3), and kafkajs's own code that breaks it. */
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { matchAnswers } from "./producer.ts";

const batches = [0, 1].map((partition) => ({ topic: "t", partition }));
const answer = (partition: number, more: object = {}) => ({
  topicName: "t",
  partition,
  errorCode: 0,
  baseOffset: "7",
  logAppendTime: "1000",
  ...more,
});

describe("answers of a send", () => {
  test("an offset and an append time for each batch, in the batches' order", () => {
    expect(matchAnswers(batches, [answer(1, { baseOffset: "0", logAppendTime: "-1" }), answer(0)])).toEqual([
      { baseOffset: 7n, appendedAtMs: 1_000 },
      { baseOffset: 0n, appendedAtMs: null },
    ]);
  });

  test.each([
    ["no answer for it", [answer(1)]],
    ["two answers for it", [answer(0), answer(0), answer(1)]],
    ["an answer of another topic", [answer(0, { topicName: "u" }), answer(1)]],
    ["an error", [answer(0, { errorCode: 3 }), answer(1)]],
    ["an offset of -1", [answer(0, { baseOffset: "-1" }), answer(1)]],
    ["no offset", [answer(0, { baseOffset: undefined }), answer(1)]],
  ])(
    "a partition with %s has none [append:every-partition-answers] [append:offset-mismatch-is-unknown]",
    (_name, metadata) => {
      const [first, second] = matchAnswers(batches, metadata);
      expect(first).toBeNull();
      expect(second).not.toBeNull();
    },
  );
});

test("kafkajs resolves a send that left out a partition whose leader moved; the port does not [append:every-partition-answers]", async () => {
  const { metadata, sent } = await sendWhileLeaderMoves();
  expect(sent, "partition 0 was only ever sent to the old leader, which refused it").toEqual([
    { node: 1, partitions: [0] },
    { node: 2, partitions: [1] },
  ]);
  expect(
    metadata.map(({ partition }) => partition),
    "and the send succeeded",
  ).toEqual([1]);
  expect(matchAnswers(batches, metadata)[0]).toBeNull();
});

type Answers = Parameters<typeof matchAnswers>[1];

/** kafkajs's sendMessages over a stub of its cluster: the leader of partition 0 moves from broker 1 to broker 2. */
async function sendWhileLeaderMoves(): Promise<{ metadata: Answers; sent: { node: number; partitions: number[] }[] }> {
  const load = createRequire(import.meta.url);
  const createSend = load("kafkajs/src/producer/sendMessages") as (
    ports: object,
  ) => (request: object) => Promise<Answers>;
  const errors = load("kafkajs/src/protocol/error") as { createErrorFromCode(code: number): Error };
  const retrier: unknown = (load("kafkajs/src/retry") as (options: object) => unknown)({
    retries: 5,
    initialRetryTime: 10,
  });
  const leaders = [1, 2];
  const sent: { node: number; partitions: number[] }[] = [];
  interface Produce {
    readonly topicData: readonly { readonly partitions: readonly { readonly partition: number }[] }[];
  }
  const broker = (nodeId: number) => ({
    nodeId,
    produce: ({ topicData }: Produce) => {
      const partitions = topicData.flatMap((topic) => topic.partitions.map(({ partition }) => partition));
      sent.push({ node: nodeId, partitions });
      if (nodeId === 1) {
        leaders[0] = 2;
        return Promise.reject(errors.createErrorFromCode(6));
      }
      const answers = partitions.map((partition) => ({ partition, errorCode: 0, baseOffset: "7" }));
      return Promise.resolve({ topics: [{ topicName: "t", partitions: answers }] });
    },
  });
  const brokers = new Map([1, 2].map((nodeId) => [nodeId, broker(nodeId)]));
  const nothing = () => Promise.resolve();
  const cluster = {
    refreshMetadataIfNecessary: nothing,
    refreshMetadata: nothing,
    addMultipleTargetTopics: nothing,
    isConnected: () => true,
    removeBroker: () => undefined,
    targetTopics: new Set(["t"]),
    findTopicPartitionMetadata: () => leaders.map((leader, partitionId) => ({ partitionId, leader })),
    findLeaderForPartitions: (_topic: string, partitions: readonly string[]) =>
      Object.groupBy(partitions.map(Number), (partition) => leaders[partition] ?? -1),
    findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(brokers.get(Number(nodeId))),
  };
  const eosManager = {
    acquireBrokerLock: nothing,
    releaseBrokerLock: nothing,
    isTransactional: () => false,
    getSequence: () => 0,
    updateSequence: () => undefined,
    getProducerId: () => 1,
    getProducerEpoch: () => 0,
  };
  const partitioner = ({ message }: { message: { partition: number } }) => message.partition;
  const logger = { debug: () => undefined, error: () => undefined };
  const send = createSend({ logger, cluster, partitioner, eosManager, retrier });
  const messages = [0, 1].map((partition) => ({ key: "k", value: `p${partition}`, partition }));
  return { metadata: await send({ acks: -1, timeout: 1_000, topicMessages: [{ topic: "t", messages }] }), sent };
}
