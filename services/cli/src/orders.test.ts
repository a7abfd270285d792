import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BusEvent, claimHeaders, GENESIS_DIGEST, HEADER, stampHeaders } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { ensureKeys, openKeyring, topicSpecs } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { metaWith, topicNames } from "@busbar/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenBus } from "./bus.ts";
import { assertProven, awaitApplied, giveOrder, operatorName } from "./orders.ts";

const PARTITIONS = 2;
const CLAIM = { offset: 0n, nonce: "n1" };
let keys: string;
let bus: OpenBus;

beforeEach(async () => {
  keys = mkdtempSync(join(tmpdir(), "busbar-keys-"));
  ensureKeys(keys, []);
  const log = createEmbeddedLog();
  await log.ensureTopics(topicSpecs({ prefix: "busbar", partitions: PARTITIONS, agents: [], durability: "disk" }));
  const codec = createCodec({ ids: builtinSchemaIds() });
  bus = {
    log,
    codec,
    prefix: "busbar",
    keys,
    close: () => log.close(),
    topics: topicNames(),
    partitionCount: PARTITIONS,
    env: {},
  };
  for (const partition of [0, 1]) await appendClaim(partition);
});

afterEach(async () => {
  await bus.close();
  rmSync(keys, { recursive: true, force: true });
});

async function append(partition: number, value: Uint8Array, headers: Readonly<Record<string, string>>): Promise<void> {
  const appender = await bus.log.openAppender(bus.topics.events, partition);
  await appender.append([{ key: "k", value, headers }]);
  await appender.close();
}

async function appendClaim(partition: number): Promise<void> {
  const meta = metaWith({ eventId: "claim", atMs: 1 });
  const value = bus.codec.encode("PartitionClaimed", { meta, owner: "gw", nonce: CLAIM.nonce });
  await append(partition, value, claimHeaders({ owner: "gw", nonce: CLAIM.nonce }));
}

/** One event of the owner; `at` other than where it lands makes it void. */
async function appendEvent<T extends BusEvent["type"]>(
  partition: number,
  type: T,
  body: object,
  at?: bigint,
): Promise<void> {
  const { end } = await bus.log.offsets(bus.topics.events, partition);
  const meta = metaWith({
    eventId: `busbar.events/${partition}/${end}`,
    atMs: 1,
    ...("meta" in body ? (body.meta as object) : {}),
  });
  const value = bus.codec.encode(type, { ...body, meta } as never);
  await append(partition, value, stampHeaders({ type, at: at ?? end, claim: CLAIM, prev: GENESIS_DIGEST, value }));
}

/** What an owner writes that has applied the directive before `through`. */
const appliedBefore = (through: bigint) => [
  { offset: (through - 1n).toString(), kind: "Halt", scope: "agent:a", id: "", detail: "{}" },
];

const acknowledgement = (through: bigint, more: object = {}) => ({
  through: through.toString(),
  applied: appliedBefore(through),
  abandoned: [],
  inFlight: [],
  ...more,
});

const BLANK_ADMISSION = {
  attempt: 1,
  fireBoundMs: 1,
  timeoutMs: 1,
  origin: "agent",
  probes: [],
  subject: "",
  keySinceMs: 0,
  expects: "",
  approval: "",
  undoes: "",
  toolDigest: "",
};
const admission = (agent: string, callId: string) => ({
  ...BLANK_ADMISSION,
  meta: { agent, chainId: "c", lineage: ["c"] },
  callId,
  step: 1,
  tool: "sql",
  toolClass: "at-most-once",
  effectClass: "write",
  effectKey: "k",
  args: "{}",
  argsHash: "h",
});

const halt = (scope: string) =>
  giveOrder(bus, "Halt", scope, { scope, reason: "r", by: operatorName(), rule: "by-hand", cause: "" });

describe("an order of a person", () => {
  it("is a directive signed with the operator's key", async () => {
    const { offset } = await halt("agent:a");
    for await (const { records } of bus.log.read(bus.topics.directives, 0, { from: offset })) {
      const [record] = records;
      const decoded = bus.codec.decode(record?.value ?? null, "directive");
      expect(decoded.ok && decoded.message).toMatchObject({ type: "Halt", scope: "agent:a", rule: "by-hand" });
      const principal = record?.headers[HEADER.principal] ?? "";
      expect(principal).toBe(operatorName());
      const order = { topic: bus.topics.directives, principal, value: record?.value ?? new Uint8Array() };
      expect(openKeyring(keys, "supervisor").isOrderSigned(order, record?.headers[HEADER.sig] ?? "")).toBe(true);
    }
  });

  it("is proven when every partition has acknowledged it [halt:acknowledged-by-every-owner]", async () => {
    const order = await halt("agent:a");
    const waiting = awaitApplied(bus, order, "agent:a", 4000);
    await appendEvent(0, "HaltAcknowledged", acknowledgement(order.offset + 1n));
    const through = order.offset + 1n;
    await appendEvent(1, "DirectivesApplied", { through: through.toString(), applied: appliedBefore(through) });
    const applied = await waiting;
    expect(applied.applications.map(({ partition }) => partition)).toEqual([0, 1]);
    expect(() => assertProven(applied, 4000)).not.toThrow();
  });

  it("is not proven by an owner that read past it and applied nothing [halt:unproven-is-named]", async () => {
    const order = await halt("agent:a");
    for (const partition of [0, 1]) {
      await appendEvent(partition, "DirectivesApplied", { through: (order.offset + 1n).toString(), applied: [] });
    }
    const applied = await awaitApplied(bus, order, "agent:a", 150);
    expect(applied).toMatchObject({ missing: [0, 1] });
  });

  it("names the partition that does not answer, with exit code 4 [halt:unproven-is-named]", async () => {
    const order = await halt("agent:a");
    await appendEvent(0, "HaltAcknowledged", acknowledgement(order.offset + 1n));
    await appendEvent(1, "EffectAdmitted", admission("a", "c:1"));
    const applied = await awaitApplied(bus, order, "agent:a", 150);
    expect(applied).toMatchObject({ missing: [1], admittedUnproven: ["c:1"] });
    try {
      assertProven(applied, 150);
      expect.unreachable();
    } catch (error) {
      expect(isBusbarError(error) && [error.code, error.row.exitCode, error.fields["partitions"]]).toEqual([
        "BUSBAR_HALT_UNPROVEN",
        4,
        "1",
      ]);
    }
  });

  it("is not acknowledged by an older position, nor by a record that does not count", async () => {
    const order = await halt("agent:a");
    await appendEvent(0, "HaltAcknowledged", acknowledgement(order.offset));
    await appendEvent(1, "HaltAcknowledged", acknowledgement(order.offset + 1n), 99n);
    expect((await awaitApplied(bus, order, "agent:a", 150)).missing).toEqual([0, 1]);
  });

  it("counts what its scope covers and was admitted between order and acknowledgement, and what is in flight [halt:between-counted]", async () => {
    await appendEvent(0, "EffectAdmitted", admission("a", "before:1"));
    const order = await halt("agent:a");
    const inFlight = [{ chainId: "c", callId: "before:1", effectKey: "k", tool: "sql", state: "open" }];
    await appendEvent(0, "EffectAdmitted", admission("a", "between:1"));
    await appendEvent(0, "EffectAdmitted", admission("b", "other:1"));
    await appendEvent(
      0,
      "HaltAcknowledged",
      acknowledgement(order.offset + 1n, { inFlight, abandoned: ["between:1"] }),
    );
    await appendEvent(1, "HaltAcknowledged", acknowledgement(order.offset + 1n));
    const { applications } = await awaitApplied(bus, order, "agent:a", 4000);
    expect(applications[0]).toMatchObject({
      partition: 0,
      admittedBetween: ["between:1"],
      abandoned: ["between:1"],
      inFlight,
    });
    expect(applications[1]).toMatchObject({ partition: 1, admittedBetween: [], inFlight: [] });
  });

  it("takes names that come in parts together, each once, and is acknowledged by the last part only [halt:names-in-flight]", async () => {
    const order = await halt("agent:a");
    const call = (n: number) => ({ chainId: "c", callId: `c:${n}`, effectKey: `k${n}`, tool: "sql", state: "open" });
    const part = (...inFlight: readonly object[]) => ({ ...acknowledgement(order.offset), applied: [], inFlight });
    const waiting = awaitApplied(bus, order, "agent:a", 4000);
    // The first owner died after one part; the second one began anew.
    await appendEvent(0, "HaltAcknowledged", part(call(1)));
    await appendEvent(0, "HaltAcknowledged", part(call(1), call(2)));
    await appendEvent(0, "HaltAcknowledged", acknowledgement(order.offset + 1n, { inFlight: [call(3)] }));
    await appendEvent(1, "HaltAcknowledged", acknowledgement(order.offset + 1n));
    const { applications } = await waiting;
    expect(applications[0]?.inFlight).toEqual([call(1), call(2), call(3)]);
    expect(applications[1]?.inFlight).toEqual([]);
  });
});
