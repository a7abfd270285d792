import { generateKeyPairSync } from "node:crypto";
import { type BusDirective, type EventBody, HEADER } from "@busbar/events";
import { builtinSchemaIds, createCodec, signCommand, signOrder, verifyOrder } from "@busbar/events/codec";
import type { NewRecord } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createDirectiveFeed, createLifeFeed, type FeedOptions } from "./feeds.ts";
import { metaWith } from "./meta.ts";
import { type Keyring, SYSTEM_CLOCK, SYSTEM_TIMERS } from "./ports.ts";

const pairs = new Map(["operator", "supervisor", "gateway"].map((role) => [role, generateKeyPairSync("ed25519")]));
const secret = (principal: string): Uint8Array => Buffer.from(`key of ${principal}`);
const sign = (principal: string, topic: string, value: Uint8Array): string => {
  const pair = pairs.get(principal.split(":")[0] ?? "");
  return pair === undefined ? "" : signOrder(pair.privateKey, { topic, principal, value });
};
const keyring: Keyring = {
  commandKeys: (principal) => (principal.startsWith("agent:") ? [secret(principal)] : []),
  isOrderSigned: (order, sig) => {
    const pair = pairs.get(order.principal.split(":")[0] ?? "");
    return pair !== undefined && verifyOrder(pair.publicKey, order, sig);
  },
  signOrder: () => "",
};
const codec = createCodec({ ids: builtinSchemaIds() });
let log = createEmbeddedLog();
beforeEach(async () => {
  log = createEmbeddedLog();
  await log.ensureTopics(["directives", "heartbeats"].map((name) => ({ name, partitions: 1, config: {} })));
});
afterEach(() => log.close());
const options = (topic: string): FeedOptions => ({
  log,
  codec,
  keyring,
  topic,
  logger: SILENT_LOGGER,
  clock: SYSTEM_CLOCK,
  timers: SYSTEM_TIMERS,
});
const publish = async (topic: string, record: NewRecord): Promise<void> => {
  const [outcome] = await log.publish([{ topic, partition: 0, record }]);
  expect(outcome?.kind).toBe("appended");
};
const seen = (holds: () => void): Promise<void> => vi.waitFor(holds, { timeout: 10_000, interval: 5 });

describe("the directives that a door believes", () => {
  const order = <T extends BusDirective["type"]>(type: T, body: EventBody<T>, principal: string): NewRecord => {
    const value = codec.encode(type, {
      meta: metaWith({ eventId: `${principal}/${type}`, atMs: 1 }),
      ...body,
    } as never);
    const sig = sign(principal, "directives", value);
    return { key: "k", value, headers: { [HEADER.type]: type, [HEADER.principal]: principal, [HEADER.sig]: sig } };
  };
  const halt = (by: string) => order("Halt", { scope: "fleet", reason: "r", by: "free text", rule: "", cause: "" }, by);

  it("a copied order is no new order, however its signature is written down [security:orders-once]", async () => {
    const feed = await createDirectiveFeed(options("directives"));
    const first = halt("operator:ann");
    const sig = first.headers?.[HEADER.sig] ?? "";
    await publish("directives", first);
    for (const spelling of [sig, sig.replace(/=+$/, ""), `${sig} `, sig.replaceAll("+", "-").replaceAll("/", "_")])
      await publish("directives", { ...first, headers: { ...first.headers, [HEADER.sig]: spelling } });
    await seen(() => expect(feed.end()).toBe(5n));
    expect(feed.since(0n).applied.map(({ offset }) => offset)).toEqual(["0"]);
    await feed.stop();
  });

  it("is by whoever signed it, whatever its text says [security:signed-principal]", async () => {
    const feed = await createDirectiveFeed(options("directives"));
    await publish("directives", halt("operator:ann"));
    await seen(() => expect(feed.end()).toBe(1n));
    expect(JSON.parse(feed.since(0n).applied[0]?.detail ?? "{}")).toMatchObject({ by: "operator:ann" });
    await feed.stop();
  });

  it("a service orders what is its own, and nothing of a person's or of another service [security:orders-by-role]", async () => {
    const feed = await createDirectiveFeed(options("directives"));
    const policy = (by: string) => order("SetPolicy", { hash: "h", policy: "{}", reason: "", by: "" }, by);
    const grant = (by: string) =>
      order(
        "Grant",
        { grantId: "g", key: "tool:x", cause: "c", sequence: 1, partition: 0, count: 9, expiresAtMs: 9 },
        by,
      );
    const resume = (by: string) =>
      order("Resume", { scope: "fleet", fence: "0", reason: "", by, coversThrough: [] }, by);
    const sent = [
      policy("supervisor:s"),
      grant("gateway:g"),
      resume("supervisor:s"),
      resume("gateway:g"),
      halt("agent:a"),
      halt(""),
      policy("gateway:g"),
      grant("supervisor:s"),
      halt("supervisor:s"),
      resume("operator:ann"),
    ];
    for (const one of sent) await publish("directives", one);
    await seen(() => expect(feed.end()).toBe(10n));
    expect(feed.since(0n).applied.map(({ kind }) => kind)).toEqual(["SetPolicy", "Grant", "Halt", "Resume"]);
    await feed.stop();
  });
});

describe("the signs of life that a door believes", () => {
  const TOPIC = "heartbeats";
  const supervisorBeat = (sentAtMs: number, principal = "supervisor:s1", signer = principal): NewRecord => {
    const positions = { eventsThrough: "7", directivesEnd: "0", lastOffset: "6", claimOffset: "0", claimNonce: "n" };
    const meta = metaWith({ eventId: `s1/${sentAtMs}`, atMs: sentAtMs });
    const body = { supervisor: "s1", stream: "events" as const, partition: 0, ...positions, sentAtMs };
    const value = codec.encode("SupervisorHeartbeat", { meta, ...body });
    const sig = sign(signer, TOPIC, value);
    const headers = { [HEADER.type]: "SupervisorHeartbeat", [HEADER.principal]: principal, [HEADER.sig]: sig };
    return { key: "s1", value, headers };
  };
  const agentBeat = (agent: string, signer: string, chainId: string, sentAtMs = Date.now()): NewRecord => {
    const meta = metaWith({ eventId: `${agent}/${sentAtMs}`, atMs: sentAtMs, agent });
    const chains = [{ chainId, incarnation: 1 }];
    const body = { agent, version: "1", instance: `${signer}-1`, state: "working", chains, sentAtMs };
    const value = codec.encode("AgentHeartbeat", { meta, ...body });
    const place = { topic: TOPIC, partition: 0, chainId: body.instance, incarnation: 0, sequence: sentAtMs, value };
    const auth = signCommand(secret(`agent:${signer}`), place);
    const headers = { [HEADER.type]: "AgentHeartbeat", [HEADER.principal]: `agent:${signer}`, [HEADER.auth]: auth };
    return { key: body.instance, value, headers };
  };
  /** After what was tried comes one that counts: when that one is seen, the others were read. */
  const afterAll = async (life: Awaited<ReturnType<typeof createLifeFeed>>): Promise<void> => {
    await publish(TOPIC, agentBeat("last", "last", "end"));
    await seen(() => expect(life.chainSeenMs("last", "end", 1)).toBeGreaterThan(0));
  };

  it("no agent, and nobody without a key, keeps a door open in a supervisor's name [security:beats-signed]", async () => {
    const life = await createLifeFeed(options(TOPIC));
    const now = Date.now();
    const unsigned = supervisorBeat(now);
    await publish(TOPIC, { ...unsigned, headers: { [HEADER.type]: "SupervisorHeartbeat" } });
    for (const signer of ["agent:a", "gateway:g", "supervisor:s2"])
      await publish(TOPIC, supervisorBeat(now, "supervisor:s1", signer));
    await publish(TOPIC, supervisorBeat(now, "supervisor:s2"));
    await afterAll(life);
    expect(life.supervisor(0)).toBeNull();
    await publish(TOPIC, supervisorBeat(now));
    await seen(() => expect(life.supervisor(0)?.beat.eventsThrough).toBe("7"));
    await life.stop();
  });

  it("a supervisor's beat counts once, when it is sent: a copy opens no door [security:beats-signed]", async () => {
    const life = await createLifeFeed(options(TOPIC));
    const now = Date.now();
    await publish(TOPIC, supervisorBeat(now - 60_000));
    await afterAll(life);
    expect(life.supervisor(0)).toBeNull();
    await publish(TOPIC, supervisorBeat(now));
    await seen(() => expect(life.supervisor(0)).not.toBeNull());
    const atMs = life.supervisor(0)?.atMs;
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(atMs ?? 0));
    await publish(TOPIC, supervisorBeat(now));
    await publish(TOPIC, agentBeat("b", "b", "read"));
    await seen(() => expect(life.chainSeenMs("b", "read", 1)).toBeGreaterThan(0));
    expect(life.supervisor(0)?.atMs).toBe(atMs);
    await life.stop();
  });

  it("an agent vouches for its own chains and for nobody else's [security:beats-signed]", async () => {
    const life = await createLifeFeed(options(TOPIC));
    await publish(TOPIC, agentBeat("b", "a", "chain-of-b"));
    await publish(TOPIC, agentBeat("a", "a", "chain-of-b"));
    await afterAll(life);
    expect(life.chainSeenMs("b", "chain-of-b", 1)).toBe(0);
    expect(life.agentSeenMs("b", "1")).toBe(0);
    await publish(TOPIC, agentBeat("b", "b", "chain-of-b"));
    await seen(() => expect(life.chainSeenMs("b", "chain-of-b", 1)).toBeGreaterThan(0));
    await life.stop();
  });
});
