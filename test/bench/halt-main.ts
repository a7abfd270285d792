/**
 * The bench's operator: halts a scope, waits until the owner of every partition has acknowledged it, lifts the halt,
 * and so on. From its acknowledgement on a door refuses the scope, so the time from just before the order is sent until
 * the last acknowledgement is read is at least the time to refusal at every door. Prints one JSON line.
 */
import { HEADER } from "@busbar/events";
import { connect } from "@busbar/infra";
import { topicNames } from "@busbar/runtime";
import { createOrders } from "../harness/orders.ts";
import { percentile } from "./load.ts";

const [durationMs = 1000] = process.argv.slice(2, 3).map(Number);
const SCOPE = "agent:nobody";
const BOUND_MS = 30_000;

const onNotice = (text: string): void => void process.stderr.write(`${text}\n`);
const { log, codec, prefix, keys, close } = await connect({
  env: process.env,
  clientId: "bench-operator",
  principal: "operator",
  onNotice,
});
const topics = topicNames(prefix);
const partitions = await log.partitionCount(topics.events);
const orders = createOrders({ log, codec, prefix, keys, partitions });

/** Highest position of the directives that each partition has applied. */
const through = new Map<number, bigint>();
let look: () => void = () => undefined;

const followers = await Promise.all(
  [...Array(partitions).keys()].map(async (partition) =>
    log.follow({
      topic: topics.events,
      partition,
      from: (await log.offsets(topics.events, partition)).end,
      onDelivery: ({ records }) => {
        for (const { headers, value } of records) {
          const type = headers[HEADER.type];
          if (type !== "HaltAcknowledged" && type !== "DirectivesApplied") continue;
          const decoded = codec.decode(value, "event");
          if (!decoded.ok || !("through" in decoded.message)) continue;
          through.set(partition, BigInt(decoded.message.through));
        }
        look();
      },
      onProblem: ({ kind }) => void process.stderr.write(`partition ${partition}: ${kind}\n`),
    }),
  ),
);

/** Resolves when every partition has applied the directive at `offset`. */
function appliedEverywhere(offset: bigint): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`directive ${offset} is not applied everywhere`)), BOUND_MS);
    look = () => {
      const applied = [...Array(partitions).keys()].every((partition) => (through.get(partition) ?? 0n) > offset);
      if (!applied) return;
      clearTimeout(timer);
      resolve();
    };
    look();
  });
}

const latencies: number[] = [];
const endMs = performance.now() + durationMs;
while (performance.now() < endMs) {
  const sentMs = performance.now();
  const fence = await orders.halt(SCOPE);
  await appliedEverywhere(fence);
  latencies.push(performance.now() - sentMs);
  await appliedEverywhere(await orders.resume(SCOPE, fence.toString()));
}
const sorted = Float64Array.from(latencies).sort();
const result = {
  count: sorted.length,
  p50: percentile(sorted, 0.5),
  p99: percentile(sorted, 0.99),
  max: sorted.at(-1),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await Promise.all(followers.map((follower) => follower.stop()));
await close();
