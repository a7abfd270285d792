/**
 * The independent checker. It shares no code with the gateway, the log or the policy: it has its own placement rule,
 * its own reading of headers and bodies, and asks the database itself. `checker.test.ts` holds it to that.
 */
import { checkEffects, type EffectsOptions, type EffectsReport } from "./check-effects.ts";
import { checkHalt, checkHaltedChains, type HaltReport } from "./check-halt.ts";
import { readJournal } from "./database-journal.ts";
import type { Finding } from "./finding.ts";
import { type Decode, readLogFacts } from "./log-facts.ts";
import type { RawRecord } from "./placement.ts";

export interface CheckInput extends EffectsOptions {
  /** All records of `busbar.events`, every partition from its first offset. */
  readonly records: Iterable<RawRecord>;
  readonly decode: Decode;
  /** File of the shop's database. */
  readonly database: string;
  /** Scopes whose halts are checked: `fleet`, `agent:<name>`, `tool:<name>`, `chain:<id>`. */
  readonly scopes?: readonly string[];
  /** Partitions that must have acknowledged each of the scopes. */
  readonly partitions?: readonly number[];
}

export interface CheckReport {
  readonly validRecords: number;
  readonly voidRecords: number;
  readonly effects: EffectsReport;
  readonly halts: readonly HaltReport[];
  /** All findings; empty is the proof. */
  readonly findings: readonly Finding[];
}

/** Runs every check. Throws only when the database cannot be read. */
export function check(input: CheckInput): CheckReport {
  const facts = readLogFacts(input.records, input.decode);
  const journal = readJournal(input.database);
  const effects = checkEffects(facts, journal, input);
  const halts = (input.scopes ?? []).map((scope) => checkHalt(facts, journal, scope, input.partitions));
  return {
    validRecords: facts.validCount,
    voidRecords: facts.voidCount,
    effects,
    halts,
    findings: [...effects.findings, ...checkHaltedChains(facts), ...halts.flatMap((report) => report.findings)],
  };
}
