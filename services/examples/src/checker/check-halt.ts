/**
 * Checks a halt from both sides: from the raw log, that nothing of its scope was admitted between an acknowledgement
 * and the resume; and from the database's own journal, that no effect of its scope began in that time, or was still
 * under way without being named in flight.
 */
import type { DatabaseJournal, JournalRow } from "./database-journal.ts";
import { type Finding, finding } from "./finding.ts";
import type { Admission, Applied, LogFacts, Position } from "./log-facts.ts";

/** From an acknowledgement to the resume that ended it; open: no resume yet. */
export interface HaltWindow {
  readonly partition: number;
  readonly acknowledged: Position;
  readonly resumed: Position | null;
  readonly inFlight: ReadonlySet<string>;
  readonly named: number;
}

export interface HaltReport {
  readonly scope: string;
  readonly windows: readonly HaltWindow[];
  /** Partitions that were asked for and hold no acknowledgement of this scope. */
  readonly unacknowledged: readonly number[];
  /** From the raw log. */
  readonly admittedAfterAcknowledgement: number;
  /** From the database's journal: begun after, or under way and not named. */
  readonly effectsAfterAcknowledgement: number;
  /** Calls that the acknowledgements name as started and not yet answered. */
  readonly namedInFlight: number;
  readonly findings: readonly Finding[];
}

/** Whether a halt of `scope` covers what was admitted. */
function isCovered(scope: string, admission: Admission): boolean {
  if (scope === "fleet") return true;
  const separator = scope.indexOf(":");
  const kind = scope.slice(0, separator);
  const name = scope.slice(separator + 1);
  if (kind === "agent") return admission.agent === name;
  if (kind === "tool") return admission.tool === name;
  return kind === "chain" && (admission.chainId === name || admission.lineage.includes(name));
}

const namedBy = ({ inFlight, named }: Applied): Pick<Applied, "inFlight" | "named"> => ({ inFlight, named });

function windowsOf(applied: readonly Applied[], scope: string): readonly HaltWindow[] {
  const windows: HaltWindow[] = [];
  const open = new Map<number, HaltWindow>();
  // Names that fill more than a record come in parts before the one that applies the halt; parts apply nothing.
  const named = new Map<number, readonly string[]>();
  for (const part of applied) {
    const { partition } = part;
    const names = [...(named.get(partition) ?? []), ...part.inFlight];
    const isPart = part.directives.length === 0 && part.inFlight.size > 0;
    named.set(partition, isPart ? names : []);
    if (isPart) continue;
    const record = { ...part, inFlight: new Set(names) };
    for (const directive of record.directives.filter((entry) => entry.scope === scope)) {
      const current = open.get(partition);
      if (directive.kind === "Halt" && current === undefined) {
        open.set(partition, { partition, acknowledged: record, resumed: null, ...namedBy(record) });
      } else if (directive.kind === "Resume" && current !== undefined) {
        windows.push({ ...current, resumed: record });
        open.delete(partition);
      }
    }
  }
  return [...windows, ...open.values()];
}

const isAfter = (window: HaltWindow, { partition, offset }: Position): boolean =>
  partition === window.partition &&
  offset > window.acknowledged.offset &&
  (window.resumed === null || offset < window.resumed.offset);

const isDuring = (window: HaltWindow, atMs: number): boolean =>
  atMs > window.acknowledged.atMs && (window.resumed === null || atMs < window.resumed.atMs);

function admittedFindings(facts: LogFacts, scope: string, windows: readonly HaltWindow[]): readonly Finding[] {
  return facts.admissions
    .filter((admission) => isCovered(scope, admission) && windows.some((window) => isAfter(window, admission)))
    .map((admission) =>
      finding(
        "admitted-after-acknowledgement",
        admission.effectKey,
        `${admission.tool} ${admission.callId}`,
        admission,
      ),
    );
}

/** Whether the log held an outcome of the key before the acknowledgement: then the effect was over, whatever clocks say. */
function wasOver(facts: LogFacts, window: HaltWindow, effectKey: string): boolean {
  return facts.outcomes.some(
    (outcome) =>
      outcome.effectKey === effectKey &&
      outcome.partition === window.partition &&
      outcome.happened &&
      outcome.offset < window.acknowledged.offset,
  );
}

function isNamed(window: HaltWindow, row: JournalRow, admissions: readonly Admission[]): boolean {
  return window.inFlight.has(row.effectKey) || admissions.some(({ callId }) => window.inFlight.has(callId));
}

/** `admissions` are those of the row's effect key that the scope covers. */
function rowFinding(
  facts: LogFacts,
  windows: readonly HaltWindow[],
  row: JournalRow,
  admissions: readonly Admission[],
): Finding | null {
  const window = windows.find(
    (candidate) =>
      admissions.some(({ partition }) => partition === candidate.partition) &&
      (isDuring(candidate, row.beganAtMs) || isDuring(candidate, row.atMs)) &&
      !isNamed(candidate, row, admissions) &&
      !wasOver(facts, candidate, row.effectKey),
  );
  if (window === undefined) return null;
  const began = row.beganAtMs - window.acknowledged.atMs;
  const what = began > 0 ? `began ${began} ms after` : "was under way at, and is not named in,";
  return finding(
    "effect-after-acknowledgement",
    row.effectKey,
    `${row.tool} (${row.statement}) ${what} the acknowledgement`,
    window.acknowledged,
  );
}

/**
 * Checks one scope. `partitions` are those whose owners must have acknowledged; leave it out where a resumed or never
 * reached partition is no matter. `journal` may be null: then only the log is checked.
 */
export function checkHalt(
  facts: LogFacts,
  journal: DatabaseJournal | null,
  scope: string,
  partitions: readonly number[] = [],
): HaltReport {
  const windows = windowsOf(facts.applied, scope);
  const unacknowledged = partitions.filter((asked) => !windows.some(({ partition }) => partition === asked));
  const admitted = admittedFindings(facts, scope, windows);
  const covered = Map.groupBy(
    facts.admissions.filter((admission) => isCovered(scope, admission)),
    ({ effectKey }) => effectKey,
  );
  const begun = (journal?.rows ?? [])
    .map((row) => rowFinding(facts, windows, row, covered.get(row.effectKey) ?? []))
    .filter((found) => found !== null);
  return {
    scope,
    windows,
    unacknowledged,
    admittedAfterAcknowledgement: admitted.length,
    effectsAfterAcknowledgement: begun.length,
    namedInFlight: windows.reduce((sum, { named }) => sum + named, 0),
    findings: [
      ...unacknowledged.map((partition) =>
        finding("no-acknowledgement", "", `partition ${partition} did not acknowledge the halt of ${scope}`),
      ),
      ...admitted,
      ...begun,
    ],
  };
}

/** A chain that its door has halted admits nothing until a person resumes it. */
export function checkHaltedChains(facts: LogFacts): readonly Finding[] {
  const stops = Map.groupBy(facts.chainStops, ({ chainId }) => chainId);
  return facts.admissions
    .filter((admission) => {
      const before = (stops.get(admission.chainId) ?? []).filter(
        ({ partition, offset }) => partition === admission.partition && offset < admission.offset,
      );
      return before.at(-1)?.isHalted === true;
    })
    .map((admission) =>
      finding("admitted-in-halted-chain", admission.effectKey, `${admission.tool} ${admission.callId}`, admission),
    );
}
