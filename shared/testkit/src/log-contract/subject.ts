/** What a case of the contract works on, and the small things that all cases need. */
import { strict as assert } from "node:assert";
import type {
  AppendOutcome,
  Delivery,
  EventLog,
  FollowOptions,
  FollowProblem,
  Follower,
  NewRecord,
  StoredRecord,
} from "@busbar/log";

/** A log under test. Each case makes topics of its own under `prefix`. */
export interface LogContractSubject {
  readonly log: EventLog;
  /** A second client of the same log, as another process would have; null where there can be none. */
  readonly other: EventLog | null;
  readonly prefix: string;
}

export interface LogContractCase {
  /** The rule as a sentence. */
  readonly name: string;
  /** What the log must offer for the case to make sense. */
  readonly needs?: "groups" | "second client";
  run(subject: LogContractSubject): Promise<void>;
}

/** Why a log does not run a case; null when it does. */
export function notOffered({ needs }: LogContractCase, subject: LogContractSubject): string | null {
  if (needs === "groups" && !subject.log.capabilities.groups) return "several members in a group";
  return needs === "second client" && subject.other === null ? "a second client of the same log" : null;
}

/** Creates a topic with the broker's append time and returns its name. */
export async function makeTopic(
  { log, prefix }: LogContractSubject,
  noun: string,
  options: { readonly partitions?: number; readonly maxBatchBytes?: number } = {},
): Promise<string> {
  const { partitions = 1, maxBatchBytes = 65_536 } = options;
  const name = `${prefix}.${noun}`;
  const config = { "message.timestamp.type": "LogAppendTime", "max.message.bytes": String(maxBatchBytes) };
  await log.ensureTopics([{ name, partitions, config }]);
  return name;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function record(text: string, headers: Readonly<Record<string, string>> = {}): NewRecord {
  return { key: "k", value: encoder.encode(text), headers };
}

export function textOf({ value }: StoredRecord): string {
  return value === null ? "" : decoder.decode(value);
}

/** Base offset of an append that must have succeeded. */
export function appended(outcome: AppendOutcome | undefined): bigint {
  assert.equal(outcome?.kind, "appended", `the append answered ${JSON.stringify(outcome?.kind)}`);
  return outcome.baseOffset;
}

export async function appendAll(log: EventLog, topic: string, texts: readonly string[], partition = 0): Promise<void> {
  const appender = await log.openAppender(topic, partition);
  for (const text of texts) appended(await appender.append([record(text)]));
  await appender.close();
}

/** All records of a range, `to` the end when not given. */
export async function readAll(
  log: EventLog,
  topic: string,
  range: { readonly from: bigint; readonly to?: bigint } = { from: 0n },
  partition = 0,
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const delivery of log.read(topic, partition, range)) records.push(...delivery.records);
  return records;
}

export interface Followed {
  readonly follower: Follower;
  readonly records: StoredRecord[];
  readonly deliveries: Delivery[];
  readonly problems: FollowProblem[];
}

/** Follows and collects. */
export function collect(
  log: EventLog,
  options: Pick<FollowOptions, "topic" | "from"> & Partial<FollowOptions>,
): Followed {
  const records: StoredRecord[] = [];
  const deliveries: Delivery[] = [];
  const problems: FollowProblem[] = [];
  const follower = log.follow({
    partition: 0,
    onProblem: (problem) => void problems.push(problem),
    ...options,
    onDelivery: (delivery) => {
      deliveries.push(delivery);
      records.push(...delivery.records);
      return options.onDelivery?.(delivery);
    },
  });
  return { follower, records, deliveries, problems };
}

export function range(count: number): number[] {
  return [...Array(count).keys()];
}
