/**
 * What a guard is, as data: which failure it is for, where it is set, by which records it is seen to act. The command
 * line lists it, the gateway counts its acts, and a scenario of the same name shows the harm that it stops.
 */
import { type BusEvent, parseEventId } from "@busbar/events";
import type { Policy } from "../policy-document.ts";

/** `shadow`: its verdicts are recorded and nothing else happens; `off`: nothing that it could act on is declared. */
export type GuardState = "on" | "shadow" | "off";

/** A kind of record that shows that a guard acted. What is left out is not asked. */
export interface GuardAct {
  readonly on: BusEvent["type"];
  /** A field of the record, which holds one of `is`, a number above `above`, or a list with an entry whose outcome is one of `is`. */
  readonly field?: string;
  readonly is?: readonly string[];
  readonly above?: number;
  /** An applied directive of this kind; counted once, where partition 0 applies it. */
  readonly applies?: string;
}

export interface Guard {
  /** In kebab-case; its guide is `docs/guides/guards/<name>.md`, its scenario has the same name. */
  readonly name: string;
  /** What it does, in one sentence. */
  readonly sentence: string;
  /** Where it is set: dotted places in `busbar.yaml`, or fields of a tool's definition. */
  readonly knobs: readonly string[];
  readonly acts: readonly GuardAct[];
  /** Its state under a policy. */
  state(policy: Policy): GuardState;
}

/** A directive may be applied in the record that acknowledges a halt. */
export const applied = (kind: string): readonly GuardAct[] =>
  (["DirectivesApplied", "HaltAcknowledged"] as const).map((on) => ({ on, applies: kind }));

/** What counts the acts of each guard, by its name. */
export const GUARD_METRIC = "busbar_guard_acts_total";

/** `on` where it is so, else `off`. */
export const onWhere = (isOn: boolean): GuardState => (isOn ? "on" : "off");

/** Whether any tool of the policy is so. */
export function someTool(policy: Policy, isSo: (tool: Policy["tools"][string]) => boolean): boolean {
  return Object.values(policy.tools).some(isSo);
}

function fits(act: GuardAct, event: BusEvent): boolean {
  if (act.applies !== undefined) return appliesHere(act.applies, event);
  if (act.field === undefined) return true;
  const value = (event as unknown as Readonly<Record<string, unknown>>)[act.field];
  if (act.above !== undefined) return typeof value === "number" && value > act.above;
  if (Array.isArray(value))
    return (value as readonly { readonly outcome?: string }[]).some((one) => act.is?.includes(one.outcome ?? ""));
  return typeof value === "string" && (act.is ?? []).includes(value);
}

/** Each partition applies every directive: the first one stands for all. */
function appliesHere(kind: string, event: BusEvent): boolean {
  if (!("applied" in event) || parseEventId(event.meta.eventId)?.partition !== 0) return false;
  return event.applied.some((applied) => applied.kind === kind);
}

/** True where the record shows that the guard acted. */
export function showsAct(guard: Guard, event: BusEvent): boolean {
  return guard.acts.some((act) => act.on === event.type && fits(act, event));
}
