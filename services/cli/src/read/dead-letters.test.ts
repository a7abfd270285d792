/** Dead letters on a log in memory: what is found, and what a redrive would send. */
import { HEADER } from "@busbar/events";
import { builtinSchemaIds, createCodec, DEAD_LETTER_MAX_VALUE_BYTES, toDeadLetter } from "@busbar/events/codec";
import { topicSpecs } from "@busbar/infra";
import type { NewRecord } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { metaWith, topicNames } from "@busbar/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseRange } from "../parse/point.ts";
import { type DeadLetter, findRedriven, letterAt, letterId, originalOf, readLetters } from "./dead-letters.ts";
import { hexDump, utf8Of } from "./hex-dump.ts";
import { planRedrive } from "./redrive.ts";

const topics = topicNames();
const codec = createCodec({ ids: builtinSchemaIds() });
let log: ReturnType<typeof createEmbeddedLog>;
const bus = () => ({ log, codec, topics });

beforeEach(async () => {
  log = createEmbeddedLog();
  await log.ensureTopics(topicSpecs({ prefix: "busbar", partitions: 2, agents: [], durability: "disk" }));
});
afterEach(() => log.close());

async function put(topic: string, partition: number, record: NewRecord): Promise<bigint> {
  const [outcome] = await log.publish([{ topic, partition, record }]);
  if (outcome?.kind !== "appended") throw new Error("not appended");
  return outcome.baseOffset;
}

const bytes = (...list: readonly number[]): Uint8Array => Uint8Array.from(list);

/** A record on a topic, and the dead letter that its reader makes of it. */
async function refused(topic: string, value: Uint8Array, partition = 1): Promise<DeadLetter> {
  const headers = { [HEADER.type]: "CallTool", [HEADER.auth]: "cafe" };
  const offset = await put(topic, partition, { key: "chain-1", value, headers });
  return letterFor({ topic, partition, offset, value, headers });
}

async function letterFor(record: Parameters<typeof toDeadLetter>[0]["record"]): Promise<DeadLetter> {
  const letter = toDeadLetter({ code: "BUSBAR_SCHEMA_UNKNOWN", reason: "schema id 7 is not known", record });
  const value = codec.encode("DeadLetter", { meta: metaWith({ eventId: "x", atMs: 1 }), ...letter });
  const at = await put(topics.deadLetters, record.partition, { key: "k", value, headers: {} });
  const found = await letterAt(bus(), record.partition, at);
  if (found === null) throw new Error("no letter");
  return found;
}

const OPTIONS = { reason: "it is registered", by: "operator:ann", again: false };
const plan = async (letter: DeadLetter, more: Partial<typeof OPTIONS> = {}) => {
  const scan = await findRedriven(bus(), [letter], 1000);
  return planRedrive(bus(), letter, scan, { ...OPTIONS, ...more });
};

describe("dead letters", () => {
  it("are read with place, code and bytes, within a range [cli:dlq-list]", async () => {
    const first = await refused(topics.commands, bytes(1, 2, 3));
    await put(topics.deadLetters, 1, { key: "k", value: bytes(9), headers: {} });
    await refused(topics.control, bytes(4));
    expect(first).toMatchObject({
      code: "BUSBAR_SCHEMA_UNKNOWN",
      reason: "schema id 7 is not known",
      source: { topic: "busbar.commands", partition: 1, offset: 0n },
      headers: { type: "CallTool", auth: "cafe" },
    });
    expect([letterId(first), [...first.bytes]]).toEqual(["1/0", [1, 2, 3]]);
    const places = async (text: string): Promise<readonly string[]> => {
      const range = parseRange(text, 0);
      const found: string[] = [];
      if (range.ok) for await (const letter of readLetters(bus(), 1, range.value)) found.push(letterId(letter));
      return found;
    };
    expect([await places(".."), await places("1/1.."), await places("-1")]).toEqual([["1/0", "1/2"], ["1/2"], ["1/2"]]);
    expect(await letterAt(bus(), 1, 1n)).toBeNull();
  });

  it("are sent again as they were, with a mark, who and why [cli:dlq-redrive]", async () => {
    const letter = await refused(topics.commands, bytes(1, 2, 3));
    const planned = await plan(letter);
    expect(planned).toMatchObject({ kind: "redrive", before: null });
    expect(planned.kind === "redrive" ? planned.record : null).toEqual({
      key: "chain-1",
      value: bytes(1, 2, 3),
      headers: {
        type: "CallTool",
        auth: "cafe",
        redrive: "busbar.dead-letters/1/0",
        "redrive-by": "operator:ann",
        "redrive-reason": "it is registered",
      },
    });
  });

  it("are not sent twice unless that is asked for [cli:dlq-redrive]", async () => {
    const letter = await refused(topics.commands, bytes(1, 2, 3));
    const planned = await plan(letter);
    if (planned.kind === "redrive") await put(topics.commands, 1, planned.record);
    expect(await plan(letter)).toMatchObject({ kind: "done", before: "busbar.commands/1/1" });
    expect(await plan(letter, { again: true })).toMatchObject({ kind: "redrive", before: "busbar.commands/1/1" });
    const other = await refused(topics.commands, bytes(5));
    expect(await plan(other)).toMatchObject({ kind: "redrive", before: null });
  });

  it("say when not every record was looked at [cli:dlq-redrive]", async () => {
    const letter = await refused(topics.commands, bytes(1));
    for (let count = 0; count < 5; count++) await put(topics.commands, 1, { key: "k", value: bytes(1), headers: {} });
    expect((await findRedriven(bus(), [letter], 2)).isWhole).toBe(false);
    expect((await findRedriven(bus(), [letter], 100)).isWhole).toBe(true);
  });

  it("of what is no input of a door, or is not whole, are refused with the reason [cli:dlq-redrive]", async () => {
    expect(await plan(await refused(topics.events, bytes(1)))).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("is no input of a door") as string,
    });
    const gone = { topic: topics.commands, partition: 0, offset: 99n, headers: {} };
    const long = await letterFor({ ...gone, value: new Uint8Array(DEAD_LETTER_MAX_VALUE_BYTES + 1) });
    expect(await plan(long)).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("its beginning only") as string,
    });
    expect(await plan(await letterFor({ ...gone, value: null }))).toMatchObject({ kind: "refused" });
    const kept = await letterFor({ ...gone, value: bytes(7), headers: { type: "CallTool" } });
    expect(await originalOf(bus(), kept)).toBeNull();
    expect(await plan(kept)).toMatchObject({
      kind: "redrive",
      record: { value: bytes(7), headers: { type: "CallTool" } },
    });
  });
});

describe("bytes on a terminal", () => {
  it("are hex and printable ASCII, cut where it is asked [cli:dlq-show]", () => {
    const value = new TextEncoder().encode("ab\u001b[31m\r\n\u0000é and so on");
    expect(hexDump(value, 20)).toBe(
      "00000000  61 62 1b 5b 33 31 6d 0d 0a 00 c3 a9 20 61 6e 64  ab.[31m..... and\n" +
        "00000010  20 73 6f 20                                       so \n… and 2 more bytes",
    );
    expect([hexDump(new Uint8Array(), 9), utf8Of(value.subarray(0, 3)), utf8Of(bytes(0xff))]).toEqual([
      "no bytes",
      "ab\u001b",
      null,
    ]);
  });
});
