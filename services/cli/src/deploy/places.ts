/** Where the state of an agent's deployment lies on this machine, and how another process of this program is started. */
import { extname, join, resolve } from "node:path";

/** The program's own main module, beside this one: sources run as sources, what was built as built. */
export function cliMain(): string {
  return resolve(import.meta.dirname, `../main${extname(import.meta.filename)}`);
}

export const deployFolder = (stateDir: string, agent: string): string => join(stateDir, "deploy", agent);
/** Names the supervisor that runs. */
export const recordFile = (stateDir: string, agent: string): string =>
  join(deployFolder(stateDir, agent), "supervisor.json");
/** What its processes are like now. */
export const stateFile = (stateDir: string, agent: string): string => join(deployFolder(stateDir, agent), "state.json");
export const supervisorLog = (stateDir: string, agent: string): string =>
  join(deployFolder(stateDir, agent), "supervisor.log");
