/** `busbar scale`: how many processes the supervisor of a deployed agent keeps. */
import { Command } from "commander";
import { stateDirOf, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { awaitOrder, deploymentOf } from "../deploy/orders.ts";
import { readSupervisorState } from "../deploy/state-file.ts";
import { giveOrder, operatorName } from "../orders.ts";
import { wholeNumber } from "../parse/count.ts";
import { durationOption } from "../parse/duration.ts";

interface ScaleOptions {
  readonly reason: string;
  readonly timeout: number;
}

const POLL_MS = 150;

const instancesArgument = wholeNumber(0, 999);

/** Ready processes of the current version on this machine; null where no supervisor of it runs here. */
async function awaitReady(
  agent: string,
  version: string,
  instances: number,
  timeoutMs: number,
): Promise<number | null> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const state = await readSupervisorState(stateDirOf(), agent);
    if (state === null) return null;
    const pool = state.versions.find((one) => one.version === version);
    const isDone = pool?.ready === instances && pool.wanted === instances;
    if (isDone || performance.now() > untilMs) return pool?.ready ?? 0;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function scaleCommand(): Command {
  return new Command("scale")
    .description("Says how many processes of an agent are kept running. With 0 its chains wait.")
    .argument("<agent>", "its name")
    .argument("<instances>", "how many", instancesArgument)
    .option("--reason <text>", "why; it stands on the log with your name", "scaled")
    .option("--timeout <time>", "how long to wait until they are ready", durationOption("--timeout"), 60_000)
    .action(async (agent: string, instances: number, { reason, timeout }: ScaleOptions, self: Command) => {
      const output = outputOf(self);
      await withBus(output, async (bus) => {
        const { current } = await deploymentOf(bus, agent);
        const order = await giveOrder(bus, "AgentScaled", agent, { agent, instances, reason, by: operatorName() });
        await awaitOrder(bus, order, agent, timeout);
        const ready = await awaitReady(agent, current, instances, timeout);
        const where = ready === null ? "no supervisor of it runs here" : `${ready} of ${instances} ready`;
        output.answer({
          value: { agent, version: current, instances, ready },
          text: () => `${agent}@${current}: ${where}`,
        });
        if (ready === null) output.note(`next: npx busbar deploy ${agent} --supervise`);
      });
    });
}
