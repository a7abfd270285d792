/** Groups: who owns which partitions. */
import { strict as assert } from "node:assert";
import type { EventLog, Membership, OwnedPartition } from "@busbar/log";
import { until } from "../until.ts";
import { type LogContractCase, makeTopic, range } from "./subject.ts";

interface Member {
  readonly membership: Membership;
  readonly assignments: { readonly partitions: readonly number[]; readonly generation: number }[];
  readonly lost: string[];
  owned: readonly OwnedPartition[];
}

async function join(
  log: EventLog,
  group: string,
  topics: readonly string[],
  owned: readonly OwnedPartition[] = [],
): Promise<Member> {
  const state = { assignments: [] as Member["assignments"], lost: [] as string[], owned };
  const membership = await log.join({
    group,
    topics,
    owned: () => state.owned,
    onAssignment: (partitions, generation) => void state.assignments.push({ partitions, generation }),
    onLost: (reason) => void state.lost.push(reason),
  });
  return Object.assign(state, { membership });
}

const now = ({ assignments }: Member) => assignments.at(-1)?.partitions ?? [];
const sorted = (partitions: readonly number[]) => partitions.toSorted((a, b) => a - b);

export const GROUP_CASES: readonly LogContractCase[] = [
  {
    name: "a member alone owns every partition, and its heartbeats are counted within the generation",
    run: async (subject) => {
      const topics = [
        await makeTopic(subject, "g-a", { partitions: 3 }),
        await makeTopic(subject, "g-b", { partitions: 3 }),
      ];
      const member = await join(subject.log, `${subject.prefix}.alone`, topics);
      await until(() => now(member).length === 3, "the assignment");
      assert.deepEqual(now(member), [0, 1, 2]);
      const { generation } = member.assignments.at(-1) ?? assert.fail();
      const before = member.membership.heartbeats().count;
      await until(() => member.membership.heartbeats().count > before, "a heartbeat");
      assert.equal(member.membership.heartbeats().generation, generation);
      await member.membership.leave();
      assert.deepEqual(member.lost, []);
    },
  },
  {
    name: "a commit is found again, for each topic of the group, and there is none where nothing was committed",
    run: async (subject) => {
      const topics = [
        await makeTopic(subject, "commit-a", { partitions: 2 }),
        await makeTopic(subject, "commit-b", { partitions: 2 }),
      ];
      const group = `${subject.prefix}.commits`;
      const member = await join(subject.log, group, topics);
      await until(() => now(member).length === 2, "the assignment");
      for (const topic of topics) {
        await member.membership.commit(topic, new Map([[1, 7n]]));
        assert.equal(await subject.log.committed(group, topic, 1), 7n);
        assert.equal(await subject.log.committed(group, topic, 0), null);
      }
      await member.membership.leave();
    },
  },
  {
    name: "two members share the partitions, the same ones of all topics; who stays takes over from who leaves",
    needs: "groups",
    run: async (subject) => {
      const topics = [
        await makeTopic(subject, "share-a", { partitions: 4 }),
        await makeTopic(subject, "share-b", { partitions: 4 }),
      ];
      const group = `${subject.prefix}.share`;
      const one = await join(subject.log, group, topics);
      const two = await join(subject.other ?? assert.fail(), group, topics);
      const shared = () => sorted([...now(one), ...now(two)]).join() === "0,1,2,3" && now(one).length === 2;
      await until(shared, "two partitions for each");
      await two.membership.leave();
      await until(() => now(one).length === 4, "the partitions of the member that left");
      await one.membership.leave();
    },
  },
  {
    name: "a partition stays with the member that holds its highest epoch, whoever joins and however the group is led",
    needs: "groups",
    run: async (subject) => {
      const topic = await makeTopic(subject, "sticky", { partitions: 4 });
      const group = `${subject.prefix}.sticky`;
      const claims = (epoch: bigint, ...partitions: number[]) => partitions.map((partition) => ({ partition, epoch }));
      const one = await join(subject.log, group, [topic], claims(10n, 0, 1, 2));
      await until(() => now(one).length === 4, "all partitions for one");
      const two = await join(subject.other ?? assert.fail(), group, [topic], claims(11n, 2));
      const settled = () => now(one).join() === "0,1" && now(two).join() === "2,3";
      await until(settled, "0 and 1 with one, 2 with its higher epoch and the free 3 with two");
      await Promise.all([one, two].map(({ membership }) => membership.leave()));
    },
  },
  {
    name: "a rebalance that gives a member the same partitions is told again, in a new generation",
    needs: "groups",
    run: async (subject) => {
      const topic = await makeTopic(subject, "again-g", { partitions: 2 });
      const group = `${subject.prefix}.again`;
      const one = await join(subject.log, group, [topic]);
      await until(() => now(one).length === 2, "the assignment");
      one.owned = range(2).map((partition) => ({ partition, epoch: 5n }));
      const two = await join(subject.other ?? assert.fail(), group, [topic]);
      await until(() => two.assignments.length > 0, "the second member's assignment");
      await until(() => one.assignments.length > 1, "the first member's second assignment");
      assert.deepEqual(now(one), [0, 1]);
      assert.deepEqual(now(two), []);
      const [first, last] = [one.assignments[0], one.assignments.at(-1)];
      assert.ok((last?.generation ?? 0) > (first?.generation ?? 0));
      await Promise.all([one, two].map(({ membership }) => membership.leave()));
    },
  },
];
