/** Gateway, supervisor and agents of `busbar dev` as processes on a broker. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withoutSecrets } from "@busbar/infra";
import { busbarError, type JsonObject } from "@busbar/kernel";
import { type ServiceOptions, ServiceProcess } from "./service-process.ts";

export interface DevServices {
  /** For people: what runs, and where to look. */
  readonly lines: readonly string[];
  /** Rejects when a service ended too often. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

export interface DevOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly project: string;
  readonly stateDir: string;
  readonly partitionCount: number;
  readonly note: (line: string) => void;
}

const DOORS_BOUND_MS = 30_000;
const DOORS_POLL_MS = 50;

interface DoorPage {
  readonly door: string;
  readonly reason: string;
}

/** Until every partition's door is open. Throws BUSBAR_TIMEOUT, naming what a closed door says. */
export async function awaitDoors(count: number, read: () => Promise<readonly DoorPage[]>): Promise<void> {
  const endMs = performance.now() + DOORS_BOUND_MS;
  for (let reason = ""; ;) {
    const doors = await read().catch(() => []);
    const shut = doors.find(({ door }) => door !== "open");
    if (doors.length === count && shut === undefined) return;
    reason = shut?.reason ?? reason;
    if (performance.now() > endMs) {
      const what = reason === "" ? "opening the doors" : `opening the doors (${reason})`;
      throw busbarError("BUSBAR_TIMEOUT", { what, timeoutMs: DOORS_BOUND_MS, next: "npx busbar doctor" });
    }
    await new Promise((resolve) => setTimeout(resolve, DOORS_POLL_MS));
  }
}

const urlOf = (ready: JsonObject): string => (typeof ready["http"] === "string" ? ready["http"] : "");

export async function startChildServices(options: DevOptions): Promise<DevServices> {
  const { env, project, stateDir, note, partitionCount } = options;
  const logs = join(stateDir, "logs");
  await mkdir(logs, { recursive: true });
  let giveUp: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => (giveUp = reject));
  failed.catch(() => undefined);
  // Secrets are the gateway's alone.
  const open = withoutSecrets(env);
  const service = (name: string, args: readonly string[]): ServiceProcess => {
    const common: Omit<ServiceOptions, "name" | "args" | "logFile"> = {
      env: { ...(name === "gateway" ? env : open), BUSBAR_PROJECT: project },
      note,
      onGivenUp: (error) => {
        giveUp(error);
      },
    };
    return new ServiceProcess({ ...common, name, args, logFile: join(logs, `${name}.log`) });
  };
  // By their packages' names: sources in the repository, compiled files where they are installed.
  const supervisor = service("supervisor", [fileURLToPath(import.meta.resolve("@busbar/supervisor/main"))]);
  const gateway = service("gateway", [fileURLToPath(import.meta.resolve("@busbar/gateway/main"))]);
  const agents = service("agents", [fileURLToPath(import.meta.resolve("@busbar/cli/main")), "agent", "run"]);
  // Agents first: what they still have to say finds its door.
  const stop = async (): Promise<void> => {
    await agents.stop();
    await Promise.all([gateway.stop(), supervisor.stop()]);
  };
  try {
    const [gatewayReady, supervisorReady] = await Promise.all([gateway.start(), supervisor.start(), agents.start()]);
    const gatewayUrl = urlOf(gatewayReady);
    await awaitDoors(partitionCount, async () => (await (await fetch(`${gatewayUrl}/doors`)).json()) as DoorPage[]);
    const lines = [`gateway ${gatewayUrl}, supervisor ${urlOf(supervisorReady)}`, `logs in ${logs}`];
    return { lines, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
