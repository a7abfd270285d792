import type { BusDirective } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import type { EventLog, FollowOptions, StoredRecord } from "@busbar/log";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it } from "vitest";
import { DirectiveWatch, type Fence, Fences } from "./directive-watch.ts";
import { metaOf } from "./test-bus-messages.ts";

const meta = metaOf("", 0, 0n);
const halt = (scope: string): BusDirective => ({
  type: "Halt",
  scope,
  reason: "r",
  by: "p",
  rule: "",
  cause: "",
  meta,
});
const resume = (scope: string, fence: string): BusDirective => ({
  type: "Resume",
  scope,
  fence,
  reason: "r",
  by: "p",
  coversThrough: [],
  meta,
});

describe("fences", () => {
  it("are per exact scope; only a resume that names the last halt lifts one [halt:resume-names-fence]", () => {
    const fences = new Fences();
    fences.apply(3n, halt("fleet"));
    fences.apply(5n, halt("fleet"));
    fences.apply(6n, halt("agent:a"));
    expect(fences.apply(7n, resume("fleet", "3"))).toBeNull();
    expect(fences.covering("b", ["c"])).toMatchObject({ scope: "fleet", fence: "5" });
    expect(fences.apply(8n, resume("fleet", "5"))).toMatchObject({ kind: "resume" });
    expect(fences.covering("b", ["c"])).toBeNull();
    expect(fences.covering("a", ["c"])).toMatchObject({ scope: "agent:a" });
  });

  it("of a chain cover its descendants; those of a tool cover no chain [halt:covers-descendants]", () => {
    const fences = new Fences();
    fences.apply(0n, halt("chain:root"));
    fences.apply(1n, halt("tool:t"));
    expect(fences.covering("a", ["root", "child"])).toMatchObject({ scope: "chain:root", fence: "0" });
    expect(fences.covering("a", ["other"])).toBeNull();
  });
});

it("a halt and the resume that names it are told one after the other, also in one delivery [halt:resume-names-fence]", async () => {
  const codec = createCodec({ ids: builtinSchemaIds() });
  const again = { ...halt("fleet"), reason: "and once more" };
  const directives = [halt("fleet"), again, resume("fleet", "1")];
  const records = directives.map((directive, index): StoredRecord => {
    const value = codec.encode(directive.type, directive as never);
    const at = { topic: "d", partition: 0, offset: BigInt(index), timestampMs: 0, key: null };
    return { ...at, value, headers: { sig: `${index}` } };
  });
  let follow: FollowOptions | null = null;
  const log = {
    offsets: () => Promise.resolve({ low: 0n, end: 0n }),
    follow(options: FollowOptions) {
      follow = options;
      return { stop: () => Promise.resolve() };
    },
  } as unknown as EventLog;
  const told: string[] = [];
  const watch = new DirectiveWatch({
    log,
    codec,
    topic: "d",
    isOrderSigned: () => true,
    logger: SILENT_LOGGER,
    onFences: (standing, lifted) => told.push(`${standing.map(({ fence }) => fence).join()} ${lifted?.fence ?? "-"}`),
  });
  await watch.start();
  await (follow as FollowOptions | null)?.onDelivery({ records, unreadable: [], next: 3n, end: 3n });
  // Whoever keeps the fences by what it is told has none left: the second halt was told before it was lifted.
  expect(told).toEqual(["0 -", "1 -", " 1"]);
});

it("halts of the past count only once all of the past is read, since they may have been lifted [halt:applied-as-record]", async () => {
  const codec = createCodec({ ids: builtinSchemaIds() });
  const records = [halt("fleet"), resume("fleet", "0"), halt("agent:a")].map((directive, index): StoredRecord => {
    const value = codec.encode(directive.type, directive as never);
    return {
      topic: "d",
      partition: 0,
      offset: BigInt(index),
      timestampMs: 0,
      key: null,
      value,
      headers: { sig: `${index}` },
    };
  });
  let follow: FollowOptions | null = null;
  const log = {
    offsets: () => Promise.resolve({ low: 0n, end: 2n }),
    follow(options: FollowOptions) {
      follow = options;
      return { stop: () => Promise.resolve() };
    },
  } as unknown as EventLog;
  const seen: { readonly standing: readonly Fence[]; readonly lifted: Fence | null }[] = [];
  const watch = new DirectiveWatch({
    log,
    codec,
    topic: "d",
    isOrderSigned: () => true,
    logger: SILENT_LOGGER,
    onFences: (standing, lifted) => seen.push({ standing, lifted }),
  });
  await watch.start();
  for (const record of records) {
    await (follow as FollowOptions | null)?.onDelivery({
      records: [record],
      unreadable: [],
      next: record.offset + 1n,
      end: 3n,
    });
  }
  expect(seen).toEqual([
    { standing: [], lifted: null },
    { standing: [{ scope: "agent:a", fence: "2", reason: "r" }], lifted: null },
  ]);
});
