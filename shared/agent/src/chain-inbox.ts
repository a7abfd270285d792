/**
 * What the inbox has brought for one chain: the assignment, its journal, and live events, in any order and repeated.
 *
 * I1 A chain is ready when an assignment and as many distinct journal records of its incarnation are there as it says.
 * I2 The highest incarnation counts; records of older ones change nothing.
 * I3 An event is handed on once, by its source, however often it comes and by whichever way: live to the run that is
 *    there, else with the journal to the run that starts next.
 */
import type { SourcedEvent } from "./journal.ts";

export interface InboxRecord extends SourcedEvent {
  /** Incarnation that a journal record is meant for; null for live records. */
  readonly journal: number | null;
  /** Of an assignment: how many journal records follow. */
  readonly journalCount: number;
}

export type InboxStep =
  /** An assignment is complete: take it. */
  | "ready"
  /** A live event that was not seen before. */
  | "live"
  /** Part of an assignment that is not complete yet. */
  | "collecting"
  /** Seen before, or of an older incarnation. */
  | "ignored";

export class ChainInbox {
  /** Sources handed on, or held for the next assignment. */
  readonly #seen = new Set<string>();
  #held: SourcedEvent[] = [];
  #journal = new Map<string, SourcedEvent>();
  #incarnation = 0;
  /** Null until the assignment itself is there. */
  #count: number | null = null;
  #isReady = false;
  /** The run of this incarnation has begun; what came before is held for it. */
  #isTaken = false;

  /** Highest incarnation that any record named; 0 for none. */
  get incarnation(): number {
    return this.#incarnation;
  }

  accept(record: InboxRecord): InboxStep {
    if (record.journal !== null) return this.#acceptJournal(record, record.journal);
    if (record.event.type === "TaskAssigned")
      return this.#acceptAssignment(record.event.incarnation, record.journalCount);
    if (this.#seen.has(record.source)) return "ignored";
    this.#seen.add(record.source);
    // A complete assignment waits for its commit and a free slot: an answer that comes meanwhile has no run to go to.
    if (!this.#isTaken) this.#held.push(record);
    return "live";
  }

  /** All events known of the chain, for the run that starts now. */
  take(): readonly SourcedEvent[] {
    const events = [...this.#journal.values(), ...this.#held];
    for (const { source } of events) this.#seen.add(source);
    this.#held = [];
    this.#journal = new Map();
    this.#isTaken = true;
    return events;
  }

  #acceptJournal(record: InboxRecord, incarnation: number): InboxStep {
    if (!this.#admit(incarnation) || this.#journal.has(record.source)) return "ignored";
    this.#journal.set(record.source, record);
    return this.#progress();
  }

  #acceptAssignment(incarnation: number, journalCount: number): InboxStep {
    if (!this.#admit(incarnation) || this.#count !== null) return "ignored";
    this.#count = journalCount;
    return this.#progress();
  }

  #admit(incarnation: number): boolean {
    if (incarnation < this.#incarnation || (incarnation === this.#incarnation && this.#isReady)) return false;
    if (incarnation > this.#incarnation) {
      this.#incarnation = incarnation;
      this.#journal = new Map();
      this.#count = null;
      this.#isReady = false;
      this.#isTaken = false;
    }
    return true;
  }

  #progress(): InboxStep {
    if (this.#count === null || this.#journal.size < this.#count) return "collecting";
    this.#isReady = true;
    return "ready";
  }
}
