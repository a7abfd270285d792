/** A tool that answers 200 for a change that is not there, or is somewhere else. */
import { agentOf, carelessly, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const ORDER = 7;
type Rows = Map<number, string>;

function told200(name: string, story: string, write: (rows: Rows) => void): Scenario {
  return {
    guard: "read-your-writes",
    name,
    story,
    without: "the read-back",
    scene(isGuarded) {
      const rows: Rows = new Map([[ORDER, "open"]]);
      const shipped: number[] = [];
      const readBack = { tool: "orders.get", args: { id: "$args.id" }, expect: { state: "paid" } };
      const pay = toolOf({
        name: "orders.pay",
        effect: "write",
        ...(isGuarded ? { readBack } : {}),
        run: () => {
          write(rows);
          return { status: 200 };
        },
      });
      const get = toolOf({
        name: "orders.get",
        effect: "read",
        volatile: true,
        run: ({ id }) => ({ state: rows.get(Number(id)) ?? null }),
      });
      const ship = toolOf({ name: "orders.ship", effect: "write", run: ({ id }) => ({ n: shipped.push(Number(id)) }) });
      const clerk = agentOf("clerk", async (_input, ctx) => {
        await carelessly(() => ctx.tool("orders.pay", { id: ORDER }));
        await carelessly(() => ctx.tool("orders.ship", { id: ORDER }));
        return "paid and shipped";
      });
      return {
        bus: { agents: [clerk], tools: [pay, get, ship], policy: QUIET },
        play: async (bus) => {
          const task = await bus.start("clerk", {});
          if (isGuarded) await bus.waitFor("EffectRefused");
          else await bus.outcome(task);
        },
        look: () => ({
          isHarmed: shipped.length > 0,
          told: `order ${ORDER} is ${rows.get(ORDER)}, and ${shipped.length > 0 ? "was shipped" : "is not shipped"}`,
        }),
      };
    },
  };
}

export const nothingChanged = told200(
  "nothing-changed",
  "A payment is answered with 200, and nothing has changed; the order is to be shipped next.",
  () => undefined,
);

export const anotherRow = told200(
  "another-row",
  "A payment is answered with 200, and has changed another order; this one is to be shipped next.",
  (rows) => rows.set(ORDER + 100, "paid"),
);
