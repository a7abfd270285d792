import { type MessageOf, stampHeaders } from "@busbar/events";
import { builtinSchemaIds } from "@busbar/events/codec";
import { afterEach, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { EVENTS, faultyBus, gate, journal, waiter } from "./scenes.ts";
import type { TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 20_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

async function doorsInBeats({ log, codec }: TestBus) {
  const doors: MessageOf<"GatewayHeartbeat">["doors"][number][] = [];
  for await (const { records } of log.read("test.heartbeats", 0, { from: 0n })) {
    for (const { value } of records) {
      const decoded = codec.decode(value, "heartbeat");
      if (decoded.ok && decoded.message.type === "GatewayHeartbeat") doors.push(...decoded.message.doors);
    }
  }
  return doors;
}

it("a valid record that nobody can decode shuts its partition, with its position and what to type, and no loop of claims [log:undecodable-fails-closed]", async () => {
  const [world, at] = [journal(), gate()];
  const made = await faultyBus({ agents: [waiter(at)], tools: [world.tool] });
  bus = made.bus;
  const { log } = bus;
  const claims = (): number => made.bus.events().filter(({ type }) => type === "PartitionClaimed").length;
  const claim = { offset: 0n, nonce: "" };
  let digest = "";
  for await (const { records } of log.read(EVENTS, 0, { from: 0n })) {
    for (const { offset, headers } of records) {
      if (headers["nonce"] !== undefined) Object.assign(claim, { offset, nonce: headers["nonce"] });
      digest = headers["digest"] ?? digest;
    }
  }
  const { end } = await log.offsets(EVENTS, 0);
  // A known schema, and bytes that are not of it.
  const id = Buffer.alloc(4);
  id.writeInt32BE(builtinSchemaIds().idOf.get("EffectCommitted") ?? 0);
  const value = new Uint8Array([0, ...id, 255]);
  const headers = stampHeaders({ type: "EffectCommitted", at: end, claim, prev: digest, value });
  await made.faults.intrude(EVENTS, 0, [{ key: "c", value, headers }]);
  await until(() => made.bus.doors()[0]?.lifecycle === "failed", "the partition is shut", 15_000);
  const [door] = made.bus.doors();
  expect(door?.failure).toContain(`${EVENTS}/0/${end} is a valid record that cannot be decoded`);
  expect(door?.next).toContain("npx busbar schemas push");
  // Who cannot append to the partition says it in its heartbeats, for everybody else to show.
  const told = async (): Promise<boolean> => {
    const doors = await doorsInBeats(made.bus);
    return doors.some(
      ({ partition, failure, next }) => partition === 0 && failure === door?.failure && next === door.next,
    );
  };
  await until(told, "a heartbeat says so", 15_000);
  expect(claims()).toBe(1);
  // A successor stands before the same record: it makes no claim either.
  await Promise.race([
    made.bus.replaceGateway().catch(() => undefined),
    until(() => false, "", 500).catch(() => undefined),
  ]);
  await until(() => made.bus.doors()[0]?.lifecycle === "failed", "the successor is shut as well", 15_000);
  expect(claims()).toBe(1);
});
