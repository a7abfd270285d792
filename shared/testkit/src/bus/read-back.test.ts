/**
 * A tool that reports a change which is not there, on a whole bus: with its read-back the harm is seen before the next
 * change; without it nobody sees it.
 */
import { defineAgent, defineTool, type ReadBack, type ToolDefinition } from "@busbar/agent";
import { isJsonObject, type Json } from "@busbar/kernel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { gate } from "./scenes.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

type Rows = Map<number, string>;
/** How the tool writes: whatever it does, it answers that all is well. */
type Write = (rows: Rows, id: number, state: string) => void;

const ID = {
  type: "object",
  properties: { id: { type: "integer" }, state: { type: "string" } },
  required: ["id"],
} as const;
const READ_BACK = { tool: "rows.get", args: { id: "$args.id" }, expect: { state: "$args.state" } };

function tools(rows: Rows, write: Write, readBack: ReadBack | null): readonly ToolDefinition[] {
  const set = defineTool<{ id: number; state: string }>({
    name: "rows.set",
    description: "Sets a row.",
    effect: "write",
    args: ID,
    result: { type: "object" },
    timeoutMs: 5000,
    ...(readBack === null ? {} : { readBack }),
    run: ({ id, state }): Json => {
      write(rows, id, state);
      return { ok: true };
    },
  });
  const get = defineTool<{ id: number }>({
    name: "rows.get",
    description: "Gets a row.",
    effect: "read",
    args: ID,
    volatile: true,
    timeoutMs: 5000,
    run: ({ id }): Json => ({ state: rows.get(id) ?? null }),
  });
  return [set, get].map((tool) => tool as unknown as ToolDefinition);
}

/** Sets row 1, then row 2. */
const clerk = defineAgent({
  name: "clerk",
  version: "1",
  handler: async (_task, ctx) => {
    await ctx.tool("rows.set", { id: 1, state: "paid" });
    await ctx.tool("rows.set", { id: 2, state: "paid" });
    return "done";
  },
});

async function opened(write: Write, readBack: Parameters<typeof tools>[2]) {
  const rows: Rows = new Map([
    [1, "open"],
    [2, "open"],
  ]);
  bus = await createTestBus({ agents: [clerk], tools: tools(rows, write, readBack), limitMs: 40_000 });
  return { bus, rows };
}
const effects = (test: TestBus): readonly string[] =>
  test.events().flatMap(({ type }) => (type.startsWith("Effect") || type === "ChainDegraded" ? [type] : []));

const nothing: Write = () => undefined;
const another: Write = (rows, id, state) => rows.set(id + 100, state);
const well: Write = (rows, id, state) => rows.set(id, state);

describe("a tool that reports success", () => {
  it.each([
    ["and changes nothing", nothing],
    ["and changes another row", another],
  ])("%s is found out before the next change, which is refused [effects:read-back-mismatch]", async (_what, write) => {
    const { bus: test, rows } = await opened(write, READ_BACK);
    const task = await test.start("clerk", {});
    const disputed = await test.waitFor("EffectDisputed");
    expect(JSON.parse(disputed.expected)).toEqual({ state: "paid" });
    expect(JSON.parse(disputed.seen)).toEqual({ state: "open" });
    await test.waitFor("EffectRefused");
    const admitted = test.events(task.chainId).filter(({ type }) => type === "EffectAdmitted");
    expect(admitted.length).toBe(1);
    expect(rows.get(102)).toBeUndefined();
  });

  it.each([
    ["changes nothing", nothing],
    ["changes another row", another],
  ])(
    "and %s goes unseen without a read-back: the task ends well [effects:read-back-mismatch]",
    async (_what, write) => {
      const { bus: test, rows } = await opened(write, null);
      await expect(test.submit("clerk", {})).resolves.toMatchObject({ state: "completed", output: "done" });
      expect([rows.get(1), rows.get(2)]).toEqual(["open", "open"]);
    },
  );

  it("is judged by an expression over arguments, result and what is seen, which has a bound of time [effects:read-back-cel] [effects:read-back-bounded]", async () => {
    const by = (expect: string): Parameters<typeof opened>[1] => ({ ...READ_BACK, expect });
    const right = await opened(well, by("seen.state == args.state && result.ok"));
    await expect(right.bus.submit("clerk", {})).resolves.toMatchObject({ state: "completed" });
    await right.bus.stop();
    const wrong = await opened(nothing, by("seen.state == args.state && result.ok"));
    await wrong.bus.start("clerk", {});
    const disputed = await wrong.bus.waitFor("EffectDisputed");
    expect([disputed.code, disputed.expected]).toEqual([
      "BUSBAR_READ_BACK_MISMATCH",
      '"seen.state == args.state && result.ok"',
    ]);
    await wrong.bus.stop();
    const bomb: Write = (rows, id) => rows.set(id, `${"a".repeat(60)}b`);
    const endless = await opened(bomb, by('seen.state.matches("^(a+)+$")'));
    await endless.bus.start("clerk", {});
    const cut = await endless.bus.waitFor("EffectDisputed");
    expect([cut.code, cut.reason]).toEqual(["BUSBAR_READ_BACK_FAILED", expect.stringContaining("more than 50 ms")]);
  });

  it("and did what it says is verified before the next change [effects:read-back-due]", async () => {
    const { bus: test } = await opened(well, READ_BACK);
    await expect(test.submit("clerk", {})).resolves.toMatchObject({ state: "completed" });
    const one = ["EffectAdmitted", "EffectCommitted", "EffectVerified"];
    expect(effects(test)).toEqual([...one, ...one]);
  });

  it("whose look an owner did not finish is looked at by the next one, before the next change [effects:read-back-due]", async () => {
    const rows: Rows = new Map([[1, "open"]]);
    const at = gate();
    let looks = 0;
    const [set, get] = tools(rows, well, READ_BACK);
    const slow = {
      ...(get as ToolDefinition),
      run: async ({ id }: { id?: unknown }): Promise<Json> => {
        looks += 1;
        // The first owner's look never answers.
        if (looks === 1) await new Promise(() => undefined);
        await at.passed;
        return { state: rows.get(Number(id)) ?? null };
      },
    } as ToolDefinition;
    bus = await createTestBus({ agents: [clerk], tools: [set as ToolDefinition, slow], limitMs: 40_000 });
    const test = bus;
    const task = await test.start("clerk", {});
    await vi.waitUntil(() => looks === 1, { timeout: 40_000 });
    await test.replaceGateway();
    await vi.waitUntil(() => looks === 2, { timeout: 40_000 });
    const admitted = test.events(task.chainId).filter(({ type }) => type === "EffectAdmitted");
    expect(admitted).toHaveLength(1);
    at.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
  });

  it("which shows a little later is verified within its time, and disputed without [effects:read-back-within]", async () => {
    const replica: Write = (rows, id, state) => void setTimeout(() => rows.set(id, state), 60);
    const first = await opened(replica, { ...READ_BACK, withinMs: 20_000 });
    await expect(first.bus.submit("clerk", {})).resolves.toMatchObject({ state: "completed" });
    await first.bus.stop();
    const second = await opened(replica, READ_BACK);
    await second.bus.start("clerk", {});
    const { seen } = await second.bus.waitFor("EffectDisputed");
    const value = JSON.parse(seen) as Json;
    expect(isJsonObject(value) && value["state"]).toBe("open");
  });
});
