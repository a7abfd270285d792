/**
 * What an applied directive changes in a partition. The whole directive is in the record that applies it, so the
 * door's decisions are a function of the partition alone (PROTOCOL 6.2). Applying one twice changes nothing.
 */
import { type AppliedDirective, parseEventId } from "@busbar/events";
import { isJsonObject, type Json, type JsonObject, own, parseJson } from "@busbar/kernel";
import { applyDeployment } from "../deployments.ts";
import { applyThrottle, applyUnthrottle } from "../flow/at-door.ts";
import type { Policy } from "../policy-document.ts";
import { type BreakerView, FENCE_TRIPS_KEPT, type PartitionState } from "../partition-state.ts";
import { number, text } from "./body.ts";

/** The directive's fields as the record keeps them. */
export function directiveBody(applied: AppliedDirective): JsonObject {
  const body: Json | undefined = parseJson(applied.detail);
  return isJsonObject(body) ? body : {};
}

/** True when a trip's cause lies before what a resume of the same scope covered (PROTOCOL 6.1). */
function isCovered(state: PartitionState, scope: string, cause: string): boolean {
  const id = parseEventId(cause);
  if (id === null) return false;
  const through = own(state.covered, scope)?.[String(id.partition)];
  return through !== undefined && id.offset < BigInt(through);
}

function rememberCover(state: PartitionState, scope: string, body: JsonObject): void {
  const positions = Array.isArray(body["coversThrough"]) ? body["coversThrough"] : [];
  const covered: Record<string, string> = { ...own(state.covered, scope) };
  for (const position of positions) {
    if (isJsonObject(position)) covered[String(number(position, "partition"))] = text(position, "through");
  }
  keepCover(state, scope, covered);
}

/**
 * Scopes whose resumes are remembered; of more, the one that was resumed longest ago is forgotten. A trip from before
 * such a resume that is told again then halts again, and a person looks again: it errs on the safe side.
 */
export const COVERS_KEPT = 1024;

function keepCover(state: PartitionState, scope: string, covered: Record<string, string>): void {
  const others = Object.entries(state.covered).filter(([known]) => known !== scope);
  state.covered = Object.fromEntries([...others.slice(-(COVERS_KEPT - 1)), [scope, covered]]);
}

/** Name of a trip: the rule and what made it trip; empty for an order without a cause, which is never the same twice. */
function tripOf(body: JsonObject): string {
  return text(body, "cause") === "" ? "" : `${text(body, "rule")} ${text(body, "cause")}`;
}

/** True for a halt that changes nothing: its trip is covered by a resume, or already stands (PROTOCOL 6.1). */
export function isSettledTrip(state: PartitionState, applied: AppliedDirective): boolean {
  const body = directiveBody(applied);
  if (isCovered(state, applied.scope, text(body, "cause"))) return true;
  const trip = tripOf(body);
  return trip !== "" && (own(state.fences, applied.scope)?.trips.includes(trip) ?? false);
}

function setBreaker(state: PartitionState, key: string, breaker: BreakerView): void {
  state.breakers = { ...state.breakers, [key]: breaker };
}

function grantsOfOthers(state: PartitionState, key: string): PartitionState["grants"] {
  return Object.fromEntries(Object.entries(state.grants).filter(([, grant]) => grant.key !== key));
}

type Apply = (state: PartitionState, applied: AppliedDirective, body: JsonObject) => void;

const APPLY: Readonly<Record<string, Apply>> = {
  Halt(state, applied, body) {
    if (isSettledTrip(state, applied)) return;
    const known = own(state.fences, applied.scope)?.trips ?? [];
    const trips = [...known, tripOf(body)].filter((trip) => trip !== "").slice(-FENCE_TRIPS_KEPT);
    const fence = { fence: applied.offset, reason: text(body, "reason"), by: text(body, "by"), trips };
    state.fences = { ...state.fences, [applied.scope]: fence };
  },
  Resume(state, applied, body) {
    const fence = own(state.fences, applied.scope);
    rememberCover(state, applied.scope, body);
    // A resume names the fence that it lifts; one that names an older fence has no effect.
    if (fence !== undefined && fence.fence === text(body, "fence")) delete state.fences[applied.scope];
  },
  Freeze(state, _applied, body) {
    const freezeId = text(body, "freezeId");
    const effects = Array.isArray(body["effects"]) ? body["effects"].filter((item) => typeof item === "string") : [];
    const freeze = {
      freezeId,
      scope: text(body, "scope"),
      effects,
      fromMs: number(body, "fromMs"),
      untilMs: number(body, "untilMs"),
      reason: text(body, "reason"),
    };
    state.freezes = { ...state.freezes, [freezeId]: freeze };
  },
  Unfreeze(state, _applied, body) {
    delete state.freezes[text(body, "freezeId")];
  },
  OpenBreaker(state, _applied, body) {
    const key = text(body, "key");
    if (own(state.breakers, key)?.state === "isolated" || isCovered(state, key, text(body, "cause"))) return;
    const reason = text(body, "reason");
    const [rule, cause] = [text(body, "rule"), text(body, "cause")];
    const known = own(state.breakers, key);
    // The same opening told again is the one that stands, with what was granted since.
    if (known !== undefined && cause !== "" && known.cause === cause && known.rule === rule) return;
    setBreaker(state, key, { state: "open", rule, reason, cause, granted: 0 });
  },
  IsolateBreaker(state, _applied, body) {
    const reason = text(body, "reason");
    setBreaker(state, text(body, "key"), { state: "isolated", rule: "by-hand", reason, cause: "", granted: 0 });
  },
  CloseBreaker(state, _applied, body) {
    const known = own(state.breakers, text(body, "key"));
    // What a person holds open only a person closes; a machine names the cause of the opening it ends.
    if (known === undefined || (known.state === "isolated" && text(body, "by").startsWith("supervisor"))) return;
    const cause = parseEventId(text(body, "cause"));
    if (cause !== null) {
      const key = text(body, "key");
      const through = (cause.offset + 1n).toString();
      keepCover(state, key, { ...own(state.covered, key), [String(cause.partition)]: through });
    }
    delete state.breakers[text(body, "key")];
    state.grants = grantsOfOthers(state, text(body, "key"));
  },
  SetPolicy(state, _applied, body) {
    const policy = parseJson(text(body, "policy"));
    if (!isJsonObject(policy)) return;
    state.policy = policy as unknown as Policy;
    state.policyHash = text(body, "hash");
  },
  DriftDetected(state, _applied, body) {
    const [reason, cause, atMs] = [text(body, "reason"), text(body, "cause"), number(body, "atMs")];
    const drift = {
      reason,
      cause,
      atMs,
      index: number(body, "indexMilli") / 1000,
      limit: number(body, "limitMilli") / 1000,
    };
    state.drifts = { ...state.drifts, [text(body, "key")]: drift };
  },
  Throttle: applyThrottle,
  Unthrottle: applyUnthrottle,
  Grant(state, _applied, body) {
    const [key, granted] = [text(body, "key"), number(body, "sequence")];
    const known = own(state.breakers, key);
    // A grant is of one opening, and given once: what was spent is not given again by who says it again.
    if (known === undefined || known.state === "isolated" || known.cause !== text(body, "cause")) return;
    if (granted <= known.granted) return;
    const isOurs = number(body, "partition") === state.partition;
    setBreaker(state, key, { ...known, state: isOurs ? "half-open" : known.state, granted });
    if (!isOurs) return;
    const grant = { key, left: number(body, "count"), expiresAtMs: number(body, "expiresAtMs") };
    // The supervisor has one grant of a key out at a time: what an older one left over is void.
    state.grants = { ...grantsOfOthers(state, key), [text(body, "grantId")]: grant };
  },
};

/** Applies one directive; an unknown kind changes nothing. */
export function applyDirective(state: PartitionState, applied: AppliedDirective): void {
  const body = directiveBody(applied);
  own(APPLY, applied.kind)?.(state, applied, body);
  state.deployments = applyDeployment(state.deployments, applied, body);
}
