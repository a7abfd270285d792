/** An agent whose bookings begin to fail, on the real broker: every partition records a notice of it, and the agent goes on. */
import { expect, inject, test } from "vitest";
import { type Bus, withBus } from "../harness/bus.ts";

const WINDOW = 27;

/** Nine decisions each: two notes, six bookings, the end of the task. */
async function book(bus: Bus, times: number, fail: boolean): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const key = `${fail ? "failing" : "usual"}-${n}`;
    const handle = await bus.client.submit({
      agent: "booker",
      input: { fails: Array.from({ length: 6 }, () => fail) },
      key,
    });
    await bus.client.awaitOutcome(handle, { timeoutMs: 45_000 });
  }
}

const notices = (bus: Bus) =>
  bus.watch
    .ofType("DirectivesApplied")
    .flatMap(({ partition, event }) => event.applied.map(({ kind, detail }) => ({ partition, kind, detail })))
    .filter(({ kind }) => kind === "DriftDetected");

test(
  "an agent that begins to fail is told to have drifted, in every partition, and is not stopped for it [drift:detected] [drift:informs]",
  { timeout: 120_000 },
  async () => {
    const project = {
      drift: { window: WINDOW },
      rules: { consecutiveErrors: 0 },
      fireBoundMs: 30_000,
      timeoutMs: 30_000,
    };
    await withBus({ brokers: inject("brokers"), name: "drift", project }, async (bus) => {
      await Promise.all([bus.supervisor("s1"), bus.gateway("g1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      await book(bus, 6, false);
      expect(notices(bus)).toEqual([]);
      await book(bus, 6, true);
      await bus.watch.until(
        () => new Set(notices(bus).map(({ partition }) => partition)).size === bus.partitions,
        "every partition has recorded it",
      );
      const [notice] = notices(bus);
      const { key, moved } = JSON.parse(notice?.detail ?? "{}") as {
        key: string;
        moved: readonly { decision: string }[];
      };
      expect(key).toBe("agent:booker");
      expect(moved.map(({ decision }) => decision)).toContain("parcel.book failed");
      expect((await bus.check()).findings).toEqual([]);
    });
  },
);
