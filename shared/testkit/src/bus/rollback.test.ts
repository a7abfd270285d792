/**
 * The incident: an agent deletes rows that it was to keep, and says that a rollback is impossible. On a whole bus its
 * word is refuted by a look, and the rows come back by undos at the door; without undos the harm stays.
 */
import { defineAgent, defineTool, type ToolDefinition } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { planRollback, type Policy, rollbackChainId } from "@busbar/policy";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

type Rows = Map<number, string>;
const UNDO = { tool: "rows.restore", args: { id: "$args.id", name: "$result.name" } };
const ID = {
  type: "object",
  properties: { id: { type: "integer" }, name: { type: "string" } },
  required: ["id"],
} as const;

function toolsOf(rows: Rows, isUndoable: boolean): readonly ToolDefinition[] {
  const common = { args: ID, timeoutMs: 5000 };
  const remove = defineTool<{ id: number }>({
    ...common,
    name: "rows.delete",
    description: "Deletes a row and gives it back.",
    effect: "destructive",
    ...(isUndoable ? { undo: UNDO } : {}),
    run: ({ id }): Json => {
      const name = rows.get(id) ?? "";
      rows.delete(id);
      return { name };
    },
  });
  const restore = defineTool<{ id: number; name: string }>({
    ...common,
    name: "rows.restore",
    description: "Puts a row back.",
    effect: "write",
    result: { type: "object" },
    readBack: { tool: "rows.get", args: { id: "$args.id" }, expect: { name: "$args.name" } },
    run: ({ id, name }): Json => {
      rows.set(id, name);
      return { ok: true };
    },
  });
  const get = defineTool<{ id: number }>({
    ...common,
    name: "rows.get",
    description: "Gets a row.",
    effect: "read",
    volatile: true,
    run: ({ id }): Json => ({ name: rows.get(id) ?? null }),
  });
  const copies = defineTool({
    name: "rows.copies",
    description: "Says whether deleted rows are kept.",
    effect: "read",
    args: { type: "object" },
    timeoutMs: 5000,
    run: (): Json => ({ kept: true }),
  });
  return [remove, restore, get, copies].map((tool) => tool as unknown as ToolDefinition);
}

const vandal = defineAgent({
  name: "vandal",
  version: "1",
  handler: async (_task, ctx) => {
    for (const id of [1, 2, 3]) await ctx.tool("rows.delete", { id }).catch(() => null);
    const { agrees } = await ctx.state("rollback", "a rollback is impossible");
    return { agrees };
  },
});

const STATEMENTS = { rollback: { tool: "rows.copies", refutedWhen: { path: "kept", equals: true } } };

async function opened(isUndoable: boolean, policy: TestBusOptions["policy"] = {}) {
  const rows: Rows = new Map([1, 2, 3].map((id) => [id, `row ${id}`]));
  const tools = toolsOf(rows, isUndoable);
  bus = await createTestBus({ agents: [vandal], tools, policy: { statements: STATEMENTS, ...policy }, partitions: 2 });
  return { bus, rows };
}
/** As the command line plans it: from the log and the policy in force. */
function planned(test: TestBus, target: string, isUndoable: boolean) {
  const row = isUndoable ? { undo: UNDO } : {};
  const policy = { tools: { "rows.delete": row, "rows.restore": {} } } as unknown as Policy;
  return planRollback(test.events(target), policy);
}

describe("three rows that an agent deleted", () => {
  it("come back by a person's rollback of the halted chain, each seen to be there; that it is impossible is refuted [rollback:undoes] [rollback:halted-chain]", async () => {
    const { bus: test, rows } = await opened(true);
    const task = await test.start("vandal", {});
    await test.waitFor("ChainHalted", ({ rule }) => rule === "destructive-run");
    const checked = await test.waitFor("StatementChecked");
    expect([checked.subject, checked.agrees]).toEqual(["rollback", false]);
    expect([...rows.keys()]).toEqual([]);
    const { undos, impossible } = planned(test, task.chainId, true);
    expect([undos.length, impossible]).toEqual([3, []]);
    const chainId = rollbackChainId(task.chainId, 0);
    await test.word("RollBack", chainId, { target: task.chainId, number: 0, undos, impossible });
    await test.replaceGateway();
    await test.waitFor("TaskCompleted", ({ meta }) => meta.chainId === chainId);
    expect(rows).toEqual(new Map([1, 2, 3].map((id) => [id, `row ${id}`])));
    const events = test.events(chainId);
    expect(events.filter(({ type }) => type === "EffectVerified").length).toBe(3);
    const undone = events.flatMap((event) => (event.type === "EffectAdmitted" ? [event.undoes] : []));
    expect(undone).toEqual(undos.map(({ undoes }) => undoes));
    expect(test.events(task.chainId).some(({ type }) => type === "ChainResumed")).toBe(false);
  });

  it("come back by themselves where the policy says rollbackOnHalt [rollback:by-policy]", async () => {
    const { bus: test, rows } = await opened(true, { rollbackOnHalt: true });
    const task = await test.start("vandal", {});
    const chainId = rollbackChainId(task.chainId, 0);
    await test.waitFor("TaskCompleted", ({ meta }) => meta.chainId === chainId);
    expect(rows).toEqual(new Map([1, 2, 3].map((id) => [id, `row ${id}`])));
    const started = await test.waitFor("RollbackStarted");
    expect(started.by).toBe("gateway");
  });

  it("stay deleted where their tool declares no undo, which the plan says [rollback:plan]", async () => {
    const { bus: test, rows } = await opened(false, { rollbackOnHalt: true });
    const task = await test.start("vandal", {});
    await test.waitFor("ChainHalted", ({ rule }) => rule === "destructive-run");
    const { undos, impossible } = planned(test, task.chainId, false);
    expect(undos).toEqual([]);
    expect(impossible.map(({ reason }) => reason)).toEqual(Array(3).fill("rows.delete declares no undo"));
    expect(rows.size).toBe(0);
  });
});
