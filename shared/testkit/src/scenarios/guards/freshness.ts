/** Two chains read one order, and both write what they make of it. */
import { isCallError, stale } from "@busbar/agent";
import { gate } from "../../bus/scenes.ts";
import { agentOf, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

export const twoChainsOneOrder: Scenario = {
  guard: "freshness",
  name: "two-chains-one-order",
  story: "Two chains read one order at 0 pieces; one adds 3 to it, the other 4.",
  without: "dependsOn",
  scene(isGuarded) {
    let order = { version: 1, pieces: 0 };
    const both = gate();
    let readers = 0;
    const get = toolOf({
      name: "order.get",
      effect: "read",
      version: "$result.version",
      volatile: true,
      run: async () => {
        const seen = { ...order };
        readers += 1;
        if (readers === 2) both.open();
        await both.passed;
        return seen;
      },
    });
    const put = toolOf({
      name: "order.put",
      effect: "write",
      ...(isGuarded ? { dependsOn: { tool: "order.get", args: {}, check: "tool" } as const } : {}),
      run: ({ pieces }, { expected }) => {
        const isOther = expected !== null && expected !== undefined && expected.version !== String(order.version);
        if (isOther) throw stale("another version is there", { ...order });
        order = { version: order.version + 1, pieces: Number(pieces) };
        return { version: order.version };
      },
    });
    const adder = agentOf("adder", async ({ add }, ctx) => {
      for (;;) {
        const { pieces } = await ctx.tool<{ pieces: number }>("order.get", {});
        try {
          return await ctx.tool("order.put", { pieces: pieces + Number(add) });
        } catch (thrown) {
          if (!isCallError(thrown) || thrown.code !== "BUSBAR_STALE") throw thrown;
        }
      }
    });
    return {
      bus: { agents: [adder], tools: [get, put], policy: QUIET },
      play: async (bus) => void (await Promise.all([3, 4].map((add) => bus.submit("adder", { add })))),
      look: () => ({
        isHarmed: order.pieces !== 7,
        told: order.pieces === 7 ? "the order has 7 pieces" : "one of the two additions is lost",
      }),
    };
  },
};
