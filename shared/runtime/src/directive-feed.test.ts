import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { isBusbarError } from "@busbar/kernel";
import type { EventLog, FollowOptions } from "@busbar/log";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it } from "vitest";
import { appliedOf, createDirectiveFeed, DIRECTIVE_LIMIT_BYTES } from "./feeds.ts";
import { metaWith } from "./meta.ts";
import { SYSTEM_CLOCK, SYSTEM_TIMERS } from "./ports.ts";

const meta = metaWith({ eventId: "d", atMs: 1 });

/** A feed whose follower the test speaks for. */
async function feedOf(end: bigint) {
  const followed: FollowOptions[] = [];
  const log = {
    offsets: () => Promise.resolve({ low: 0n, end }),
    follow: (options: FollowOptions) => {
      followed.push(options);
      return { stop: () => Promise.resolve() };
    },
  } as unknown as EventLog;
  const keyring = { commandKeys: () => [], isOrderSigned: () => true, signOrder: () => "" };
  const codec = createCodec({ ids: builtinSchemaIds() });
  const ports = { log, codec, keyring, clock: SYSTEM_CLOCK, timers: SYSTEM_TIMERS, logger: SILENT_LOGGER };
  const feed = await createDirectiveFeed({ ...ports, topic: "t.directives" });
  return { feed, follower: followed[0] };
}

describe("directives that are gone", () => {
  it.each([
    ["log:gap-fails-closed", { kind: "gap", position: 0n, low: 4n }, "BUSBAR_LOG_GAP"],
    ["log:truncated-fails-closed", { kind: "truncated", position: 9n, end: 4n }, "BUSBAR_LOG_TRUNCATED"],
  ] as const)(
    "are told to every partition, now and later, and a start does not wait for them [%s]",
    async (_id, problem, code) => {
      const { feed, follower } = await feedOf(9n);
      const told: string[] = [];
      feed.onBroken((error) => void told.push(error.code));
      follower?.onProblem({ kind: "unreachable", cause: new Error("away") });
      expect(told).toEqual([]);
      follower?.onProblem(problem);
      feed.onBroken((error) => void told.push(error.code));
      expect(told).toEqual([code, code]);
      const start = await feed.ready().catch((error: unknown) => error);
      expect(isBusbarError(start) && start.code).toBe(code);
    },
  );
});

describe("a directive as partitions apply it", () => {
  const halt = { type: "Halt", meta, scope: "fleet", by: "x", rule: "", cause: "" } as const;

  it("keeps an order whose reason is endless: the reason is cut [append:size-checked-first]", () => {
    const applied = appliedOf(0n, { ...halt, reason: "r".repeat(DIRECTIVE_LIMIT_BYTES) }, "operator:ann");
    expect(applied.scope).toBe("fleet");
    expect(applied.detail.length).toBeLessThan(5000);
  });
});
