/**
 * Trip rules of a breaker beside failures in a row: so many of the last n calls failed, or were slow. Apart from the
 * breaker's states: a rule says when to trip, the breaker what that means.
 *
 * The state is bounded: WINDOW_MOST calls. One counterpart alone trips nothing where the policy bounds what one counts.
 */

export interface RatePolicy {
  /** Calls that are looked at, the last ones; 0 turns both rules off. */
  readonly window: number;
  /** Failed ones among them that open the breaker; 0: none do. */
  readonly errors: number;
  /** Slow ones among them that open it; 0: none do. */
  readonly slow: number;
  /** A call that took longer is slow, ms. */
  readonly slowMs: number;
}

export interface RecentCall {
  readonly evidence: string;
  readonly peer: string;
  readonly failed: boolean;
  readonly slow: boolean;
}

export const DEFAULT_RATES: RatePolicy = { window: 20, errors: 10, slow: 0, slowMs: 10_000 };
/** Neither rule: what a policy says that was written before them. */
export const NO_RATES: RatePolicy = { window: 0, errors: 0, slow: 0, slowMs: 0 };
/** Most calls that a window may hold. */
export const WINDOW_MOST = 100;

export interface RateTrip {
  readonly rule: "error-rate" | "slow-calls";
  readonly reason: string;
}

/** The last calls with one more; the same one again changes nothing. */
export function withCall(
  recent: readonly RecentCall[],
  call: RecentCall,
  { window }: Pick<RatePolicy, "window">,
): readonly RecentCall[] {
  if (window === 0 || recent.some(({ evidence }) => evidence === call.evidence)) return recent;
  return [...recent, call].slice(-Math.min(window, WINDOW_MOST));
}

/** Null while nothing trips. `bySeveral`: what one counterpart alone did condemns nobody. */
export function rateTrip(recent: readonly RecentCall[], rates: RatePolicy, bySeveral: boolean): RateTrip | null {
  const count = (marked: readonly RecentCall[], least: number): boolean =>
    least > 0 && marked.length >= least && (!bySeveral || new Set(marked.map(({ peer }) => peer)).size > 1);
  const failed = recent.filter((call) => call.failed);
  if (count(failed, rates.errors))
    return { rule: "error-rate", reason: `${failed.length} of the last ${recent.length} calls failed` };
  const slow = recent.filter((call) => call.slow);
  if (!count(slow, rates.slow)) return null;
  const reason = `${slow.length} of the last ${recent.length} calls took longer than ${rates.slowMs} ms`;
  return { rule: "slow-calls", reason };
}
