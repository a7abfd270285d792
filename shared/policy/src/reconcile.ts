/**
 * Reconciliation: what two declared sources say of one subject, and which of them is held for true. For a subject with a
 * declared authority the gateway reads the authority itself when another source claims something of it (the shell does;
 * what to read and what follows is decided here). Pure.
 *
 * C1 A claim is compared before its result reaches the agent.
 * C2 What nobody can resolve as declared is left to a person: the chain is degraded.
 * C3 Which claim came first says nothing; a clock that is ahead, or a difference within what clocks may differ, tells
 *    nothing of freshness.
 */
import type { Reconciliation, SubjectClaim } from "@busbar/events";
import type { JsonObject } from "@busbar/kernel";
import type { Policy } from "./policy-document.ts";
import { fillTemplate } from "./template.ts";

/** A read that knows of a subject, and its arguments: literals, or `$args.x` for `{x}` of the pattern. */
export interface SourceRead {
  readonly tool: string;
  readonly args: JsonObject;
}

/** How subjects of a pattern (`refund-policy:{topic}`) are resolved. */
export interface AuthorityRule extends SourceRead {
  /** `authority` (default): it is right. `freshness`: the newer version or as-of is. `quorum`: what `k` sources say is. */
  readonly resolve?: "authority" | "freshness" | "quorum";
  /** Of a quorum: further sources, whose reads and claims are independent. */
  readonly also?: readonly SourceRead[];
  readonly k?: number;
  /** Of freshness: what clocks of sources may differ, ms; default 60000. */
  readonly skewMs?: number;
}

/** Name of the rule, in `rules.modes` and on records. */
export const RECONCILIATION_RULE = "reconciliation";

const SKEW_MS = 60_000;

/** An authority for one subject, filled in. */
export interface SubjectAuthority {
  readonly rule: AuthorityRule;
  readonly reads: readonly SourceRead[];
}

const patterns = new Map<string, RegExp>();
const PATTERNS_KEPT = 1024;

/** `refund-policy:{topic}` as an expression with named groups. */
function patternOf(text: string): RegExp {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const parts = text.split(/\{([A-Za-z_][A-Za-z0-9_]*)\}/);
  const source = parts.map((part, index) =>
    index % 2 === 1 ? `(?<${part}>.+?)` : part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"),
  );
  const made = new RegExp(`^${source.join("")}$`, "su");
  if (patterns.size >= PATTERNS_KEPT) patterns.clear();
  patterns.set(text, made);
  return made;
}

/** The values of a pattern's places in a subject; null where it does not fit. */
export function matchSubject(pattern: string, subject: string): JsonObject | null {
  const found = patternOf(pattern).exec(subject);
  return found === null ? null : { ...found.groups };
}

const filled = ({ tool, args }: SourceRead, places: JsonObject): SourceRead => {
  return { tool, args: fillTemplate(args, { args: places }) as JsonObject };
};

/** The authority of a subject; the first pattern that fits. Null where none is declared. */
export function authorityOf(
  { authorities = {} }: Pick<Policy, "authorities">,
  subject: string,
): SubjectAuthority | null {
  for (const [pattern, rule] of Object.entries(authorities)) {
    const places = matchSubject(pattern, subject);
    if (places === null) continue;
    return { rule, reads: [rule, ...(rule.also ?? [])].map((read) => filled(read, places)) };
  }
  return null;
}

/** What a source that was read says of the subject; null: it could not be read, or says nothing of it. */
export type Vote = SubjectClaim | null;

type Resolution = Pick<Reconciliation, "outcome" | "fact" | "factSource" | "reason">;

const unresolved = (reason: string): Resolution => ({ outcome: "unresolved", fact: "", factSource: "", reason });

function heldFor(claim: SubjectClaim, winner: NonNullable<Vote>, reason: string): Resolution {
  const outcome = winner.value === claim.value ? "kept" : "lost";
  return { outcome, fact: winner.value, factSource: winner.source, reason };
}

const NUMBER = /^\d+(\.\d+)*$/;

/** Below, equal or above, part by part where both are numbers; null where nobody can tell. */
function compareVersions(left: string, right: string): number | null {
  if (left === "" || right === "" || !NUMBER.test(left) || !NUMBER.test(right))
    return left === right && left !== "" ? 0 : null;
  const [ours, theirs] = [left.split(".").map(Number), right.split(".").map(Number)];
  for (let at = 0; at < Math.max(ours.length, theirs.length); at += 1) {
    const difference = (ours[at] ?? 0) - (theirs[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Positive where the claim is newer than the vote; null where nobody can tell (C3). */
function newness(claim: SubjectClaim, vote: NonNullable<Vote>, skewMs: number, nowMs: number): number | null {
  const byVersion = compareVersions(claim.version, vote.version);
  if (byVersion !== null && byVersion !== 0) return byVersion;
  if (claim.asOfMs === 0 || vote.asOfMs === 0) return null;
  if (Math.max(claim.asOfMs, vote.asOfMs) > nowMs + skewMs) return null;
  const difference = claim.asOfMs - vote.asOfMs;
  return Math.abs(difference) <= skewMs ? null : difference;
}

function byFreshness(claim: SubjectClaim, vote: Vote, { skewMs = SKEW_MS }: AuthorityRule, nowMs: number): Resolution {
  if (vote === null) return unresolved("the authority could not be read");
  const newer = newness(claim, vote, skewMs, nowMs);
  if (newer === null) return unresolved("neither version nor as-of says which of the two is newer");
  return heldFor(claim, newer > 0 ? claim : vote, `${newer > 0 ? claim.source : vote.source} is the newer one`);
}

function byQuorum(claim: SubjectClaim, votes: readonly Vote[], { k = 2 }: AuthorityRule): Resolution {
  const voices = new Map<string, NonNullable<Vote>>();
  for (const vote of [claim, ...votes]) {
    // One voice for each source, however often it is read.
    if (vote !== null && !voices.has(vote.source)) voices.set(vote.source, vote);
  }
  const all = [...voices.values()];
  const found = all.find((one) => all.filter(({ value }) => value === one.value).length >= k);
  if (found === undefined) return unresolved(`no ${k} of ${all.length} sources say the same`);
  return heldFor(claim, found, `${k} of ${all.length} sources say so`);
}

function byAuthority(claim: SubjectClaim, vote: Vote): Resolution {
  if (vote === null) return unresolved("the authority could not be read");
  return heldFor(claim, vote, `${vote.source} is the authority`);
}

/** What becomes of a claim. `votes`: of the authority first, then of further sources. */
export function reconcile(
  claim: SubjectClaim,
  rule: AuthorityRule,
  votes: readonly Vote[],
  nowMs: number,
): Reconciliation {
  const { subject, source, value } = claim;
  const { resolve: by = "authority" } = rule;
  const [first = null] = votes;
  const whose = { subject, source, value, by };
  if (by !== "quorum" && first !== null && first.value === value) {
    return { ...whose, outcome: "agrees", fact: value, factSource: first.source, reason: "" };
  }
  if (by === "quorum") return { ...whose, ...byQuorum(claim, votes, rule) };
  return { ...whose, ...(by === "freshness" ? byFreshness(claim, first, rule, nowMs) : byAuthority(claim, first)) };
}

/** What an agent is told whose result made claims that were not kept; null where all were. */
export function toldReconciled(reconciled: readonly Reconciliation[] = []): string | null {
  const bad = reconciled.filter(({ outcome }) => outcome === "lost" || outcome === "unresolved");
  if (bad.length === 0) return null;
  return bad
    .map(({ subject, source, value, outcome, fact, factSource, reason }) =>
      outcome === "lost"
        ? `${subject}: ${source} says ${value}, and ${fact} (${factSource}) is held for true: ${reason}`
        : `${subject}: ${source} says ${value}, which is in doubt: ${reason}`,
    )
    .join("; ");
}
