/** No effect twice (PROTOCOL 5.1, 5.6), judged by the world's own journal and by what the log admits. */
import { EXACT, FIRE_BOUND_MS, type Landing } from "../bus/world.ts";
import type { Run } from "../bus/simulate.ts";
import type { Finding, LogView } from "./log-view.ts";

/** What a plan means as one effect: it may be asked for often, and may happen once. */
const wishOf = ({ chainId, tool, id }: Landing): string => `${chainId} ${tool} ${id}`;

export function checkEffects(run: Run, view: LogView): readonly Finding[] {
  return [
    ...landedTwice(run.journal),
    ...firedAgainInDoubt(view),
    ...changedBeforeLook(view),
    ...handedLateOrTwice(run, view),
  ];
}

function landedTwice(journal: readonly Landing[]): readonly Finding[] {
  const first = new Map<string, Landing>();
  const findings: Finding[] = [];
  for (const landing of journal) {
    if (landing.kind === "repeated") continue;
    const before = first.get(wishOf(landing));
    if (before === undefined) first.set(wishOf(landing), landing);
    else
      findings.push({ check: "once", what: `${landing.tool} ${landing.id} happened twice: ${pair(before, landing)}` });
  }
  return findings;
}

const pair = (a: Landing, b: Landing): string =>
  `${a.callId} #${a.attempt} by ${a.gateway} in step ${a.step}, ${b.callId} #${b.attempt} by ${b.gateway} in step ${b.step}`;

/** A tool that does not honour keys is not asked again while an attempt may still arrive. */
function firedAgainInDoubt(view: LogView): readonly Finding[] {
  const doubtful = new Map<string, number>();
  const findings: Finding[] = [];
  for (const { event, offset, partition } of view.facts) {
    switch (event.type) {
      case "EffectInDoubt":
        doubtful.set(event.effectKey, offset);
        break;
      case "EffectSettled":
        if (event.outcome !== "unknown") doubtful.delete(event.effectKey);
        break;
      case "EffectAdmitted": {
        const since = doubtful.get(event.effectKey);
        if (since === undefined || event.effectClass === "read") break;
        if (!EXACT.has(event.tool)) {
          const where = `${partition}/${offset}`;
          findings.push({
            check: "in-doubt",
            what: `${event.callId} is admitted again at ${where}, in doubt since ${since}`,
          });
        }
        doubtful.delete(event.effectKey);
        break;
      }
      default:
    }
  }
  return findings;
}

/** Between a change that is to be read back and the end of that look its chain changes nothing (PROTOCOL 5.2). */
function changedBeforeLook(view: LogView): readonly Finding[] {
  const due = new Map<string, Set<string>>();
  const findings: Finding[] = [];
  for (const { event, offset, partition } of view.facts) {
    const calls = due.get(event.meta.chainId) ?? new Set<string>();
    due.set(event.meta.chainId, calls);
    if (event.type === "EffectCommitted" || event.type === "EffectSettled") {
      if (event.readBack !== "") calls.add(event.callId);
    } else if (event.type === "EffectVerified" || event.type === "EffectDisputed") {
      calls.delete(event.callId);
    } else if (event.type === "EffectAdmitted" && event.effectClass !== "read" && calls.size > 0) {
      const what = `${event.callId} is admitted at ${partition}/${offset}, before the look at ${[...calls].join(", ")}`;
      findings.push({ check: "look", what });
    }
  }
  return findings;
}

/** An admission permits one attempt, by one gateway, within the fire bound (PROTOCOL 5.2, 5.3). */
function handedLateOrTwice(run: Run, view: LogView): readonly Finding[] {
  const admitted = new Map<string, number>();
  for (const { event, atMs } of view.facts) {
    if (event.type === "EffectAdmitted") admitted.set(`${event.callId} #${event.attempt}`, atMs);
  }
  const handed = new Set<string>();
  const findings: Finding[] = [];
  for (const { callId, attempt, gateway, step, atMs } of run.handed) {
    const name = `${callId} #${attempt}`;
    const where = `${name} is handed over by ${gateway} in step ${step}`;
    const sinceMs = admitted.get(name);
    if (sinceMs === undefined) findings.push({ check: "fire", what: `${where} and was never admitted` });
    else if (atMs - sinceMs > FIRE_BOUND_MS) findings.push({ check: "fire", what: `${where}, after its fire bound` });
    if (handed.has(name)) findings.push({ check: "fire", what: `${where}, once more` });
    handed.add(name);
  }
  return findings;
}
