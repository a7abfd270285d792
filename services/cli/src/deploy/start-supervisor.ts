/** Starting and ending the deployment supervisor of an agent as a process of its own, which outlives the command. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { busbarError } from "@busbar/kernel";
import { recordedProcess } from "../dev/only-one.ts";
import { cliMain, deployFolder, recordFile, supervisorLog } from "./places.ts";
import { deployedHere } from "./state-file.ts";

const POLL_MS = 50;
const START_BOUND_MS = 30_000;
const STOP_BOUND_MS = 40_000;

const pause = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").trim().split("\n").slice(-3).join(" ");
  } catch {
    return "";
  }
}

/** The process id of the agent's supervisor in this folder; started where none runs. */
export async function ensureSupervisor(stateDir: string, agent: string, env: NodeJS.ProcessEnv): Promise<number> {
  const running = await recordedProcess(recordFile(stateDir, agent));
  if (running !== null) return running;
  mkdirSync(deployFolder(stateDir, agent), { recursive: true });
  const file = supervisorLog(stateDir, agent);
  const log = openSync(file, "a");
  // It must not end with whoever started this command.
  const { BUSBAR_EXIT_WITH_PARENT: _unused, ...rest } = env;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", cliMain(), "deploy", agent, "--supervise"],
    {
      env: rest,
      stdio: ["ignore", log, log],
      detached: true,
    },
  );
  closeSync(log);
  child.unref();
  const state = { hasEnded: false };
  child.once("exit", () => (state.hasEnded = true));
  child.once("error", () => (state.hasEnded = true));
  const untilMs = performance.now() + START_BOUND_MS;
  while (!state.hasEnded && performance.now() < untilMs) {
    const pid = await recordedProcess(recordFile(stateDir, agent));
    if (pid !== null) return pid;
    await pause(POLL_MS);
  }
  child.kill("SIGKILL");
  throw busbarError("BUSBAR_SERVICE_FAILED", { service: `supervisor of ${agent}`, reason: lastLines(file), file });
}

/** Ends the supervisor of an agent in this folder, and with it its processes; false where none runs. */
export async function endSupervisor(stateDir: string, agent: string): Promise<boolean> {
  const file = recordFile(stateDir, agent);
  const pid = await recordedProcess(file);
  if (pid === null) return false;
  process.kill(pid, "SIGTERM");
  const untilMs = performance.now() + STOP_BOUND_MS;
  while ((await recordedProcess(file)) !== null) {
    if (performance.now() > untilMs) {
      process.kill(pid, "SIGKILL");
      return true;
    }
    await pause(POLL_MS);
  }
  return true;
}

/** Ends all supervisors of this folder; the agents whose processes ended. */
export async function endSupervisors(stateDir: string): Promise<readonly string[]> {
  const ended: string[] = [];
  for (const agent of deployedHere(stateDir)) if (await endSupervisor(stateDir, agent)) ended.push(agent);
  return ended;
}
