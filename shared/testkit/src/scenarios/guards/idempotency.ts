/** An agent that is not sure says the same thing again in other words. */
import type { JsonObject } from "@busbar/kernel";
import { agentOf, carelessly, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const SPELLINGS: readonly JsonObject[] = [
  { order: 7, cents: 1000 },
  { cents: 1e3, order: 7 },
  { order: 7, cents: 1000, note: "please" },
  { order: 7, cents: 1000, note: "second attempt" },
  { note: "was it done?", cents: 1000, order: 7 },
];

export const refundInFiveSpellings: Scenario = {
  guard: "idempotency",
  name: "refund-in-five-spellings",
  story:
    "An agent makes one refund five times, each time spelled otherwise, and two equal transfers that are both meant.",
  without: "the declared identity of a refund",
  scene(isGuarded) {
    const done: string[] = [];
    const identity = isGuarded ? { identity: ["order", "cents"] } : {};
    const note = (what: string) => () => {
      done.push(what);
      return { ok: true };
    };
    const refund = toolOf({ name: "refund.pay", effect: "write", ...identity, run: note("refund") });
    const transfer = toolOf({ name: "bank.transfer", effect: "write", run: note("transfer") });
    const clerk = agentOf("clerk", async (_input, ctx) => {
      for (const args of SPELLINGS) await carelessly(() => ctx.tool("refund.pay", args));
      await ctx.tool("bank.transfer", { to: "anna", cents: 500 });
      await ctx.tool("bank.transfer", { to: "anna", cents: 500 }, { repeat: 1 });
      return "done";
    });
    const count = (what: string): number => done.filter((one) => one === what).length;
    return {
      bus: { agents: [clerk], tools: [refund, transfer], policy: QUIET },
      play: async (bus) => void (await bus.submit("clerk", {})),
      look: () => ({
        isHarmed: count("refund") !== 1 || count("transfer") !== 2,
        told: `${count("refund")} refund paid where 1 was meant, ${count("transfer")} transfers where 2 were`.replace(
          /^(\d\d|[2-9]) refund /u,
          "$1 refunds ",
        ),
      }),
    };
  },
};
