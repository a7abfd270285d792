/**
 * Decisions are a function of the partition (PROTOCOL 6.2): the valid records, found by the checkers' own placement
 * rule and folded from nothing by the pure policy, give the state that the live owner decides by, and the state of
 * every checkpoint; a checkpoint and the rest give the same again.
 */
import { gunzipSync } from "node:zlib";
import { canonicalJson, type Json } from "@busbar/kernel";
import { initialPartitionState, type PartitionState, replay } from "@busbar/policy";
import { TOPICS } from "../bus/cluster.ts";
import type { Run } from "../bus/simulate.ts";
import type { Fact, Finding, LogView } from "./log-view.ts";

const plain = (state: PartitionState): Json => JSON.parse(JSON.stringify(state)) as Json;

/** The end is where a fold stopped reading: void positions behind the last valid one count for a reader only. */
const text = (state: PartitionState): string => canonicalJson({ ...(plain(state) as object), end: "" } as Json);

export function checkReplayed(run: Run, view: LogView): readonly Finding[] {
  const findings: Finding[] = [];
  for (let partition = 0; partition < run.partitions; partition += 1) {
    const facts = view.of(partition);
    for (const { node, partition: of, state } of run.states) {
      if (of !== partition || !isInForce(state, facts)) continue;
      const folded = fold(initialPartitionState(partition), facts, Number(state.end));
      if (text(folded) !== text(state)) findings.push(differs(`the state of ${node}`, partition, folded, state));
    }
    findings.push(...checkpoints(run, partition, facts));
  }
  return findings;
}

/** An owner that a higher claim has superseded may be behind, and decides nothing that counts. */
function isInForce(state: PartitionState, facts: readonly Fact[]): boolean {
  const claim = facts.findLast(({ event }) => event.type === "PartitionClaimed");
  const end = (facts.at(-1)?.offset ?? -1) + 1;
  // What it has decided and not yet appended is ahead of the log.
  return state.claim?.offset === claim?.offset.toString() && Number(state.end) <= end;
}

function fold(state: PartitionState, facts: readonly Fact[], end: number): PartitionState {
  for (const { offset, event, record } of facts) {
    if (offset < Number(state.end) || offset >= end) continue;
    const isClaim = event.type === "PartitionClaimed";
    const digest = isClaim ? state.digest : (record.headers["digest"] ?? "");
    replay(state, { offset: BigInt(offset), event, digest });
  }
  return state;
}

function differs(what: string, partition: number, folded: PartitionState, state: PartitionState): Finding {
  const keys = (Object.keys(folded) as (keyof PartitionState)[]).filter(
    (key) => key !== "end" && JSON.stringify(folded[key]) !== JSON.stringify(state[key]),
  );
  return { check: "replay", what: `${what} of partition ${partition} differs from its records in ${keys.join(", ")}` };
}

interface Saved {
  readonly offset: number;
  readonly state: PartitionState;
}

/** Checkpoints of owners, of one chunk each, by their offset. */
function savedBy(run: Run, partition: number): readonly Saved[] {
  const records = run.records.filter(({ topic, partition: of }) => topic === TOPICS.checkpoints && of === partition);
  const saved = records.flatMap(({ key, value, headers }) => {
    if (!(key ?? "").startsWith("door#") || headers["count"] !== "1" || value === null) return [];
    const { offset, state } = JSON.parse(gunzipSync(value).toString()) as { offset: string; state: PartitionState };
    return [{ offset: Number(offset), state }];
  });
  return saved.toSorted((a, b) => a.offset - b.offset);
}

function checkpoints(run: Run, partition: number, facts: readonly Fact[]): readonly Finding[] {
  const saved = savedBy(run, partition);
  const findings: Finding[] = [];
  const folded = initialPartitionState(partition);
  for (const { offset, state } of saved) {
    fold(folded, facts, offset);
    const what = `the checkpoint at ${offset}`;
    if (text(folded) !== text(state)) findings.push(differs(what, partition, folded, state));
  }
  const last = saved.at(-1);
  if (last === undefined) return findings;
  const rest = fold(last.state, facts, Number.MAX_SAFE_INTEGER);
  fold(folded, facts, Number.MAX_SAFE_INTEGER);
  const what = `the checkpoint at ${last.offset} and the rest`;
  return text(folded) === text(rest) ? findings : [...findings, differs(what, partition, folded, rest)];
}
