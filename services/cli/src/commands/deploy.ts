/**
 * `busbar deploy`: checks an agent, puts its version on the log, has its processes started and supervised, and says
 * how that ended. `--supervise` is the supervisor itself, in this terminal.
 */
import { mkdir } from "node:fs/promises";
import { busbarError } from "@busbar/kernel";
import { Command, Option } from "commander";
import { type OpenBus, stateDirOf, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { awaitVersion } from "../deploy/await-version.ts";
import { type ComposeFiles, writeComposeTarget } from "../deploy/compose-target.ts";
import { unpinnedChains, viewDeployment } from "../deploy/deployment-view.ts";
import { viewStates } from "../deploy/live-states.ts";
import { orderDeployment, orderPromotion, orderRollback } from "../deploy/orders.ts";
import { deployFolder, recordFile } from "../deploy/places.ts";
import { loadCode, type Prepared, prepare } from "../deploy/prepare.ts";
import { ensureSupervisor } from "../deploy/start-supervisor.ts";
import { superviseAgent } from "../deploy/supervise.ts";
import { recordedProcess, takeRecord } from "../dev/only-one.ts";
import type { Output } from "../output.ts";
import { countOption } from "../parse/count.ts";
import { durationOption } from "../parse/duration.ts";
import { stopSignal } from "../stop-signal.ts";

interface DeployOptions {
  readonly agent?: string;
  readonly instances?: number;
  readonly reason?: string;
  readonly timeout: number;
  readonly foreground?: boolean;
  readonly supervise?: boolean;
  readonly rollback?: boolean;
  readonly promote?: boolean;
  readonly target: "processes" | "compose";
  readonly into?: string;
}

const DEFAULT_TIMEOUT_MS = 90_000;

/** Kafka's groups hand each chain to one process; the embedded log has none. */
function assertGroups(bus: OpenBus): void {
  if (bus.log.capabilities.groups) return;
  throw busbarError("BUSBAR_USAGE", {
    reason:
      "the embedded log runs agents in one process: deploy needs a broker (npx busbar doctor), or use npx busbar dev",
  });
}

/** Before anything is ordered: one supervisor of an agent per folder. */
async function assertUnsupervised(agent: string): Promise<void> {
  const pid = await recordedProcess(recordFile(stateDirOf(), agent));
  if (pid === null) return;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "--foreground",
    reason: `process ${pid} supervises ${agent} in this folder already`,
    next: "leave --foreground out: that process goes by the log",
  });
}

async function supervise(bus: OpenBus, agent: string, output: Output): Promise<void> {
  const stateDir = stateDirOf();
  await mkdir(deployFolder(stateDir, agent), { recursive: true });
  const record = await takeRecord(recordFile(stateDir, agent), `supervisor of ${agent}`, "npx busbar status");
  const stopped = stopSignal();
  const note = (line: string): void => {
    output.note(`${new Date().toISOString()} ${line}`);
  };
  try {
    await superviseAgent({ bus, stateDir, agent, note, stopped, onReady: () => note(`supervising ${agent}`) });
    note("nothing of it runs any more");
  } finally {
    await record.release();
  }
}

async function answerDeployed(
  bus: OpenBus,
  output: Output,
  options: DeployOptions,
  agent: string,
  version: string,
): Promise<void> {
  const stateDir = stateDirOf();
  await ensureSupervisor(stateDir, agent, bus.env);
  const pool = await awaitVersion({ bus, stateDir, agent, version, timeoutMs: options.timeout });
  const value = { agent, version, ready: pool.ready, wanted: pool.wanted, instances: pool.instances };
  output.answer({
    value,
    text: () =>
      `${output.green("deployed")} ${agent}@${version}: ${pool.ready} of ${pool.wanted} processes ready; new tasks are its own`,
  });
  output.note(
    `next: npx busbar submit ${agent} '{}'   npx busbar status   npx busbar deploy ${agent} --rollback --reason "<why>"`,
  );
}

function answerCompose(output: Output, { agent }: Prepared, files: ComposeFiles): void {
  output.answer({
    value: { agent: agent.name, version: agent.version, ...files },
    text: () =>
      [`wrote ${files.files.join(", ")}`, "then type:", ...files.commands.map((line) => `  ${line}`)].join("\n"),
  });
}

async function deploy(bus: OpenBus, folder: string, options: DeployOptions, output: Output): Promise<void> {
  const stateDir = stateDirOf();
  const loaded = await loadCode(folder);
  const states = await viewStates(bus);
  const prepared = prepare(loaded, options.agent, states);
  const { agent } = prepared;
  const { reason = "deployed", timeout } = options;
  const instances = options.instances ?? viewDeployment(states, agent.name)?.deployment.instances ?? 1;
  if (options.foreground === true) await assertUnsupervised(agent.name);
  const isCompose = options.target === "compose";
  // Before the order: what cannot be written is not deployed.
  const files = isCompose ? writeComposeTarget(prepared, { into: options.into, instances, prefix: bus.prefix }) : null;
  await orderDeployment(bus, {
    prepared,
    stateDir: isCompose ? null : stateDir,
    instances,
    reason,
    timeoutMs: timeout,
    note: (line) => output.note(line),
  });
  const before = unpinnedChains(states, agent.name);
  if (before > 0)
    output.note(`${before} chains began before it was deployed: npx busbar agents run ${agent.name} ends them`);
  if (files !== null) return answerCompose(output, prepared, files);
  if (options.foreground === true) return supervise(bus, agent.name, output);
  await answerDeployed(bus, output, options, agent.name, agent.version);
}

function reasonOf({ reason }: DeployOptions, what: string): string {
  if (reason !== undefined && reason.trim() !== "") return reason.trim();
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what,
    reason: "it asks for a reason",
    next: 'say why, for example --reason "the new version is wrong"',
  });
}

async function runDeploy(target: string, options: DeployOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const stateDir = stateDirOf();
  const rollbackReason = options.rollback === true ? reasonOf(options, "deploy --rollback") : "";
  await withBus(output, async (bus) => {
    assertGroups(bus);
    if (options.supervise === true) return supervise(bus, target, output);
    if (options.promote === true) {
      const version = await orderPromotion(bus, target, options.timeout);
      output.answer({ value: { agent: target, version }, text: () => `${target}@${version} takes new tasks now` });
      return;
    }
    if (options.rollback !== true) return deploy(bus, target, options, output);
    const { timeout } = options;
    const back = await orderRollback(bus, { agent: target, stateDir, reason: rollbackReason, timeoutMs: timeout });
    output.note(`version ${back.from} is rolled back; what it began it finishes`);
    await answerDeployed(bus, output, options, target, back.to);
  });
}

export function deployCommand(): Command {
  return new Command("deploy")
    .description(
      "Checks the agent of a folder (schemas, tools, policy), puts its version with the digests of its code and tools on the log, starts its processes under supervision, and gives it new tasks once they are ready. What another version began, that version finishes. A version that does not become ready is rolled back.",
    )
    .argument(
      "<folder>",
      "folder of the project, or its busbar.yaml; with --rollback, --promote or --supervise the agent's name",
    )
    .option("--agent <name>", "which agent, where the project has several")
    .option("--instances <count>", "processes that are kept running (default: as before, at first 1)", countOption)
    .option("--reason <text>", "why; it stands on the log with your name")
    .option("--rollback", "make the version before current again; asks for a reason")
    .option("--foreground", "supervise in this terminal; Ctrl-C ends the processes, and the deployment stays")
    .option("--supervise", "only supervise, as the log says; for a service manager")
    .addOption(
      new Option("--target <kind>", "run processes here, or write image and service for Docker Compose")
        .choices(["processes", "compose"])
        .default("processes"),
    )
    .option("--into <folder>", "where --target compose writes (default: deploy, beside busbar.yaml)")
    .option("--promote", "give new tasks to a version that runs elsewhere, once its processes show signs of life")
    .addOption(
      new Option("--timeout <time>", "how long to wait until it is ready (default: 90s)")
        .argParser(durationOption("--timeout"))
        .default(DEFAULT_TIMEOUT_MS, "90s"),
    )
    .action(runDeploy);
}
