/**
 * An agent process that obeys nobody: it does not hear halts, takes no signal for an answer, comes back by itself when
 * it is killed, and has a helper in a session of its own that forges and replays in its name (helper.ts).
 *
 * This process is a keeper that runs the agents in a child and starts them again; both ignore what can be ignored. Every
 * one of them ends when the chaos run (BUSBAR_CHAOS_RUN, a process id) is gone, and by its entry in BUSBAR_CHAOS_PIDS.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { announceReady } from "@busbar/telemetry";
import { defy } from "./defy.ts";

const AGENT = resolve(import.meta.dirname, "../../harness/agent-main.ts");
const HELPER = join(import.meta.dirname, "helper.ts");
const RESTART_MS = 50;

// Its children have no standard input whose end would tell them anything.
const { BUSBAR_EXIT_WITH_PARENT: _, ...env } = process.env;
const list = env["BUSBAR_CHAOS_PIDS"] ?? "";

function begin(main: string, isDetached: boolean): ChildProcess {
  const preload = `--import ${new URL("defy.ts", import.meta.url).href}`;
  // The list as an argument: by it, never by its id alone, a process is known as one of these.
  const child = spawn(process.execPath, [main, list], {
    env: { ...env, NODE_OPTIONS: `${env["NODE_OPTIONS"] ?? ""} ${preload}` },
    stdio: ["ignore", isDetached ? "ignore" : "pipe", isDetached ? "ignore" : "inherit"],
    detached: isDetached,
  });
  appendFileSync(list, `${child.pid ?? 0}\n`);
  return child;
}

function keep(main: string, isDetached: boolean, onLine: (text: string) => void = () => undefined): void {
  const child = begin(main, isDetached);
  child.stdout?.on("data", (bytes: Buffer) => onLine(bytes.toString("utf8")));
  child.once("exit", () => setTimeout(() => keep(main, isDetached, onLine), RESTART_MS));
}

defy();
let isAnnounced = false;
keep(HELPER, true);
keep(AGENT, false, (text) => {
  if (!isAnnounced && text.includes('"ready":true')) announceReady({ service: "agent", http: null, name: "hostile" });
  isAnnounced ||= text.includes('"ready":true');
});
