/**
 * What an applied directive changes in a partition. The whole directive is in the record that applies it, so the
 * door's decisions are a function of the partition alone (PROTOCOL 6.2). Applying one twice changes nothing.
 */
import { type AppliedDirective, parseEventId } from "@busbar/events";
import { isJsonObject, type Json, type JsonObject, parseJson } from "@busbar/kernel";
import type { Policy } from "../policy-document.ts";
import type { PartitionState } from "../partition-state.ts";

const text = (body: JsonObject, field: string): string => {
  const value = body[field];
  return typeof value === "string" ? value : "";
};
const number = (body: JsonObject, field: string): number => {
  const value = body[field];
  return typeof value === "number" ? value : 0;
};

/** The directive's fields as the record keeps them. */
export function directiveBody(applied: AppliedDirective): JsonObject {
  const body: Json | undefined = parseJson(applied.detail);
  return isJsonObject(body) ? body : {};
}

/** True when a trip's cause lies before what a resume of the same scope covered (PROTOCOL 6.1). */
function isCovered(state: PartitionState, scope: string, cause: string): boolean {
  const id = parseEventId(cause);
  if (id === null) return false;
  const through = state.covered[scope]?.[String(id.partition)];
  return through !== undefined && id.offset < BigInt(through);
}

function rememberCover(state: PartitionState, scope: string, body: JsonObject): void {
  const positions = Array.isArray(body["coversThrough"]) ? body["coversThrough"] : [];
  const covered: Record<string, string> = { ...state.covered[scope] };
  for (const position of positions) {
    if (isJsonObject(position)) covered[String(number(position, "partition"))] = text(position, "through");
  }
  state.covered[scope] = covered;
}

type Apply = (state: PartitionState, applied: AppliedDirective, body: JsonObject) => void;

const APPLY: Readonly<Record<string, Apply>> = {
  Halt(state, applied, body) {
    if (isCovered(state, applied.scope, text(body, "cause"))) return;
    state.fences[applied.scope] = { fence: applied.offset, reason: text(body, "reason"), by: text(body, "by") };
  },
  Resume(state, applied, body) {
    const fence = state.fences[applied.scope];
    rememberCover(state, applied.scope, body);
    // A resume names the fence that it lifts; one that names an older fence has no effect.
    if (fence !== undefined && fence.fence === text(body, "fence")) delete state.fences[applied.scope];
  },
  Freeze(state, _applied, body) {
    const freezeId = text(body, "freezeId");
    const effects = Array.isArray(body["effects"]) ? body["effects"].filter((item) => typeof item === "string") : [];
    state.freezes[freezeId] = {
      freezeId,
      scope: text(body, "scope"),
      effects,
      fromMs: number(body, "fromMs"),
      untilMs: number(body, "untilMs"),
      reason: text(body, "reason"),
    };
  },
  Unfreeze(state, _applied, body) {
    delete state.freezes[text(body, "freezeId")];
  },
  OpenBreaker(state, _applied, body) {
    const key = text(body, "key");
    if (state.breakers[key]?.state === "isolated" || isCovered(state, key, text(body, "cause"))) return;
    const reason = text(body, "reason");
    state.breakers[key] = { state: "open", rule: text(body, "rule"), reason, cause: text(body, "cause") };
  },
  IsolateBreaker(state, _applied, body) {
    const reason = text(body, "reason");
    state.breakers[text(body, "key")] = { state: "isolated", rule: "by-hand", reason, cause: "" };
  },
  CloseBreaker(state, _applied, body) {
    const known = state.breakers[text(body, "key")];
    // What a person holds open only a person closes; a machine names the cause of the opening it ends.
    if (known === undefined || (known.state === "isolated" && text(body, "by").startsWith("supervisor"))) return;
    const cause = parseEventId(text(body, "cause"));
    if (cause !== null) {
      const key = text(body, "key");
      const through = (cause.offset + 1n).toString();
      state.covered[key] = { ...state.covered[key], [String(cause.partition)]: through };
    }
    delete state.breakers[text(body, "key")];
  },
  SetPolicy(state, _applied, body) {
    const policy = parseJson(text(body, "policy"));
    if (!isJsonObject(policy)) return;
    state.policy = policy as unknown as Policy;
    state.policyHash = text(body, "hash");
  },
  Grant(state, _applied, body) {
    if (number(body, "partition") !== state.partition) return;
    const key = text(body, "key");
    const known = state.breakers[key];
    if (known !== undefined && known.state === "open") state.breakers[key] = { ...known, state: "half-open" };
    const grant = { key, left: number(body, "count"), expiresAtMs: number(body, "expiresAtMs") };
    state.grants[text(body, "grantId")] = grant;
  },
};

/** Applies one directive; an unknown kind changes nothing. */
export function applyDirective(state: PartitionState, applied: AppliedDirective): void {
  APPLY[applied.kind]?.(state, applied, directiveBody(applied));
}
