/** Reads authorities: what the declared sources of a subject say, before a result about it reaches an agent (reconcile.ts of the policy). */
import type { Reconciliation, SubjectClaim } from "@busbar/events";
import { own } from "@busbar/kernel";
import {
  authorityOf,
  claimsOf,
  type Policy,
  reconcile,
  type SourceRead,
  type SubjectAuthority,
  type Vote,
} from "@busbar/policy";
import type { Clock, Timers, Toolbox } from "../ports.ts";

export interface AuthorityPorts {
  readonly toolbox: Toolbox;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
}

export interface ReadFor {
  readonly callId: string;
  readonly chainId: string;
  /** Tool whose result makes the claims. */
  readonly tool: string;
  readonly signal: AbortSignal;
}

/** An authority answers within this time, or counts as one that cannot be read, ms. */
const AUTHORITY_MS = 5000;
/** Claims of one result that are compared; the subject of one more counts as in doubt. */
const COMPARED_MOST = 8;

function within<T>(timers: Pick<Timers, "after">, answer: Promise<T>): Promise<T | null> {
  return new Promise((resolve) => {
    const cancel = timers.after(AUTHORITY_MS, () => resolve(null));
    const done = (value: T | null): void => {
      cancel();
      resolve(value);
    };
    answer.then(done, () => done(null));
  });
}

async function voteOf(
  { toolbox, clock, timers }: AuthorityPorts,
  policy: Policy,
  subject: string,
  { tool, args }: SourceRead,
  { callId, chainId, signal }: ReadFor,
): Promise<Vote> {
  const run = { tool, args, key: "", attempt: 1, atMs: clock.nowMs(), callId, chainId, agent: "gateway", signal };
  const answer = await within(timers, toolbox.runTool(run));
  if (answer?.kind !== "result") return null;
  return claimsOf(own(policy.tools, tool), args, answer.result).find((claim) => claim.subject === subject) ?? null;
}

interface Compared {
  readonly claim: SubjectClaim;
  readonly authority: SubjectAuthority;
}

/** Claims about subjects whose authority is another tool than the one that makes them; of a subject the last. */
function comparable(policy: Policy, claims: readonly SubjectClaim[], tool: string): readonly Compared[] {
  const bySubject = new Map(claims.map((claim) => [claim.subject, claim] as const));
  return [...bySubject.values()].flatMap((claim) => {
    const authority = authorityOf(policy, claim.subject);
    return authority === null || authority.rule.tool === tool ? [] : [{ claim, authority }];
  });
}

export interface Reconciled {
  readonly reconciled: readonly Reconciliation[];
  /** The result's claims, and after them what is held for true instead of those that lost. */
  readonly claims: readonly SubjectClaim[];
}

/** What becomes of the claims of a result. */
export async function reconciledClaims(
  ports: AuthorityPorts,
  policy: Policy,
  claims: readonly SubjectClaim[],
  call: ReadFor,
): Promise<Reconciled> {
  const found = comparable(policy, claims, call.tool);
  const held: SubjectClaim[] = [];
  const judged = found.map(async ({ claim, authority: { rule, reads } }, index): Promise<Reconciliation> => {
    const asked = index < COMPARED_MOST ? reads : [];
    const votes = await Promise.all(asked.map((read) => voteOf(ports, policy, claim.subject, read, call)));
    const one = reconcile(claim, rule, votes, ports.clock.nowMs());
    const winner = votes.find((vote) => one.outcome === "lost" && vote?.value === one.fact);
    if (winner !== undefined && winner !== null) held.push(winner);
    return one;
  });
  const reconciled = await Promise.all(judged);
  return { reconciled, claims: [...claims, ...held] };
}
