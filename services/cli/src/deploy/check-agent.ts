/**
 * What a deployment is checked for before anything of it is on the log: the agent, its version, its row of the policy,
 * and that the tools it names are the ones that the gateways run.
 */
import { resolve, dirname } from "node:path";
import type { AgentDefinition } from "@busbar/agent";
import type { Project } from "@busbar/agent/project";
import { busbarError, type BusbarError, own } from "@busbar/kernel";
import { type AgentPolicy, type Policy, policyHash } from "@busbar/policy";
import { createSchemaCheck } from "@busbar/runtime";

export interface ToolDigest {
  readonly tool: string;
  readonly digest: string;
}

export interface CheckedAgent {
  readonly agent: AgentDefinition;
  /** The policy in force with this agent's row in it. */
  readonly policy: Policy;
  readonly policyHash: string;
  readonly tools: readonly ToolDigest[];
}

/** A version names a folder and a consumer group. */
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

const invalid = (project: Project, reason: string): BusbarError =>
  busbarError("BUSBAR_CONFIG_INVALID", { file: project.file, reason });

/** The only agent of the project, or the named one. Throws BUSBAR_INPUT_INVALID. */
export function chooseAgent(project: Project, name: string | undefined): AgentDefinition {
  const names = project.agents.map((one) => one.name);
  const found =
    name === undefined && names.length === 1 ? project.agents[0] : project.agents.find((one) => one.name === name);
  if (found !== undefined) return found;
  const reason =
    name !== undefined
      ? `the project has no agent ${name}`
      : names.length === 0
        ? "its modules export no agent"
        : `it has several agents: ${names.join(", ")}`;
  const next =
    names.length === 0
      ? "name a module under modules.agents in busbar.yaml"
      : `npx busbar deploy ${dirname(project.file)} --agent ${names[0] ?? ""}`;
  throw busbarError("BUSBAR_INPUT_INVALID", { what: "deploy", reason, next });
}

/** Absolute paths of the modules that export the project's agents. */
export function agentModules(project: Project, modules: readonly string[]): readonly string[] {
  return modules.map((path) => resolve(dirname(project.file), path));
}

function schemaProblem(project: Project): string | null {
  const check = createSchemaCheck();
  for (const [name, { args, result }] of Object.entries(project.policy.tools)) {
    for (const [what, schema] of [
      ["args", args],
      ["result", result],
    ] as const) {
      const problem = schema === null ? null : check(schema, {});
      if (problem?.startsWith("the schema cannot be used") === true) return `tools.${name}.${what}: ${problem}`;
    }
  }
  return null;
}

function rowProblem(row: AgentPolicy, agent: string, project: Project, inForce: Policy): string | null {
  const lists = [
    ["tools", row.tools, (name: string) => own(inForce.tools, name) !== undefined],
    ["sends", row.sends, (name: string) => own(inForce.agents, name) !== undefined || name === agent],
    [
      "models",
      row.models,
      (name: string) => own(inForce.models, name) !== undefined || project.models.some((one) => one.name === name),
    ],
  ] as const;
  for (const [what, names, isKnown] of lists) {
    const stranger = names.find((name) => name !== "*" && !isKnown(name));
    if (stranger !== undefined) {
      return `agents.${agent}.${what}: ${stranger} is not in the policy that is in force; restart the gateways with it first`;
    }
  }
  return null;
}

/** Tools whose manifest here is not the one that the gateways run. */
function changedTool(row: AgentPolicy, project: Project, inForce: Policy): string | null {
  const names = row.tools.includes("*") ? Object.keys(project.policy.tools) : row.tools;
  for (const name of names) {
    const here = own(project.policy.tools, name);
    const there = own(inForce.tools, name);
    if (here === undefined || there === undefined || here.digest === there.digest) continue;
    return `tool ${name} has manifest ${here.digest.slice(0, 12)} here and ${there.digest.slice(0, 12)} at the gateways; restart them with this project first`;
  }
  return null;
}

/** Throws BUSBAR_CONFIG_INVALID with the first thing that is wrong. `inForce`: the policy of the partitions now. */
export function checkAgent(project: Project, agent: AgentDefinition, inForce: Policy): CheckedAgent {
  if (!VERSION.test(agent.version)) {
    throw invalid(
      project,
      `agent ${agent.name}: version "${agent.version}" has other characters than letters, digits and . _ + -`,
    );
  }
  const row = own(project.policy.agents, agent.name) ?? { tools: [], sends: [], models: [] };
  const problem =
    schemaProblem(project) ?? rowProblem(row, agent.name, project, inForce) ?? changedTool(row, project, inForce);
  if (problem !== null) throw invalid(project, problem);
  const policy = { ...inForce, agents: { ...inForce.agents, [agent.name]: row } };
  const named = row.tools.includes("*") ? Object.keys(inForce.tools) : row.tools;
  const tools = named.toSorted().map((tool) => ({ tool, digest: own(inForce.tools, tool)?.digest ?? "" }));
  return { agent, policy, policyHash: policyHash(policy), tools };
}
