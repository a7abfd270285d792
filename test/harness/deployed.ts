/**
 * Deployments as a person makes them: versions of one agent in a folder, the command line run as typed, and what the
 * supervisor of the deployment left on disk. Whatever happens to the test, `close` ends what was deployed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { until } from "@busbar/testkit";

const ROOT = resolve(import.meta.dirname, "../..");
const CLI = join(ROOT, "services/cli/src/main.ts");

export interface Typed {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Deployed {
  /** The folder in which commands are typed. */
  readonly folder: string;
  /** Writes the agent's module; `body` is the body of its handler, `top` runs when the module is loaded. */
  write(version: string, body: string, top?: string): void;
  /** One command line, awaited. */
  typed(...args: readonly string[]): Promise<Typed>;
  /** Process ids of a version's running instances, as the supervisor says. */
  pids(version: string): readonly number[];
  versions(): readonly string[];
  supervisorPid(): number;
  close(): Promise<void>;
}

interface State {
  readonly versions: readonly {
    readonly version: string;
    readonly instances: readonly { readonly pid: number; readonly state: string }[];
  }[];
}

export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** `agent`: one that the bus has an inbox and a key for; it may annotate orders. */
export function openDeployed(env: Readonly<Record<string, string>>, agent: string): Deployed {
  const folder = mkdtempSync(join(tmpdir(), "busbar-deployed-"));
  const project = join(folder, agent);
  const state = join(folder, ".busbar/deploy", agent);
  mkdirSync(project);
  symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "deployed", type: "module", private: true }));
  const row = { tools: ["orders.annotate", "mail.send"] };
  const file = { version: 1, modules: { agents: ["./agent.ts"] }, agents: { [agent]: row } };
  writeFileSync(join(project, "busbar.yaml"), JSON.stringify(file));
  const read = (name: string): unknown => {
    const path = join(state, name);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  };
  const states = (): State["versions"] => (read("state.json") as State | undefined)?.versions ?? [];
  const supervisorPid = (): number => (read("supervisor.json") as { readonly pid: number } | undefined)?.pid ?? 0;
  return {
    folder,
    write: (version, body, top = "") => {
      const source = `import { defineAgent, isCallError } from "@busbar/agent";\nimport { VERSION } from "./version.ts";\n${top}
export const agents = [defineAgent({ name: "${agent}", version: VERSION, handler: async ({ input, chainId }, ctx) => {\n${body}\n} })];\n`;
      writeFileSync(join(project, "agent.ts"), source);
      writeFileSync(join(project, "version.ts"), `export const VERSION = ${JSON.stringify(version)};\n`);
    },
    typed: async (...args) => {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const ended = new Promise<number | null>((done) => child.once("exit", done));
      const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
      return { code, out, err };
    },
    pids: (version) => {
      const found = states().find((one) => one.version === version)?.instances ?? [];
      return found.map(({ pid }) => pid).filter((pid) => pid > 0);
    },
    versions: () => states().map(({ version }) => version),
    supervisorPid,
    close: async () => {
      const pid = supervisorPid();
      const all = states().flatMap(({ instances }) => instances.map((one) => one.pid));
      if (pid > 0 && isRunning(pid)) process.kill(pid, "SIGKILL");
      await until(
        () => !all.some((one) => one > 0 && isRunning(one)),
        "what was deployed ends with its supervisor",
        45_000,
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
