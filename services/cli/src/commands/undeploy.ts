/** `busbar undeploy`: no more tasks for an agent; what is in flight is finished, or by force ended. */
import { busbarError, own } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, stateDirOf, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { viewDeployment } from "../deploy/deployment-view.ts";
import { viewStates } from "../deploy/live-states.ts";
import { awaitOrder, deploymentOf } from "../deploy/orders.ts";
import { recordFile } from "../deploy/places.ts";
import { recordedProcess } from "../dev/only-one.ts";
import { giveOrder, operatorName } from "../orders.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";

interface UndeployOptions extends OrderOptions {
  readonly only?: string;
  readonly force?: boolean;
}

const POLL_MS = 150;

/** Open chains of what was undeployed. */
async function chainsOf(bus: OpenBus, agent: string, only: string | undefined): Promise<number> {
  const versions = viewDeployment(await viewStates(bus), agent)?.versions ?? [];
  return versions
    .filter(({ version }) => only === undefined || version === only)
    .reduce((sum, { chains }) => sum + chains, 0);
}

/** Until nothing of it is open and, for the whole agent, its supervisor has ended; at most `timeoutMs`. */
async function awaitEnd(bus: OpenBus, agent: string, only: string | undefined, timeoutMs: number): Promise<number> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const chains = await chainsOf(bus, agent, only);
    const isRunning = only === undefined && (await recordedProcess(recordFile(stateDirOf(), agent))) !== null;
    if ((chains === 0 && !isRunning) || performance.now() > untilMs) return chains;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function runUndeploy(agent: string, options: UndeployOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const { only, force = false, reason, timeout } = options;
  await withBus(output, async (bus) => {
    const deployment = await deploymentOf(bus, agent);
    if (only !== undefined && (own(deployment.versions, only) === undefined || only === deployment.current)) {
      const what = only === deployment.current ? "it is the current version" : "the log knows no such version";
      const next = only === deployment.current ? `npx busbar undeploy ${agent} --reason "<why>"` : "npx busbar status";
      throw busbarError("BUSBAR_INPUT_INVALID", { what: `--only ${only}`, reason: what, next });
    }
    const body = { agent, version: only ?? "", force, reason, by: operatorName() };
    await awaitOrder(bus, await giveOrder(bus, "AgentUndeployed", agent, body), agent, timeout);
    const name = only === undefined ? agent : `${agent}@${only}`;
    const chains = await awaitEnd(bus, agent, only, timeout);
    output.answer({
      value: { agent, version: only ?? "", force, chains },
      text: () =>
        chains === 0
          ? `${output.green("undeployed")} ${name}: nothing of it is in flight`
          : `${output.green("undeployed")} ${name}: ${chains} chains in flight; its processes end with the last of them`,
    });
    if (chains > 0) output.note(`next: npx busbar status   npx busbar undeploy ${agent} --force --reason "<why>"`);
  });
}

export function undeployCommand(): Command {
  const command = new Command("undeploy")
    .description(
      "Refuses new tasks for an agent, lets its chains in flight end on the versions that began them, and ends its processes after the last one.",
    )
    .argument("<agent>", "its name")
    .option("--only <version>", "one version that is not current")
    .option("--force", "open chains fail, as soon as the effects that they started are known")
    .action(runUndeploy);
  return withOrderOptions(command);
}
