/** Tools as the policies in force say, one row for each version of a tool, with the partitions that have it. Pure. */
import { canonicalJson, type Json, sha256Hex } from "@busbar/kernel";
import { type PartitionState, type ToolPolicy, toolKey } from "@busbar/policy";

export interface ToolRow extends Omit<ToolPolicy, "args" | "result"> {
  readonly tool: string;
  /** Of its breaker: the worst that a partition says. */
  readonly breaker: "closed" | "half-open" | "open" | "isolated";
  /** SHA-256 of the canonical JSON of both schemas, hex. */
  readonly schemaDigest: string;
  readonly args: Json;
  readonly result: Json | null;
  /** Agents that may call it. */
  readonly agents: readonly string[];
  readonly partitions: readonly number[];
}

type State = Pick<PartitionState, "partition" | "policy" | "breakers">;

const SEVERITY = ["closed", "half-open", "open", "isolated"] as const;

function breakerOf(states: readonly State[], tool: string): ToolRow["breaker"] {
  const found = states.map(({ breakers }) => breakers[toolKey(tool)]?.state ?? "closed");
  return SEVERITY.findLast((state) => found.includes(state)) ?? "closed";
}

function callersOf(policy: PartitionState["policy"], tool: string): readonly string[] {
  return Object.entries(policy?.agents ?? {})
    .filter(([, { tools }]) => tools.includes("*") || tools.includes(tool))
    .map(([agent]) => agent);
}

export function foldTools(states: readonly State[]): readonly ToolRow[] {
  const rows = new Map<string, ToolRow>();
  for (const { partition, policy } of states) {
    for (const [tool, row] of Object.entries(policy?.tools ?? {})) {
      const agents = callersOf(policy, tool);
      const id = sha256Hex(canonicalJson([tool, row as unknown as Json, agents]));
      const partitions = [...(rows.get(id)?.partitions ?? []), partition];
      const schemaDigest = sha256Hex(canonicalJson([row.args, row.result]));
      rows.set(id, { tool, breaker: breakerOf(states, tool), ...row, schemaDigest, agents, partitions });
    }
  }
  return [...rows.values()].sort((left, right) => (left.tool < right.tool ? -1 : 1));
}
