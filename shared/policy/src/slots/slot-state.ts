/** What a partition knows of the slots of its caps: plain JSON, folded by `slots.ts`. */

/** Times are event time, ms. */
export interface OutCall {
  readonly sinceMs: number;
  /** It begins no later. */
  readonly startsUntilMs: number;
  /** It is over no later, as its own bounds say. */
  readonly endsUntilMs: number;
  /** Its slot is free from then on, without a record; 0: until the record of its end. */
  readonly heldUntilMs: number;
}

export interface WaitingCall {
  readonly callId: string;
  /** Who has not asked again by then has given up its place. */
  readonly untilMs: number;
}

export interface SlotsOfCap {
  readonly out: Readonly<Record<string, OutCall>>;
  /** Calls that are over, by the end of the slice of time in which they began at the latest; ascending. */
  readonly begun: readonly (readonly [sliceEndMs: number, calls: number])[];
  /** How long calls hold their slot, as the last ones did, ms; 0: none has ended yet. Only pauses rest on it. */
  readonly holdMs: number;
  /** First asked, first served. */
  readonly waiting: readonly WaitingCall[];
}

/** By cap; what is not there has no call out, begun or waiting. */
export type Slots = Readonly<Record<string, SlotsOfCap>>;

export const NO_SLOTS: SlotsOfCap = { out: {}, begun: [], holdMs: 0, waiting: [] };
