/**
 * What a tool's row declares of its results as evidence, in `defineTool` or in `busbar.yaml`, and what is wrong with it.
 * A row of `busbar.yaml` goes before the tool's own.
 */
import { isJsonObject, type Json } from "@busbar/kernel";
import { ARGUMENT_NAMES, checkFaults, RESULT_NAMES } from "./checks.ts";
import { claimProblem } from "./claims.ts";
import type { ToolPolicy } from "./policy-document.ts";

export type ToolEvidence = Pick<
  ToolPolicy,
  "claims" | "trust" | "outbound" | "sensitive" | "tracked" | "person" | "checks" | "resultChecks"
>;

/** A fault, and where it stands below the row. */
export interface EvidenceFault {
  readonly path: readonly (string | number)[];
  readonly reason: string;
  /** At which character of an expression, from 0; absent where it stands in none. */
  readonly at?: number;
}

export const TOOL_EVIDENCE = [
  "claims",
  "trust",
  "outbound",
  "sensitive",
  "tracked",
  "person",
  "checks",
  "resultChecks",
] as const satisfies readonly (keyof ToolEvidence)[];

/** The part of a row that is evidence; what is not declared is absent, so that such a policy keeps its hash. */
export function evidenceOf(row: ToolEvidence): ToolEvidence {
  return Object.fromEntries(TOOL_EVIDENCE.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]]])));
}

function declaredFields(args: Json): ReadonlySet<string> | null {
  const properties = isJsonObject(args) ? args["properties"] : undefined;
  return isJsonObject(properties) ? new Set(Object.keys(properties)) : null;
}

/** All faults of a row. `args`: the schema of the tool's arguments. */
export function evidenceFaults(row: ToolEvidence, args: Json): readonly EvidenceFault[] {
  const declared = declaredFields(args);
  const faults: EvidenceFault[] = (row.claims ?? []).flatMap((spec, index) => {
    const reason = claimProblem(spec, declared);
    return reason === null ? [] : [{ path: ["claims", index], reason }];
  });
  if (row.person === true && row.trust === "untrusted") {
    faults.push({ path: ["person"], reason: "what the person says is not untrusted: take one of them out" });
  }
  const stranger = row.tracked?.find((name) => declared?.has(name) === false);
  if (stranger !== undefined)
    faults.push({ path: ["tracked"], reason: `${stranger} is no argument that args declares` });
  return [
    ...faults,
    ...below("checks", checkFaults(row.checks, ARGUMENT_NAMES)),
    ...below("resultChecks", checkFaults(row.resultChecks, RESULT_NAMES)),
  ];
}

/** Faults of a part of a row, as faults of the row. */
export function below(name: string, faults: readonly EvidenceFault[]): readonly EvidenceFault[] {
  return faults.map((fault) => ({ ...fault, path: [name, ...fault.path] }));
}
