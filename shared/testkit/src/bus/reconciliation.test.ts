/** Reconciliation on a whole bus: the authority is read before a result reaches its agent (PROTOCOL 5.12). */
import { defineAgent, isCallError } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { toolOf } from "../scenarios/parts.ts";
import { createTestBus, type TestBus, type TestPolicy } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  reasons.length = 0;
  await bus?.stop();
  bus = null;
});

const page = (name: string, source: string, run: () => Json) =>
  toolOf({
    name,
    effect: "read",
    volatile: true,
    claims: [{ subject: "fare:{$args.id}", value: "$result.euros", source, version: "$result.version" }],
    run,
  });

/** What the agent was told of calls that failed. */
const reasons: string[] = [];

/** Reads the page, and answers with what it was told. */
const clerk = defineAgent({
  name: "clerk",
  version: "1",
  handler: async (_task, ctx) => {
    try {
      return { fare: await ctx.tool<Json>("shop.page", { id: 7 }) };
    } catch (thrown) {
      if (!isCallError(thrown)) throw thrown;
      reasons.push(thrown.reason);
      return { code: thrown.code };
    }
  },
});

interface World {
  readonly shop?: Json;
  readonly tariff?: () => Json;
  readonly policy?: TestPolicy;
  readonly resolve?: "authority" | "freshness";
}

async function asked({
  shop = { euros: 120, version: 1 },
  tariff = () => ({ euros: 150, version: 2 }),
  ...more
}: World) {
  const asks = vi.fn(tariff);
  const { resolve = "authority", policy = {} } = more;
  const authorities = { "fare:{id}": { tool: "tariff.get", args: { id: "$args.id" }, resolve } };
  const tools = [page("shop.page", "shop", () => shop), page("tariff.get", "tariff", asks)];
  bus = await createTestBus({ agents: [clerk], tools, policy: { authorities, ...policy }, limitMs: 40_000 });
  const { state, output } = await bus.submit("clerk", {});
  return { state, output, asks, bus };
}

describe("a read about a subject with an authority", () => {
  it("that is contradicted is told as that, and the chain knows what is held for true [evidence:disputed-told]", async () => {
    const { output, asks, bus: test } = await asked({});
    expect(output).toEqual({ code: "BUSBAR_CLAIM_DISPUTED" });
    expect(reasons).toEqual(["fare:7: shop says 120, and 150 (tariff) is held for true: tariff is the authority"]);
    expect(asks).toHaveBeenCalledTimes(1);
    const { claims, reconciled } = await test.waitFor("EffectCommitted");
    expect(claims.map(({ source, value }) => [source, value])).toEqual([
      ["shop", "120"],
      ["tariff", "150"],
    ]);
    expect(reconciled).toMatchObject([{ subject: "fare:7", outcome: "lost", fact: "150", factSource: "tariff" }]);
  });

  it("that agrees is a result, and the answer cites it [evidence:cites]", async () => {
    const { output, bus: test } = await asked({ tariff: () => ({ euros: 120, version: 1 }) });
    expect(output).toEqual({ fare: { euros: 120, version: 1 } });
    expect((await test.waitFor("TaskCompleted")).cites).toMatchObject([{ subject: "fare:7", source: "shop" }]);
  });

  it("that is newer by version is kept, where freshness decides [evidence:reconciled]", async () => {
    const { output } = await asked({ shop: { euros: 120, version: 3 }, resolve: "freshness" });
    expect(output).toEqual({ fare: { euros: 120, version: 3 } });
  });

  it("whose authority cannot be read is in doubt: the chain is left to a person [evidence:disputed-told]", async () => {
    const { output, bus: test } = await asked({
      tariff: () => {
        throw new Error("closed");
      },
    });
    expect(output).toMatchObject({ code: "BUSBAR_CLAIM_DISPUTED" });
    expect(await test.waitFor("ChainDegraded")).toMatchObject({
      rule: "reconciliation",
      reason: "fare:7: the authority could not be read",
    });
  });

  it("reaches the agent in shadow mode, and the record says what would have been [evidence:reconciled]", async () => {
    const { output, bus: test } = await asked({ policy: { rules: { modes: { reconciliation: "shadow" } } } });
    expect(output).toEqual({ fare: { euros: 120, version: 1 } });
    expect(await test.waitFor("RuleShadowed")).toMatchObject({ rule: "reconciliation", would: "dispute" });
  });

  it("leaves a task without its answer where that rests on no claim [evidence:answers-grounded]", async () => {
    const { state, bus: test } = await asked({
      tariff: () => ({ euros: 120, version: 1 }),
      policy: { agents: { clerk: { tools: ["*"], grounded: ["seat:{id}"] } } },
    });
    expect(state).toBe("failed");
    expect(await test.waitFor("TaskFailed")).toMatchObject({
      code: "BUSBAR_ANSWER_REFUSED",
      reason: "it rests on no claim about seat:{id}",
    });
  });
});
