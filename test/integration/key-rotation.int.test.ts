/** Keys replaced on a running bus: no process that verifies is started again. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentKey, ensureKeys, openKeyring, retireKeys, rotateKeys } from "@busbar/infra";
import { HEADER } from "@busbar/events";
import { metaWith } from "@busbar/runtime";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Bus, openBus } from "../harness/bus.ts";
import { DoorTalk } from "../harness/door-talk.ts";
import { forgeCommand, send } from "../harness/forge.ts";

let bus: Bus;
let talk: DoorTalk;

beforeAll(async () => {
  bus = await openBus({ brokers: inject("brokers"), name: "rotation", partitions: 1 });
  talk = new DoorTalk(bus, 0);
  await Promise.all([bus.gateway("g1"), bus.supervisor("s1")]);
  await bus.doorsOpen();
});
afterAll(() => bus?.close());

describe("a key that is replaced while the bus runs", () => {
  test("an agent's commands: the old key is accepted in the overlap and refused after it, the new one throughout [security:rotation]", async () => {
    const old = agentKey(bus.keys, "courier");
    const chainId = await talk.openChain();
    const say = (sequence: number, key: Uint8Array) => {
      const args = JSON.stringify({ orderId: 1, n: sequence, text: "x" });
      const call = { step: sequence, tool: "orders.annotate", args, repeat: 0 };
      const as = { chainId, agent: "courier", incarnation: 1, sequence, key };
      const forged = forgeCommand(bus, "CallTool", call, as);
      return talk.decided(() => talk.answered(forged));
    };
    expect(await say(1, old)).toEqual(["EffectAdmitted"]);
    await rotateKeys(bus.keys, "agent:courier");
    const fresh = agentKey(bus.keys, "courier");
    expect(await say(2, old)).toEqual(["EffectAdmitted"]);
    expect(await say(3, fresh)).toEqual(["EffectAdmitted"]);
    retireKeys(bus.keys, "agent:courier", 0n);
    // The gateway looks at its key files at most four times a second; until then the old key is answered as a repetition is.
    await expect.poll(() => say(3, old), { timeout: 45_000 }).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    expect(await say(4, old)).toEqual(["CommandRejected BUSBAR_AUTH_FAILED"]);
    expect(await say(4, fresh)).toEqual(["EffectAdmitted"]);
  });

  test("an operator's orders: a halt of the old key stands after its end, and no new one of it counts [security:rotation]", async () => {
    const { directives } = bus.topics;
    const stolen = join(bus.keys, "..", "stolen");
    ensureKeys(stolen, []);
    for (const half of ["operator.pem", "operator.pub.pem"])
      writeFileSync(join(stolen, half), readFileSync(join(bus.keys, half)));
    const halt = async (keys: string, scope: string): Promise<bigint> => {
      const principal = "operator:ann";
      const body = { scope, reason: "r", by: principal, rule: "", cause: "" };
      const value = bus.codec.encode("Halt", { meta: metaWith({ eventId: scope, atMs: Date.now() }), ...body });
      const sig = openKeyring(keys, "operator").signOrder({ topic: directives, principal, value });
      const headers = { [HEADER.type]: "Halt", [HEADER.principal]: principal, [HEADER.sig]: sig };
      return send(bus, directives, 0, { key: scope, value, headers });
    };
    const isApplied = (offset: bigint): boolean =>
      [...bus.watch.ofType("HaltAcknowledged"), ...bus.watch.ofType("DirectivesApplied")].some(({ event }) =>
        event.applied.some((one) => BigInt(one.offset) === offset),
      );
    const before = await halt(stolen, "agent:looper");
    await bus.watch.until(() => isApplied(before), "the halt of the first key");
    await rotateKeys(bus.keys, "operator");
    const inOverlap = await halt(stolen, "agent:rebel");
    await bus.watch.until(() => isApplied(inOverlap), "the halt of the old key in the overlap");
    const { end } = await bus.log.offsets(directives, 0);
    retireKeys(bus.keys, "operator", end);
    // The gateway looks at its key files at most four times a second, so the first of these may still count.
    const lateCounts = async (): Promise<boolean> => {
      const late = await halt(stolen, "agent:support");
      const fresh = await halt(bus.keys, "agent:warehouse");
      await bus.watch.until(() => isApplied(fresh), "the halt of the new key");
      return isApplied(late);
    };
    await expect.poll(lateCounts, { timeout: 45_000 }).toBe(false);
    expect(await lateCounts()).toBe(false);
    // What the old key signed in its time is still in force: a task of that agent is halted as it comes.
    const { chainId } = await bus.client.submit({ agent: "looper", input: {}, key: talk.nextKey() });
    const isHalted = (): boolean => bus.watch.ofType("ChainHalted").some(({ event }) => event.meta.chainId === chainId);
    await bus.watch.until(isHalted, "the halt of the first key holds");
  });
});
