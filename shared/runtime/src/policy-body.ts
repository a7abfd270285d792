/** A policy as the fields of the directive that puts it in force, measured before it is sent. */
import { busbarError, canonicalJson, utf8Length } from "@busbar/kernel";
import { type Policy, policyHash } from "@busbar/policy";
import { DIRECTIVE_LIMIT_BYTES } from "./feeds.ts";

/** Reason, names and signer of a directive go with its text. */
const POLICY_LIMIT_BYTES = DIRECTIVE_LIMIT_BYTES - 1024;

/** Throws BUSBAR_POLICY_TOO_LARGE for one that no partition could record as applied. */
export function policyBody(policy: Policy): { readonly hash: string; readonly policy: string } {
  const body = { hash: policyHash(policy), policy: canonicalJson(policy) };
  const bytes = utf8Length(canonicalJson(body));
  if (bytes > POLICY_LIMIT_BYTES) throw busbarError("BUSBAR_POLICY_TOO_LARGE", { bytes, limit: POLICY_LIMIT_BYTES });
  return body;
}
