/** The gateway's environment, checked. */
import { busbarError } from "@busbar/kernel";
import { DEFAULT_OWNER_SETTINGS, type OwnerSettings } from "@busbar/runtime";

export interface GatewayConfig {
  readonly project: string;
  readonly owner: string | undefined;
  readonly httpPort: number;
  readonly httpHost: string;
  readonly logLevel: string;
  readonly codeVersion: string;
  readonly settings: Partial<OwnerSettings>;
}

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  if (!/^\d{1,9}$/.test(text)) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file: name, reason: `${text} is not a whole number` });
  }
  return Number(text);
}

/** Throws BUSBAR_CONFIG_INVALID naming the variable. */
export function readConfig(env: NodeJS.ProcessEnv): GatewayConfig {
  const defaults = DEFAULT_OWNER_SETTINGS;
  return {
    project: env["BUSBAR_PROJECT"] ?? "busbar.yaml",
    owner: env["BUSBAR_OWNER"],
    httpPort: integer(env, "BUSBAR_HTTP_PORT", 0),
    httpHost: env["BUSBAR_HTTP_HOST"] ?? "127.0.0.1",
    logLevel: env["BUSBAR_LOG_LEVEL"] ?? "info",
    codeVersion: env["BUSBAR_CODE_VERSION"] ?? "",
    settings: {
      heartbeatStaleMs: integer(env, "BUSBAR_HEARTBEAT_STALE_MS", defaults.heartbeatStaleMs),
      lifeBoundMs: integer(env, "BUSBAR_LIFE_BOUND_MS", defaults.lifeBoundMs),
      drainMs: integer(env, "BUSBAR_DRAIN_MS", defaults.drainMs),
      takeoverMs: integer(env, "BUSBAR_TAKEOVER_MS", defaults.takeoverMs),
      acceptedGaps: (env["BUSBAR_ACCEPT_GAP"] ?? "").split(",").filter((one) => one !== ""),
      checkpointEvery: integer(env, "BUSBAR_CHECKPOINT_EVERY", defaults.checkpointEvery),
    },
  };
}
