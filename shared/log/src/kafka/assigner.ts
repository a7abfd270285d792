/** kafkajs's side of the assignment: members send what they own as user data, the leader runs `assignPartitions`. */
import { AssignerProtocol, type PartitionAssigner } from "kafkajs";
import type { OwnedPartition } from "../event-log.ts";
import { type AssignmentRule, assignPartitions, type Claimant } from "./assign-partitions.ts";

/** Part of the group protocol: members with another name cannot be in one group with these. */
const NAME = "BusbarClaims";
const VERSION = 1;

export function claimAssigner(owned: () => readonly OwnedPartition[], rule: AssignmentRule): PartitionAssigner {
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: VERSION, topics, userData: encodeOwned(owned()) }),
    }),
    assign: ({ members, topics }) => {
      const counts = new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length]));
      const claimants = members.map(({ memberId, memberMetadata }) => ({
        member: memberId,
        owned: decodeOwned(AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData),
      }));
      const assignment = [...assignPartitions(claimants, Math.max(0, ...counts.values()), rule)];
      return Promise.resolve(
        assignment.map(([memberId, partitions]) => ({
          memberId,
          memberAssignment: AssignerProtocol.MemberAssignment.encode({
            version: VERSION,
            assignment: perTopic(counts, partitions),
            userData: Buffer.alloc(0),
          }),
        })),
      );
    },
  });
}

/** The same partitions of each topic that has them. */
function perTopic(counts: ReadonlyMap<string, number>, partitions: readonly number[]): Record<string, number[]> {
  const entries = [...counts].map(([topic, count]): [string, number[]] => [topic, partitions.filter((p) => p < count)]);
  return Object.fromEntries(entries.filter(([, own]) => own.length > 0));
}

export function encodeOwned(owned: readonly OwnedPartition[]): Buffer {
  return Buffer.from(JSON.stringify(owned.map(({ partition, epoch }) => [partition, String(epoch)])));
}

/** What a member says is data from elsewhere: what does not read as claims claims nothing. */
export function decodeOwned(userData: Buffer | null | undefined): Claimant["owned"] {
  try {
    const parsed: unknown = JSON.parse(userData?.toString("utf8") ?? "[]");
    return Array.isArray(parsed) ? parsed.flatMap(claimOf) : [];
  } catch {
    return [];
  }
}

function claimOf(entry: unknown): readonly OwnedPartition[] {
  if (!Array.isArray(entry)) return [];
  const [partition, epoch]: unknown[] = entry;
  const sound = typeof partition === "number" && Number.isInteger(partition) && typeof epoch === "string";
  return sound && /^\d{1,19}$/.test(epoch) ? [{ partition, epoch: BigInt(epoch) }] : [];
}
