/** Ledger = world: every effect has its admission and its outcome or doubt, every committed outcome has its effect. */
import type { Run } from "../bus/simulate.ts";
import { type Landing, READS } from "../bus/world.ts";
import type { Fact, FactOf, Finding, LogView } from "./log-view.ts";

interface Attempt {
  readonly admission: FactOf<"EffectAdmitted">;
  outcome: Fact | null;
}

export function checkLedger(run: Run, view: LogView): readonly Finding[] {
  const attempts = attemptsOf(view);
  const landings = new Map<string, Landing[]>();
  for (const landing of run.journal) landings.set(landing.callId, [...(landings.get(landing.callId) ?? []), landing]);
  return [
    ...run.journal.flatMap((landing) => landed(landing, attempts)),
    ...view.facts.flatMap((fact) => told(fact, landings, attempts)),
  ];
}

const nameOf = (callId: string, attempt: number): string => `${callId} #${attempt}`;
const at = ({ partition, offset }: Fact): string => `${partition}/${offset}`;

function attemptsOf(view: LogView): ReadonlyMap<string, Attempt> {
  const attempts = new Map<string, Attempt>();
  const byOffset = new Map<string, Attempt>();
  for (const fact of view.facts) {
    const { event, partition, offset } = fact;
    if (event.type === "EffectAdmitted") {
      const attempt: Attempt = { admission: { ...fact, event }, outcome: null };
      attempts.set(nameOf(event.callId, event.attempt), attempt);
      byOffset.set(`${partition}/${offset}`, attempt);
    } else if ("admitted" in event) {
      const attempt = byOffset.get(`${partition}/${event.admitted}`);
      // The call that was admitted, not one that waited for its effect.
      if (attempt !== undefined && attempt.admission.event.callId === event.callId) attempt.outcome = fact;
    }
  }
  return attempts;
}

/** What happened was admitted before, and the log knows what came of it, or that it does not know. */
function landed(landing: Landing, attempts: ReadonlyMap<string, Attempt>): readonly Finding[] {
  const name = nameOf(landing.callId, landing.attempt);
  const attempt = attempts.get(name);
  const wrong = (what: string): readonly Finding[] => [{ check: "ledger", what: `${name} ${what}` }];
  if (attempt === undefined) return wrong(`happened in step ${landing.step} and was never admitted`);
  const { admission, outcome } = attempt;
  if (admission.step > landing.step) return wrong("happened before its admission was on the log");
  if (outcome === null) return wrong("happened and has neither outcome nor doubt");
  if (outcome.event.type === "EffectAbandoned") return wrong(`happened and was abandoned at ${at(outcome)}`);
  const isDenied = outcome.event.type === "EffectFailed" && outcome.event.code === "BUSBAR_EFFECT_NOT_STARTED";
  return isDenied && landing.kind === "effect" ? wrong(`happened and ${at(outcome)} says that it did not begin`) : [];
}

/** What the log calls done was done before. */
function told(
  fact: Fact,
  landings: ReadonlyMap<string, readonly Landing[]>,
  attempts: ReadonlyMap<string, Attempt>,
): readonly Finding[] {
  const { event, step } = fact;
  const isTold =
    event.type === "EffectCommitted" ||
    event.type === "EffectCommittedInvalid" ||
    (event.type === "EffectSettled" && event.outcome === "committed");
  if (!isTold || READS.has(event.tool)) return [];
  const known = [...attempts.values()].some(({ admission }) => admission.event.callId === event.callId);
  if (!known) return [{ check: "ledger", what: `${at(fact)} ends ${event.callId}, which was never admitted` }];
  const done = (landings.get(event.callId) ?? []).some((landing) => landing.step < step);
  // A read-back sees the effect itself, whichever call of the chain made it.
  const bySight = event.type === "EffectSettled" && event.by === "read-back";
  return done || bySight
    ? []
    : [{ check: "ledger", what: `${at(fact)} says ${event.callId} is done; nothing happened` }];
}
