/** What is wrong with the judges of a project: who they are, whether there are such, and whether they are independent. */
import { ARGUMENT_NAMES, checkFaults, type Judge, type QuorumPolicy, quorumFaults, type Sourced } from "@busbar/policy";
import type { ToolDefinition } from "../tool.ts";
import type { ModelRow } from "./declared.ts";

export type QuorumRow = Partial<QuorumPolicy> & Pick<QuorumPolicy, "agree" | "judges">;

/** A fault below `quorum`; `at`: the character of an expression. */
export interface QuorumFault {
  readonly path: readonly (string | number)[];
  readonly reason: string;
  readonly at?: number;
}

interface Asked {
  readonly models?: Readonly<Record<string, ModelRow>>;
  readonly agents: Readonly<Record<string, { readonly models?: readonly string[] }>>;
}

/** The model behind a name and the endpoint that serves it: who shares one of them may fail in the same way. */
function sourcesOfModel(rows: Asked["models"], name: string): readonly string[] {
  const { model, baseUrl, kind } = rows?.[name] ?? {};
  const endpoint = kind === undefined ? [] : [`endpoint ${baseUrl ?? "OPENAI_BASE_URL"}`];
  return [`model ${model ?? name}`, ...endpoint];
}

function sourcesOf(rows: Asked["models"], judge: Judge): readonly string[] {
  if (judge.kind === "rule") return [`rule ${judge.name}`];
  return judge.kind === "check" ? [`tool ${judge.tool}`] : sourcesOfModel(rows, judge.model);
}

const each = (name: string, sources: readonly string[]): readonly Sourced[] =>
  sources.map((source) => ({ name, source }));

function faultOf(judge: Judge, index: number, tools: readonly ToolDefinition[]): readonly QuorumFault[] {
  if (judge.kind === "rule") {
    const faults = checkFaults([{ name: judge.name, require: judge.require, reason: "" }], ARGUMENT_NAMES);
    return faults.map(({ reason, at }) => ({ path: ["judges", index, "require"], reason, at }));
  }
  if (judge.kind === "model" || tools.some(({ name, effect }) => name === judge.tool && effect === "read")) return [];
  return [{ path: ["judges", index, "tool"], reason: `${judge.tool} is no tool with effect read` }];
}

/** Every fault, in the order of the file. */
export function faultsOfQuorum(
  quorum: QuorumRow | undefined,
  { models, agents }: Asked,
  tools: readonly ToolDefinition[],
): readonly QuorumFault[] {
  if (quorum === undefined) return [];
  const { agree, judges } = quorum;
  const ofJudges = judges.flatMap((judge) => each(judge.name, sourcesOf(models, judge)));
  const judging = judges.flatMap((judge) => (judge.kind === "model" ? [judge.model] : []));
  const ofAgents = Object.entries(agents).flatMap(([name, { models: asked = [] }]) => {
    const known = asked.includes("*") ? judging : asked;
    return each(
      name,
      known.flatMap((model) => sourcesOfModel(models, model)),
    );
  });
  const dependent = quorumFaults({ agree, judges }, ofJudges, ofAgents).map((reason) => ({ path: ["judges"], reason }));
  return [...dependent, ...judges.flatMap((judge, index) => faultOf(judge, index, tools))];
}
