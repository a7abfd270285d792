/** The bank charges and its answer is lost. Whoever asks again charges again, unless the bank knows the key. */
import { outcomeUnknown } from "@busbar/agent";
import { until } from "../../until.ts";
import { agentOf, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

export const chargedThenSilent: Scenario = {
  guard: "retries",
  name: "charged-then-silent",
  story: "A payment is charged, and its answer is lost on the way back.",
  without: "the question whether the bank knows keys",
  scene(isGuarded) {
    let charges = 0;
    const naive = { toolClass: "exact", keyLifetimeMs: 86_400_000 } as const;
    const charge = toolOf({
      name: "pay.charge",
      effect: "write",
      // This bank knows no keys: who says that it does makes the bus fire again.
      ...(isGuarded ? {} : naive),
      run: () => {
        charges += 1;
        if (charges === 1) throw outcomeUnknown("the connection was cut after the charge");
        return { charged: 100 };
      },
    });
    const cashier = agentOf("cashier", (_input, ctx) => ctx.tool("pay.charge", { order: 7 }));
    return {
      bus: { agents: [cashier], tools: [charge], policy: { ...QUIET, limits: { settleMarginMs: 20 } } },
      play: async (bus) => {
        const { chainId } = await bus.start("cashier", {});
        const isOver = (): boolean =>
          bus.events(chainId).some(({ type }) => type === "EffectSettled" || type === "TaskCompleted");
        await until(isOver, "the payment is settled", 30_000);
      },
      look: () => ({
        isHarmed: charges !== 1,
        told: charges === 1 ? "charged once; a person is asked how it ended" : `charged ${charges} times for one order`,
      }),
    };
  },
};
