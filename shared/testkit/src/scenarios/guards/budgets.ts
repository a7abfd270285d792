/** A reasoning loop without end, and a model that answers one byte at a time. */
import { defineModel, type ModelDefinition } from "@busbar/agent";
import { agentOf, carelessly, QUIET } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const TURNS = 80;
const TOKENS_A_TURN = 10;
const BUDGET_TURNS = 12;

const ASKED = { messages: [{ role: "user" as const, content: "and now?" }] };

export const endlessLoop: Scenario = {
  guard: "budgets",
  name: "endless-loop",
  story: `A model never comes to an end: each answer asks for another turn, ${TURNS} of them and more.`,
  without: "a budget",
  scene(isGuarded) {
    let turns = 0;
    const thinker: ModelDefinition = defineModel({
      name: "thinker",
      complete: () => {
        turns += 1;
        const usage = { inputTokens: TOKENS_A_TURN - 1, outputTokens: 1 };
        return { message: { role: "assistant", content: "let me think again" }, usage };
      },
    });
    const looper = agentOf("looper", async (_input, ctx) => {
      for (let n = 0; n < TURNS; n += 1) await ctx.model("thinker", ASKED);
      return "still thinking";
    });
    const budgetTokens = isGuarded ? BUDGET_TURNS * TOKENS_A_TURN : 0;
    return {
      bus: { agents: [looper], models: [thinker], policy: QUIET },
      play: async (bus) => void (await bus.submit("looper", {}, { budgetTokens })),
      look: () => ({
        isHarmed: turns > BUDGET_TURNS,
        told: `the model was asked ${turns} times${turns < TURNS ? ", then the budget was spent" : ", with no end"}`,
      }),
    };
  },
};

const DRIP_MS = 3000;
const PATIENCE_MS = 300;

export const drippingModel: Scenario = {
  guard: "budgets",
  name: "dripping-model",
  story: `A model answers one byte at a time, for ${DRIP_MS / 1000} seconds; the call was given ${PATIENCE_MS} ms.`,
  without: "its time-out",
  scene(isGuarded) {
    let heldMs = 0;
    const dripping = defineModel({
      name: "dripping",
      complete: async (_request, { signal }) => {
        const began = performance.now();
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, DRIP_MS);
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            resolve();
          });
        });
        heldMs += performance.now() - began;
        return { message: { role: "assistant", content: "hm" }, usage: { inputTokens: 1, outputTokens: 1 } };
      },
    });
    const waiter = agentOf("waiter", async (_input, ctx) => {
      const isAnswered = await carelessly(() => ctx.model("dripping", ASKED));
      return { isAnswered };
    });
    const models = isGuarded ? { models: { dripping: { timeoutMs: PATIENCE_MS, attempts: 1 } } } : {};
    return {
      bus: { agents: [waiter], models: [dripping], policy: { ...QUIET, ...models } },
      play: async (bus) => void (await bus.submit("waiter", {})),
      look: () => ({
        isHarmed: heldMs > DRIP_MS / 2,
        told: heldMs > DRIP_MS / 2 ? "it held the chain to its last byte" : "cut off; the chain goes on without it",
      }),
    };
  },
};
