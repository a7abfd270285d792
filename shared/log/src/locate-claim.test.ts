import { claimHeaders, initialPlacement, place } from "@busbar/events";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createEmbeddedLog } from "./embedded/index.ts";
import { locateClaim } from "./locate-claim.ts";

const value = new Uint8Array([1]);

it("a reader in mid-log finds the claim that a reader from the start has there [placement:start-in-mid-log]", async () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(gaps, fc.nat(), async (between, at) => {
      const log = createEmbeddedLog();
      await log.ensureTopics([{ name: "e", partitions: 1, config: {} }]);
      const appender = await log.openAppender("e", 0);
      for (const [index, count] of between.entries()) {
        await appender.append([{ key: "c", value, headers: claimHeaders({ owner: "o", nonce: `n${index}` }) }]);
        if (count > 0) await appender.append(Array.from({ length: count }, () => ({ key: "c", value })));
      }
      const { end } = await log.offsets("e", 0);
      const before = end === 0n ? 0n : BigInt(at) % (end + 1n);
      let state = initialPlacement();
      for await (const { records } of log.read("e", 0, { from: 0n, to: before })) {
        for (const record of records) state = place(state, record).state;
      }
      expect(await locateClaim(log, "e", 0, before)).toEqual(state.claim);
      await log.close();
    }),
    { numRuns: 25 },
  );
});
