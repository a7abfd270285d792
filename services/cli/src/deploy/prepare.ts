/** From a folder to a deployment that may be ordered: the project loaded and checked, its code read, its digest known. */
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadProject, parseProjectFile, type Project } from "@busbar/agent/project";
import { busbarError, own } from "@busbar/kernel";
import type { PartitionState } from "@busbar/policy";
import { type CheckedAgent, agentModules, checkAgent, chooseAgent } from "./check-agent.ts";
import { viewDeployment } from "./deployment-view.ts";
import { codeBehind, withEdges } from "./loaded-files.ts";
import { policyInForce } from "./policy-order.ts";
import { type AgentCode, readCode } from "./snapshot.ts";

export interface Prepared extends CheckedAgent {
  readonly code: AgentCode;
  /** Names of all agents that the loaded modules export. */
  readonly exported: readonly string[];
  readonly project: Project;
}

export interface LoadedProject {
  readonly project: Project;
  readonly code: AgentCode;
}

async function projectFile(folder: string): Promise<string> {
  const path = resolve(folder);
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() === true ? join(path, "busbar.yaml") : path;
}

/** Loads the project of a folder (or of a project file) and reads the code of its agents as it is now. */
export async function loadCode(folder: string): Promise<LoadedProject> {
  const file = await projectFile(folder);
  const { value: project, edges } = await withEdges(() => loadProject(file));
  const { modules } = parseProjectFile(file, await readFile(file, "utf8"));
  const entries = agentModules(project, modules?.agents ?? []);
  if (entries.length === 0) {
    throw busbarError("BUSBAR_CONFIG_INVALID", {
      file,
      reason: "modules.agents names no module: there is nothing to deploy",
    });
  }
  return { project, code: readCode(entries, codeBehind(entries, edges)) };
}

/** Checks one agent of a loaded project against what is in force. Throws what is wrong, before anything is ordered. */
export function prepare(
  { project, code }: LoadedProject,
  name: string | undefined,
  states: readonly PartitionState[],
): Prepared {
  const agent = chooseAgent(project, name);
  const inForce = policyInForce(states);
  if (inForce === null) {
    throw busbarError("BUSBAR_DEPLOY_REFUSED", {
      agent: agent.name,
      version: agent.version,
      reason: "no policy is in force: no gateway has opened a door on this bus",
      next: "start a gateway with the project, then npx busbar status",
    });
  }
  const checked = checkAgent(project, agent, inForce);
  const known = own(viewDeployment(states, agent.name)?.deployment.versions ?? {}, agent.version);
  if (known !== undefined && known.codeDigest !== code.digest) {
    throw busbarError("BUSBAR_DEPLOY_REFUSED", {
      agent: agent.name,
      version: agent.version,
      reason: `the log knows this version with code ${known.codeDigest.slice(0, 12)}; this is ${code.digest.slice(0, 12)}`,
      next: "give it a new version in defineAgent, then deploy it again",
    });
  }
  return { ...checked, code, project, exported: project.agents.map((one) => one.name) };
}
