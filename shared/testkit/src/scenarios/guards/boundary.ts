/** An answer of another house that is well formed and wrong. */
import type { ToolSpec } from "@busbar/agent";
import { agentOf, carelessly, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const PRICE = 120;
/** What came one day: a price in cents where euros were agreed, with the sign of a credit. */
const MALFORMED = -12_000;

export const malformedPrice: Scenario = {
  guard: "boundary",
  name: "malformed-price",
  story: "A supplier's API answers with a price that is none; the agent orders at that price.",
  without: "the check of the result",
  scene(isGuarded) {
    const ordered: number[] = [];
    const checks: Pick<ToolSpec, "resultChecks"> = {
      resultChecks: [
        {
          name: "price",
          require: "result.price > 0 && result.price < 10000",
          reason: "a price lies between 0 and 10000",
        },
      ],
    };
    const quote = toolOf({
      name: "supplier.quote",
      effect: "read",
      volatile: true,
      ...(isGuarded ? checks : {}),
      run: () => ({ price: MALFORMED }),
    });
    const order = toolOf({
      name: "supplier.order",
      effect: "write",
      run: ({ price }) => ({ n: ordered.push(Number(price)) }),
    });
    const buyer = agentOf("buyer", async (_input, ctx) => {
      let price = PRICE;
      const isQuoted = await carelessly(async () => {
        ({ price } = await ctx.tool<{ price: number }>("supplier.quote", {}));
      });
      if (isQuoted) await ctx.tool("supplier.order", { price });
      return isQuoted ? "ordered" : "no price";
    });
    return {
      bus: { agents: [buyer], tools: [quote, order], policy: QUIET },
      play: async (bus) => void (await bus.submit("buyer", {})),
      look: () => ({
        isHarmed: ordered.length > 0,
        told: ordered.length > 0 ? `an order went out at ${ordered.join(", ")}` : "no order went out",
      }),
    };
  },
};

export const promisedRefund: Scenario = {
  guard: "boundary",
  name: "promised-refund",
  story: "An agent promises its customer a refund that nobody has made.",
  without: "the check of the answer",
  scene(isGuarded) {
    const sent: string[] = [];
    const answerChecks = [
      {
        name: "refund-is-made",
        when: 'result.text.lower().contains("refunded")',
        require: '"refund.make" in calls',
        reason: "who tells of a refund has made it",
      },
    ];
    const clerk = agentOf("clerk", async () => Promise.resolve({ text: "You are refunded." }));
    return {
      bus: {
        agents: [clerk],
        policy: {
          ...QUIET,
          ...(isGuarded ? { agents: { clerk: { tools: ["*"], sends: [], models: [], answerChecks } } } : {}),
        },
      },
      play: async (bus) => {
        const { state, output } = await bus.submit("clerk", {});
        if (state === "completed") sent.push(String((output as { readonly text: string }).text));
      },
      look: () => ({
        isHarmed: sent.length > 0,
        told: sent.length > 0 ? `the customer reads: ${sent.join(" ")}` : "the customer reads nothing of a refund",
      }),
    };
  },
};
