/**
 * What a tool's row declares of its results as evidence, in `defineTool` or in `busbar.yaml`, and what is wrong with it.
 * A row of `busbar.yaml` goes before the tool's own.
 */
import { isJsonObject, type Json } from "@busbar/kernel";
import { claimProblem } from "./claims.ts";
import type { ToolPolicy } from "./policy-document.ts";

export type ToolEvidence = Pick<ToolPolicy, "claims" | "trust" | "person">;

/** A fault, and where it stands below the row. */
export interface EvidenceFault {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

export const TOOL_EVIDENCE = ["claims", "trust", "person"] as const satisfies readonly (keyof ToolEvidence)[];

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
  return faults;
}
