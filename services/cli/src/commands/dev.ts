/** `busbar dev` (npm start): a whole bus with the project's agents, until Ctrl-C; then nothing of it is left. */
import { mkdir } from "node:fs/promises";
import type { AgentDefinition } from "@busbar/agent";
import { loadProject } from "@busbar/agent/project";
import { canonicalJson } from "@busbar/kernel";
import { Command } from "commander";
import { bringUp, type BroughtUp } from "../bring-up.ts";
import { stateDirOf } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { endSupervisors } from "../deploy/start-supervisor.ts";
import { type DevOptions, type DevServices, startChildServices } from "../dev/child-services.ts";
import { takeFolder } from "../dev/only-one.ts";
import type { Output } from "../output.ts";
import { partitionsOption, portOption } from "../parse/count.ts";
import { chooseProject } from "../project-file.ts";
import { stopSignal } from "../stop-signal.ts";

interface DevFlags {
  readonly port?: number;
  readonly partitions?: number;
}

/** Quoted for a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** What to type at the bus that runs, each line as it is typed. */
export function nextLines(agents: readonly Pick<AgentDefinition, "name" | "example">[]): readonly string[] {
  const withExample = agents.filter(({ example }) => example !== undefined);
  // Only the first is waited for: another one may be an agent that never ends, there to be halted.
  const tasks = withExample.map(({ name, example }, index) => {
    return `npx busbar submit ${name} ${quoted(canonicalJson(example))}${index === 0 ? " --wait" : ""}`;
  });
  const last = withExample.at(-1) ?? agents.at(-1);
  const given = last === undefined || tasks.length > 0 ? tasks : [`npx busbar submit ${last.name} '{}'`];
  const scope = last === undefined ? "fleet" : `agent:${last.name}`;
  return [...given, "npx busbar status", "npx busbar events tail", `npx busbar halt ${scope} --reason "trying it out"`];
}

function sayReady(output: Output, services: DevServices, agents: readonly AgentDefinition[], sinceMs: number): void {
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
  const names = agents.map(({ name }) => name);
  output.item(
    { ready: true, service: "dev", agents: names, pid: process.pid },
    () => `ready after ${seconds} s: agents ${names.join(", ")}`,
  );
  for (const line of services.lines) output.note(`  ${line}`);
  output.note("\nIn another terminal, in this folder:");
  for (const line of nextLines(agents)) output.note(`  ${line}`);
  output.note("\nCtrl-C ends everything.");
}

type Note = (line: string) => void;

/** The services on a bus that is up, until `stopped`. */
async function runServices(
  up: BroughtUp,
  options: DevOptions,
  stopped: Promise<unknown>,
  onReady: (services: DevServices) => void,
): Promise<void> {
  const isEmbedded = up.bus.kind === "embedded";
  const start = isEmbedded ? (await import("../dev/in-process.ts")).startInProcess : startChildServices;
  const services = await start(options);
  try {
    onReady(services);
    await Promise.race([stopped, services.failed]);
    options.note("stopping agents, gateway and supervisor");
  } finally {
    // What was deployed on this bus ends with it.
    await endSupervisors(options.stateDir);
    await services.stop();
  }
}

/** Resolves at the first signal; what is starting then is not cut off in the middle, and that is said. */
function watchSignal(note: Note): { readonly stopped: Promise<unknown>; isAsked: boolean; isReady: boolean } {
  const watch = { stopped: stopSignal(), isAsked: false, isReady: false };
  void watch.stopped.then(() => {
    watch.isAsked = true;
    if (!watch.isReady) note("stopping as soon as what is starting has started");
  });
  return watch;
}

async function runDev(flags: DevFlags, self: Command): Promise<void> {
  const output = outputOf(self);
  const note: Note = (line) => {
    output.note(line);
  };
  const beganMs = performance.now();
  const signal = watchSignal(note);
  const stateDir = stateDirOf();
  await mkdir(stateDir, { recursive: true });
  const choice = chooseProject(process.env, process.cwd());
  if (choice.isExample) note(`no busbar.yaml here: running the examples of ${choice.file}`);
  const project = await loadProject(choice.file);
  const folder = await takeFolder(stateDir);
  try {
    const agents = Object.keys(project.policy.agents);
    const up = await bringUp({ env: process.env, stateDir, agents, detached: false, note, ...flags });
    try {
      if (signal.isAsked) return;
      note(`starting gateway, supervisor and ${project.agents.length} agents`);
      const options = { env: up.env, project: choice.file, stateDir, partitionCount: up.partitionCount, note };
      await runServices(up, options, signal.stopped, (services) => {
        signal.isReady = true;
        if (!signal.isAsked) sayReady(output, services, project.agents, beganMs);
      });
    } finally {
      if (!up.bus.reused && up.bus.kind !== "embedded") note("stopping the broker");
      await up.stop();
    }
  } finally {
    await folder.release();
    note("stopped; nothing of it runs any more");
  }
}

export function devCommand(): Command {
  return new Command("dev")
    .description(
      "Brings a bus up with gateway, supervisor and the project's agents, says what to type next, and stays.",
    )
    .option("--port <number>", "client port of the broker (default: a free one)", portOption)
    .option(
      "--partitions <count>",
      "partitions of everything keyed by chain, for new topics (default: 4)",
      partitionsOption,
    )
    .action(runDev);
}
