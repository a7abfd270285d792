/** Every guard, in the order in which a call meets them. */
import type { BusEvent } from "@busbar/events";
import { boundary, reconciliation, untrustedText } from "./evidence.ts";
import { type Guard, showsAct } from "./guard.ts";
import { budgets, freshness, idempotency, multiPath, readYourWrites, retries } from "./rows.ts";
import { approvals, compensation, degradation, handOff } from "./people.ts";
import { backpressure, blastRadius, breakers, drift, halt, tripRules, verificationGate } from "./stops.ts";

export const GUARDS: readonly Guard[] = [
  backpressure,
  halt,
  budgets,
  boundary,
  untrustedText,
  reconciliation,
  idempotency,
  breakers,
  multiPath,
  blastRadius,
  degradation,
  approvals,
  retries,
  readYourWrites,
  freshness,
  tripRules,
  verificationGate,
  handOff,
  compensation,
  drift,
];

/** The guards that a kind of record may be an act of: what is asked of each record stays little. */
const BY_TYPE: ReadonlyMap<string, readonly Guard[]> = new Map(
  [...new Set(GUARDS.flatMap(({ acts }) => acts.map(({ on }) => on)))].map((type) => [
    type,
    GUARDS.filter(({ acts }) => acts.some(({ on }) => on === type)),
  ]),
);

/** Names of the guards that a record shows to have acted. */
export function guardsIn(event: BusEvent): readonly string[] {
  const asked = BY_TYPE.get(event.type) ?? [];
  return asked.filter((guard) => showsAct(guard, event)).map(({ name }) => name);
}

export { type Guard, GUARD_METRIC, type GuardAct, type GuardState } from "./guard.ts";
