/**
 * Which project a command works with: BUSBAR_PROJECT, else `busbar.yaml` of this folder, else the examples of this
 * repository, which is said.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ProjectFile } from "@busbar/agent/project";
import { busbarError, reasonOf } from "@busbar/kernel";

/** Root of the repository that this command line belongs to. */
export const ROOT = resolve(import.meta.dirname, "../../..");
const EXAMPLES = join(ROOT, "services/examples/busbar.yaml");

export interface ProjectChoice {
  /** Absolute path of its `busbar.yaml`. */
  readonly file: string;
  /** Nobody named it and there is none here. */
  readonly isExample: boolean;
}

/** The example is looked for only where the repository has it. */
export function chooseProject(env: NodeJS.ProcessEnv, cwd: string, examples = EXAMPLES): ProjectChoice {
  const named = env["BUSBAR_PROJECT"];
  if (named !== undefined && named !== "") return { file: resolve(cwd, named), isExample: false };
  const here = join(cwd, "busbar.yaml");
  const isExample = !existsSync(here) && existsSync(examples);
  return { file: isExample ? examples : here, isExample };
}

/** The checked file without loading its modules. Throws BUSBAR_CONFIG_INVALID. */
export async function readProjectFile({ file }: ProjectChoice): Promise<ProjectFile> {
  const { parseProjectFile } = await import("@busbar/agent/project");
  try {
    return parseProjectFile(file, await readFile(file, "utf8"));
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `it cannot be read: ${reasonOf(error)}` }, error);
  }
}

/** The agents of the project, by name; none where the folder has no project. */
export async function agentNames(choice: ProjectChoice): Promise<readonly string[]> {
  if (!existsSync(choice.file)) return [];
  return Object.keys((await readProjectFile(choice)).agents);
}
