/** A chain that a rule halted: left only by a person's resume that names its fence, then run again from its journal. */
import { expect, inject, test } from "vitest";
import { keyIn, withBus } from "../harness/bus.ts";
import { judgeFires } from "../harness/fires.ts";

test(
  "a chain halted by a rule goes on only when a person names its fence: as the next incarnation, from its journal, no effect repeated [halt:left-by-person-only] [halt:resume-names-fence] [rules:two-errors] [effects:rerun-gets-recorded-answer]",
  { timeout: 60_000 },
  async () => {
    await withBus({ brokers: inject("brokers"), name: "resume" }, async (bus) => {
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      const { watch, orders, client } = bus;
      const input = { fails: [true, true, false, false] };
      const handle = await client.submit({ agent: "booker", input, key: keyIn(1, bus.partitions, "resume") });
      const ofChain = <T extends { readonly event: { readonly meta: { readonly chainId: string } } }>(
        seen: readonly T[],
      ) => seen.filter(({ event }) => event.meta.chainId === handle.chainId);
      expect(await client.awaitOutcome(handle, { timeoutMs: 30_000 })).toMatchObject({ state: "halted" });
      await watch.until(() => ofChain(watch.ofType("ChainHalted")).length > 0, "the rule's halt is on the log");
      const [halt] = ofChain(watch.ofType("ChainHalted"));
      expect(halt?.event).toMatchObject({ rule: "consecutive-errors", directive: "" });

      const scope = `chain:${handle.chainId}`;
      const wrong = await orders.resume(scope, "no-such-fence");
      const hasApplied = (offset: bigint): boolean =>
        watch.ofType("DirectivesApplied").some((seen) => seen.partition === 1 && BigInt(seen.event.through) > offset);
      await watch.until(() => hasApplied(wrong), "the resume with a wrong fence is applied");
      expect(ofChain(watch.ofType("ChainResumed")), "it lifts nothing").toEqual([]);

      await orders.resume(scope, halt?.event.meta.eventId ?? "");
      await watch.until(() => ofChain(watch.ofType("TaskCompleted")).length > 0, "the resumed chain completes");
      expect(ofChain(watch.ofType("TaskCompleted"))[0]?.event.output).toBe('{"booked":2}');
      expect(ofChain(watch.ofType("ChainResumed"))).toHaveLength(1);
      expect(ofChain(watch.ofType("TaskAssigned")).map(({ event }) => event.incarnation)).toEqual([1, 2]);
      expect(bus.fires().map(({ callId }) => callId.split(":")[1])).toEqual(["1", "2", "3", "4", "5", "6"]);
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
      const report = await bus.check([scope]);
      expect(report.findings).toEqual([]);
      expect(report.effects).toMatchObject({ effects: 2, lost: 0, duplicated: 0 });
    });
  },
);

test(
  "a chain that a freeze's refusals halted asks the last one again after thaw and resume, as a new step, and completes [agents:stale-refusals-asked-again]",
  { timeout: 60_000 },
  async () => {
    await withBus({ brokers: inject("brokers"), name: "thaw" }, async (bus) => {
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      const { watch, orders, client } = bus;
      const applied = (offset: bigint) =>
        watch.until(
          () =>
            watch
              .ofType("DirectivesApplied")
              .some(({ event, partition }) => partition === 1 && BigInt(event.through) > offset),
          "partition 1 has applied the order",
        );
      await applied(await orders.freeze("stocktaking", "tool:parcel.book"));
      const key = keyIn(1, bus.partitions, "thaw");
      const handle = await client.submit({ agent: "booker", input: { fails: [false, false] }, key });
      expect(await client.awaitOutcome(handle, { timeoutMs: 30_000 })).toMatchObject({ state: "halted" });
      const ofChain = (type: "ChainHalted" | "TaskCompleted" | "EffectRefused") =>
        watch.ofType(type).filter(({ event }) => event.meta.chainId === handle.chainId);
      await watch.until(() => ofChain("ChainHalted").length > 0, "the rule's halt is on the log");
      await applied(await orders.thaw("stocktaking"));
      await orders.resume(`chain:${handle.chainId}`, ofChain("ChainHalted")[0]?.event.meta.eventId ?? "");
      await watch.until(() => ofChain("TaskCompleted").length > 0, "the resumed chain completes");
      // The first refusal stands, since the agent went on from it; the second one was asked again.
      expect(ofChain("TaskCompleted")).toMatchObject([{ event: { output: '{"booked":1}' } }]);
      expect(ofChain("EffectRefused")).toMatchObject([{ event: { step: 2 } }, { event: { step: 3 } }]);
      expect(bus.fires().map(({ callId }) => callId.split(":")[1])).toEqual(["1", "4", "5"]);
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
    });
  },
);
