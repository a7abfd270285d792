/** Waiting for what a deployment supervisor makes of an order: by the log, and by what it says of its processes. */
import { busbarError } from "@busbar/kernel";
import type { OpenBus } from "../bus.ts";
import { type DeploymentView, viewDeployment } from "./deployment-view.ts";
import { followStates } from "./live-states.ts";
import { supervisorLog } from "./places.ts";
import { ensureSupervisor } from "./start-supervisor.ts";
import { type PoolStatus, readSupervisorState } from "./state-file.ts";

export interface AwaitVersion {
  readonly bus: OpenBus;
  readonly stateDir: string;
  readonly agent: string;
  readonly version: string;
  readonly timeoutMs: number;
}

const POLL_MS = 150;

/** What there is to say by now: the ready processes, why it failed, or neither. */
function judge(
  view: DeploymentView | null,
  pool: PoolStatus | undefined,
  version: string,
): { readonly ready: PoolStatus | null; readonly failed: string } {
  const row = view?.versions.find((one) => one.version === version);
  if (view === null || row === undefined) return { ready: null, failed: "" };
  if (row.failed !== "") return { ready: null, failed: row.failed };
  if (!view.isSettled || row.role !== "current" || pool === undefined) return { ready: null, failed: "" };
  const isReady = pool.ready >= Math.max(pool.wanted, view.deployment.instances);
  return { ready: isReady ? pool : null, failed: pool.failed };
}

/** Until the version is current in every partition and its processes are ready. Throws BUSBAR_DEPLOY_FAILED. */
export async function awaitVersion({ bus, stateDir, agent, version, timeoutMs }: AwaitVersion): Promise<PoolStatus> {
  const live = await followStates(bus);
  const untilMs = performance.now() + timeoutMs;
  try {
    for (;;) {
      const state = await readSupervisorState(stateDir, agent);
      const pool = state?.versions.find((one) => one.version === version);
      const { ready, failed } = judge(viewDeployment(live.states(), agent), pool, version);
      if (failed !== "") {
        throw busbarError("BUSBAR_DEPLOY_FAILED", {
          agent,
          version,
          reason: failed,
          file: supervisorLog(stateDir, agent),
        });
      }
      if (ready !== null) return ready;
      // After the judgement: a supervisor that has nothing left to run has ended.
      await ensureSupervisor(stateDir, agent, bus.env);
      if (performance.now() > untilMs) {
        throw busbarError("BUSBAR_TIMEOUT", {
          what: `deploying ${agent}@${version}`,
          timeoutMs,
          next: "npx busbar status",
        });
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    await live.stop();
  }
}
