/**
 * Caps (PROTOCOL 5.2, 7.3): over all partitions no more calls are open than the bulkhead says, and in no partition does a
 * window of its own time hold more admissions than its share of the rate. Counted from the records alone; a call counts
 * as open until any record about its end, a doubt included, so a finding is never a matter of what a doubt may mean.
 */
import { BULKHEAD, RATE } from "../bus/cluster.ts";
import type { Run } from "../bus/simulate.ts";
import type { Fact, FactOf, Finding, LogView } from "./log-view.ts";

const ENDS: ReadonlySet<string> = new Set([
  "EffectCommitted",
  "EffectCommittedInvalid",
  "EffectFailed",
  "EffectAbandoned",
  "EffectInDoubt",
  "EffectSettled",
]);

const isAdmission = (fact: Fact): fact is FactOf<"EffectAdmitted"> => fact.event.type === "EffectAdmitted";

export function checkCaps(run: Run, view: LogView): readonly Finding[] {
  return [...openAtOnce(view), ...begunInWindow(run, view)];
}

/** In the order in which the records landed, wherever. */
function openAtOnce(view: LogView): readonly Finding[] {
  const open = new Set<string>();
  return view.facts.flatMap((fact) => {
    const { event, partition, offset } = fact;
    if (isAdmission(fact) && fact.event.tool === BULKHEAD.tool) {
      open.add(fact.event.callId);
      if (open.size <= BULKHEAD.concurrency) return [];
      const what = `${partition}/${offset}: ${open.size} calls of ${BULKHEAD.tool} are open: ${[...open].join(", ")}`;
      return [{ check: "caps", what }];
    }
    if (ENDS.has(event.type) && "callId" in event) open.delete(event.callId);
    return [];
  });
}

function begunInWindow(run: Run, view: LogView): readonly Finding[] {
  const share = Math.ceil(RATE.calls / run.partitions);
  const abandoned = new Set(
    view.facts.flatMap(({ event, partition }) =>
      event.type === "EffectAbandoned" ? [`${partition}/${event.admitted}`] : [],
    ),
  );
  const findings: Finding[] = [];
  for (let partition = 0; partition < run.partitions; partition += 1) {
    const begun = view
      .of(partition)
      .filter(isAdmission)
      .filter(({ event, offset }) => event.tool === RATE.tool && !abandoned.has(`${partition}/${offset}`));
    for (const [index, { event, offset }] of begun.entries()) {
      const first = begun[index - share];
      if (first === undefined || event.meta.atMs - first.event.meta.atMs >= RATE.perMs) continue;
      const what = `${partition}/${offset}: more than ${share} calls of ${RATE.tool} since ${partition}/${first.offset}`;
      findings.push({ check: "caps", what });
    }
  }
  return findings;
}
