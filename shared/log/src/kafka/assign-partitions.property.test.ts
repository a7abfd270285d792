/** The assignment of a group, for any members and claims. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { assignPartitions, type Claimant } from "./assign-partitions.ts";
import { decodeOwned, encodeOwned } from "./assigner.ts";

const COUNT = 12;
const claims = fc.array(
  fc.record({ partition: fc.integer({ min: 0, max: COUNT - 1 }), epoch: fc.bigInt(0n, 1_000_000n) }),
  { maxLength: 8 },
);
const group: fc.Arbitrary<Claimant[]> = fc
  .array(claims, { minLength: 1, maxLength: 6 })
  .map((all) => all.map((owned, index) => ({ member: `member-${index}`, owned })));

const run = (members: readonly Claimant[], mode: "claims" | "balanced" = "claims") =>
  assignPartitions(members, COUNT, { mode });
const highest = (members: readonly Claimant[], partition: number) =>
  members
    .flatMap(({ member, owned }) => owned.map((claim) => ({ ...claim, member })))
    .filter((claim) => claim.partition === partition)
    .reduce<{ epoch: bigint; members: string[] }>(
      (best, { epoch, member }) =>
        epoch > best.epoch
          ? { epoch, members: [member] }
          : epoch === best.epoch
            ? { epoch, members: [...best.members, member] }
            : best,
      { epoch: -1n, members: [] },
    ).members;

test("every partition has exactly one member, and every member is told", () => {
  fc.assert(
    fc.property(group, fc.constantFrom("claims", "balanced"), (members, mode) => {
      const result = run(members, mode);
      expect([...result.values()].flat().toSorted((a, b) => a - b)).toEqual([...Array(COUNT).keys()]);
      expect([...result.keys()].toSorted()).toEqual(members.map(({ member }) => member).toSorted());
    }),
  );
});

test("a claimed partition goes to a holder of its highest epoch [log:assignment-sticky]", () => {
  fc.assert(
    fc.property(group, (members) => {
      for (const [member, partitions] of run(members)) {
        for (const partition of partitions) {
          const keepers = highest(members, partition);
          if (keepers.length > 0) expect(keepers).toContain(member);
        }
      }
    }),
  );
});

test("no member has two more than another unless it claims them", () => {
  fc.assert(
    fc.property(group, (members) => {
      const result = run(members);
      const least = Math.min(...[...result.values()].map((partitions) => partitions.length));
      for (const [member, partitions] of result) {
        const unclaimed = partitions.filter((partition) => !highest(members, partition).includes(member));
        if (unclaimed.length > 0) expect(partitions.length - least).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("balanced: loads differ by at most one share, claims kept within it", () => {
  fc.assert(
    fc.property(group, (members) => {
      const share = Math.ceil(COUNT / members.length);
      for (const partitions of run(members, "balanced").values()) expect(partitions.length).toBeLessThanOrEqual(share);
    }),
  );
});

test("the order of the members, as the broker lists them, changes nothing", () => {
  fc.assert(
    fc.property(group, (members) => {
      expect(run(members.toReversed())).toEqual(run(members));
    }),
  );
});

test("an assignment that everybody claims is given again as it was", () => {
  fc.assert(
    fc.property(group, (members) => {
      const first = run(members);
      const owners = [...first].map(([member, partitions]) => ({
        member,
        owned: partitions.map((partition) => ({ partition, epoch: 7n })),
      }));
      expect(run(owners)).toEqual(first);
    }),
  );
});

test("claims survive the way through the group protocol; anything else claims nothing", () => {
  fc.assert(
    fc.property(claims, (owned) => {
      expect(decodeOwned(encodeOwned(owned))).toEqual(owned);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(Array.isArray(decodeOwned(Buffer.from(bytes)))).toBe(true);
    }),
  );
  expect(decodeOwned(Buffer.from('[[1,"x"],["1","2"],[1.5,"2"],[1],null,[2,"-3"],[4,"5"]]'))).toEqual([
    { partition: 4, epoch: 5n },
  ]);
  expect(decodeOwned(null)).toEqual([]);
});
