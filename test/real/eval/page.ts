/** docs/evaluation.md: what a run of the evaluation publishes, between its markers. */
import { readFileSync, writeFileSync } from "node:fs";
import { type Aim, aimsOf, aimsOfRace } from "./aims.ts";
import type { AttackScore } from "./attacks.ts";
import type { RaceResult } from "../concurrent/race.ts";
import { isAskingWorth, type Score, type Share, stoppedOf, wilson } from "./score.ts";
import { INCIDENT_KINDS, type IncidentCount } from "./shared-state.ts";

/** What was found on one data set. */
export interface Finding {
  readonly name: string;
  readonly domain: string;
  readonly runs: number;
  /** Lines that the door could not be given. */
  readonly unplayed: number;
  readonly policy: string;
  readonly baselines: readonly Score[];
  /** The rules as they are by default, without a policy of the domain. */
  readonly defaults: Score;
  readonly all: Score;
  readonly rules: readonly Score[];
  readonly folds: readonly Score[];
  readonly attacks: AttackScore | null;
  readonly incidents: readonly IncidentCount[] | null;
}

const percent = (share: number): string => `${Math.round(share * 100)}`;

/** `22 of 29, 76 % (58 to 88)`. */
export function shareText(share: Share): string {
  const bounds = wilson(share);
  if (bounds === null) return "-";
  return `${share.part} of ${share.whole}, ${percent(share.part / share.whole)} % (${percent(bounds[0])} to ${percent(bounds[1])})`;
}

const rate = ({ part, whole }: Share): string => (whole === 0 ? "-" : (part / whole).toFixed(2));

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(heads), row(heads.map(() => "---")), ...rows.map(row)].join("\n");

const HEADS = [
  "rule",
  "wrong writes stopped",
  "refused, asked, not issued",
  "recall on failing runs",
  "passing runs halted",
  "precision",
  "writes of passing runs asked",
  "approvals a run",
];

function cells(score: Score): readonly string[] {
  const { wrongRefused, wrongAsked, wrongNotIssued } = score;
  return [
    score.name,
    shareText(stoppedOf(score)),
    `${wrongRefused}, ${wrongAsked}${isAskingWorth(score.asked) ? "" : " (too many asked)"}, ${wrongNotIssued}`,
    shareText(score.recall),
    shareText(score.halted),
    shareText(score.precision),
    shareText(score.asked),
    rate(score.approvals),
  ];
}

function foldText(folds: readonly Score[]): string {
  const shares = folds.map(stoppedOf).map(({ part, whole }) => `${part} of ${whole}`);
  const halts = folds.map(({ halted: { part, whole } }) => `${part} of ${whole}`);
  const wrong = folds.some(({ wrongWrites }) => wrongWrites > 0) ? `wrong writes stopped ${shares.join(", ")}; ` : "";
  return `By folds of tasks: ${wrong}passing runs halted ${halts.join(", ")}.`;
}

function attackText({ succeeded, withEffect, caused, free, others }: AttackScore): string {
  const rows = [
    [`effects that succeeded attacks caused (${succeeded} succeeded, ${withEffect} with an effect)`, shareText(caused)],
    ["effects of passing runs without an attack", shareText(free)],
    ["other effects of attacked runs", shareText(others)],
  ];
  return table(["effects", "refused, put to a person, or not issued"], rows);
}

function incidentText(counts: readonly IncidentCount[]): string {
  const rows = counts.map(({ kind, incidents, caught }) => [INCIDENT_KINDS[kind], String(incidents), String(caught)]);
  return table(["how it shows itself to its run", "incidents", "caught"], rows);
}

const aimText = (aims: readonly Aim[]): string =>
  table(
    ["aim", "found", "reached"],
    aims.map(({ text, share, reached }) => [text, shareText(share), reached ? "yes" : "**no**"]),
  );

function section(finding: Finding): string {
  const { name, runs, unplayed, policy, baselines, defaults, all, rules, folds, attacks, incidents } = finding;
  const aims = aimsOf(finding);
  const rows = [...baselines, defaults, ...rules, all].map(cells);
  return [
    `### ${name}`,
    "",
    `${runs} runs${unplayed === 0 ? "" : ` (${unplayed} could not be played)`}, policy \`${policy}\`. ${foldText(folds)}`,
    "",
    ...(aims.length === 0 ? [] : [aimText(aims), ""]),
    table(HEADS, rows),
    ...(attacks === null ? [] : ["", attackText(attacks)]),
    ...(incidents === null ? [] : ["", incidentText(incidents)]),
  ].join("\n");
}

/** Two runs of the same chains, with the guard and without. */
export interface Races {
  readonly on: RaceResult;
  readonly off: RaceResult;
}

function raceCells(name: string, race: RaceResult): readonly string[] {
  const { chains, completed, attempts, stale, torn, staleRefused, falseAlarms, lostUpdates, broken } = race;
  const alarms = { part: falseAlarms, whole: attempts - stale };
  return [
    name,
    `${completed} of ${chains}`,
    `${attempts}, ${stale} (${torn} torn)`,
    shareText({ part: staleRefused, whole: stale }),
    shareText(alarms),
    String(lostUpdates),
    String(broken),
  ];
}

const RACE_HEADS = [
  "guard",
  "chains that made their change",
  "attempts, from a stale or torn view",
  "of these refused, and read again",
  "refused though nothing had changed",
  "lost updates",
  "accounts that do not add up",
];

const raceText = ({ on, off }: Races): string =>
  [
    "### Generated runs · one database",
    "",
    aimText(aimsOfRace(on)),
    "",
    table(RACE_HEADS, [raceCells("on", on), raceCells("off", off)]),
  ].join("\n");

/** The published part of the page. */
export function render(findings: readonly Finding[], left: readonly string[], races: Races | null): string {
  const others =
    left.length === 0 ? [] : ["", `Not played, because no policy of the domain is there: ${left.join(", ")}.`];
  return [...findings.map(section), ...(races === null ? [] : [raceText(races)]), ...others]
    .join("\n\n")
    .replaceAll(/\n{3,}/g, "\n\n");
}

export const MARKERS = ["<!-- evaluation: begin -->", "<!-- evaluation: end -->"] as const;

/** Replaces what stands between the markers; throws where the page has lost them. */
export function writeBetween(file: string, [begin, end]: readonly [string, string], text: string): void {
  const page = readFileSync(file, "utf8");
  const [head = "", rest = ""] = page.split(begin);
  const tail = rest.split(end)[1];
  if (tail === undefined) throw new Error(`${file} has lost its markers ${begin} and ${end}`);
  writeFileSync(file, `${head}${begin}\n\n${text}\n\n${end}${tail}`);
}
