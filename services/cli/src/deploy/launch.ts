/** Starting one process of a deployed version: `busbar agents run --deployed` on the version's own copy of the code. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { busbarError, type JsonObject, reasonOf } from "@busbar/kernel";
import { ServiceProcess } from "../dev/service-process.ts";
import { cliMain } from "./places.ts";
import type { RunningProcess } from "./instance.ts";
import { assertSnapshot, snapshotFolder } from "./snapshot.ts";

export interface LaunchOptions {
  readonly stateDir: string;
  readonly agent: string;
  readonly version: string;
  readonly codeDigest: string;
  /** Names its log. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Rejects where the code is not what was recorded, or the process ends before it is ready. */
export async function launchInstance(options: LaunchOptions): Promise<RunningProcess> {
  const { stateDir, agent, version, codeDigest, name, env } = options;
  const folder = snapshotFolder(stateDir, agent, version);
  assertSnapshot(folder, agent, version, codeDigest);
  const logs = join(stateDir, "deploy", agent, "logs");
  mkdirSync(logs, { recursive: true });
  let announceEnd: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (announceEnd = resolve));
  const service = new ServiceProcess({
    name,
    args: [cliMain(), "agents", "run", agent, "--deployed"],
    env: { ...env, BUSBAR_PROJECT: join(folder, "busbar.yaml"), BUSBAR_HTTP_PORT: "0", BUSBAR_HTTP_HOST: "127.0.0.1" },
    logFile: join(logs, `${name}.log`),
    keepsLog: true,
    // The instance counts and pauses; a process that ends is its end.
    restartsMax: 0,
    note: () => undefined,
    onGivenUp: (error) => {
      announceEnd(reasonOf(error));
    },
  });
  let ready: JsonObject;
  try {
    ready = await service.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
  const pid = Number(ready["pid"]);
  if (!Number.isSafeInteger(pid)) {
    await service.stop();
    throw busbarError("BUSBAR_SERVICE_FAILED", {
      service: name,
      reason: "its ready line names no process",
      file: logs,
    });
  }
  return {
    ready,
    ended,
    kill: () => {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in the meantime.
      }
    },
    stop: async () => {
      await service.stop();
      announceEnd("it was stopped");
    },
  };
}
