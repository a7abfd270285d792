/**
 * Runs that ran at the same time on one database: calls that got what another run had just written. The order of calls
 * across runs was not recorded, so what another run wrote cannot be played; what each run could have noticed by itself
 * is counted here.
 */
import type { Call, DataSet, Facts } from "./data-set.ts";
import type { Decision } from "./play.ts";
import type { Decisions } from "./score.ts";

/** How an incident shows itself to the run that met it. */
export const INCIDENT_KINDS = {
  error: "the tool itself answered with an error",
  contradiction: "the same read had told the run otherwise before",
  versioned: "a change of what the run had read before: a version that it carries would have told",
  first: "the first sight of its subject: what was read was true, the run could not know that it had just changed",
} as const;

export type IncidentKind = keyof typeof INCIDENT_KINDS;

export interface IncidentCount {
  readonly kind: IncidentKind;
  readonly incidents: number;
  /** Of these, the tool's error kept it from the run's world, or the door spoke at the call or had before. */
  readonly caught: number;
}

const subjectOf = ({ args }: Call): string => JSON.stringify(args["order_id"] ?? args["product_id"] ?? args);

function kindOf({ calls }: Facts, at: number, call: Call): IncidentKind {
  if (call.isError) return "error";
  const before = calls.slice(0, at).filter(({ rw, isError }) => rw === "r" && !isError);
  if (call.rw === "w") return before.some((read) => subjectOf(read) === subjectOf(call)) ? "versioned" : "first";
  const same = before.findLast(
    ({ tool, args }) => tool === call.tool && JSON.stringify(args) === JSON.stringify(call.args),
  );
  return same !== undefined && same.text !== call.text ? "contradiction" : "first";
}

function isCaught(kind: IncidentKind, at: number, { stop, asked }: Decision): boolean {
  return kind === "error" || (stop !== null && stop.call <= at) || asked.some(({ call }) => call === at);
}

/** Null where no call of the set met anything. */
export function countIncidents({ runs }: DataSet, decisions: Decisions): readonly IncidentCount[] | null {
  const found = runs.flatMap((run, index) =>
    [...run.calls.entries()].flatMap(([at, call]) => {
      const decision = decisions[index];
      if (call.incident === "" || decision === undefined) return [];
      const kind = kindOf(run, at, call);
      return [{ kind, caught: isCaught(kind, at, decision) }];
    }),
  );
  if (found.length === 0) return null;
  return (Object.keys(INCIDENT_KINDS) as IncidentKind[]).map((kind) => {
    const own = found.filter((one) => one.kind === kind);
    return { kind, incidents: own.length, caught: own.filter(({ caught }) => caught).length };
  });
}
