/**
 * Order: stream sequences of a chain without gap (PROTOCOL 2.4), each command decided once and in its place (4.1, 4.2),
 * and answers heard by a handler in the order of the log (8.3).
 */
import { TOPICS } from "../bus/cluster.ts";
import type { Run } from "../bus/simulate.ts";
import type { Fact, Finding, LogView } from "./log-view.ts";

export function checkOrder(run: Run, view: LogView): readonly Finding[] {
  const findings: Finding[] = [];
  for (let partition = 0; partition < run.partitions; partition += 1) {
    const facts = view.of(partition);
    findings.push(...streamGaps(facts), ...sequenceGaps(facts), ...commandsTwice(facts));
  }
  return [...findings, ...heardOutOfOrder(run, view)];
}

const at = ({ partition, offset }: Fact): string => `${partition}/${offset}`;

function streamGaps(facts: readonly Fact[]): readonly Finding[] {
  const last = new Map<string, number>();
  const findings: Finding[] = [];
  for (const fact of facts) {
    const { type, meta } = fact.event;
    const before = last.get(meta.chainId);
    if (type === "TaskSubmitted") {
      if (before !== undefined) findings.push({ check: "order", what: `${at(fact)}: ${meta.chainId} is opened twice` });
      last.set(meta.chainId, meta.streamSeq);
      continue;
    }
    // Before a chain is open, and after its end, what is said about it belongs to no stream.
    if (before === undefined) continue;
    if (meta.streamSeq !== before + 1) {
      findings.push({ check: "order", what: `${at(fact)}: ${type} has sequence ${meta.streamSeq} after ${before}` });
    }
    if (type === "TaskCompleted" || type === "TaskFailed") last.delete(meta.chainId);
    else last.set(meta.chainId, meta.streamSeq);
  }
  return findings;
}

/** Sequences that the door accepted, per chain and incarnation: 1, 2, 3. */
function sequenceGaps(facts: readonly Fact[]): readonly Finding[] {
  const last = new Map<string, number>();
  const findings: Finding[] = [];
  for (const fact of facts) {
    const { chainId, incarnation, commandSeq } = fact.event.meta;
    if (commandSeq === 0) continue;
    const run = `${chainId} incarnation ${incarnation}`;
    const before = last.get(run) ?? 0;
    last.set(run, commandSeq);
    if (commandSeq !== before + 1) {
      findings.push({ check: "sequence", what: `${at(fact)}: ${run} accepts command ${commandSeq} after ${before}` });
    }
  }
  return findings;
}

/** Positions of commands never go back, none is left out, and an event names the command at which they stand. */
function commandsTwice(facts: readonly Fact[]): readonly Finding[] {
  let through = 0;
  const findings: Finding[] = [];
  for (const fact of facts) {
    const { progress, causationId } = fact.event.meta;
    if (progress === null) continue;
    const next = Number(progress.commands);
    const gap = fact.event.type === "LogGap";
    if (next < through || (next > through + 1 && !gap)) {
      findings.push({ check: "commands", what: `${at(fact)}: commands go from ${through} to ${next}` });
    }
    through = next;
    const cause = commandOf(causationId, fact.partition);
    if (cause !== null && cause + 1 !== next) {
      findings.push({ check: "commands", what: `${at(fact)} is caused by command ${cause}, and stands at ${next}` });
    }
  }
  return findings;
}

function commandOf(causationId: string, partition: number): number | null {
  const start = `${TOPICS.commands}/${partition}/`;
  return causationId.startsWith(start) ? Number(causationId.slice(start.length)) : null;
}

function heardOutOfOrder(run: Run, view: LogView): readonly Finding[] {
  const answers = new Map<string, Fact>();
  for (const fact of view.facts) {
    const { event } = fact;
    const isCommit =
      event.type === "EffectCommitted" || (event.type === "EffectSettled" && event.outcome === "committed");
    if (isCommit && !answers.has(event.callId)) answers.set(event.callId, fact);
  }
  const last = new Map<number, Fact>();
  const findings: Finding[] = [];
  for (const heard of run.heard) {
    const answer = answers.get(heard.callId);
    const before = last.get(heard.run);
    if (answer === undefined || answer.step > heard.step) {
      findings.push({ check: "heard", what: `${heard.node} heard of ${heard.callId} before it was on the log` });
      continue;
    }
    if (before !== undefined && before.offset > answer.offset) {
      findings.push({ check: "heard", what: `${heard.node} heard ${at(answer)} after ${at(before)}` });
    }
    last.set(heard.run, answer);
  }
  return findings;
}
