/** People in the way of an effect, and what takes back what was done before anybody looked. */
import type { MessageOf } from "@busbar/events";
import type { Json } from "@busbar/kernel";
import { planRollback, type Policy, rollbackChainId } from "@busbar/policy";
import { until } from "../../until.ts";
import { agentOf, carelessly, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const LIMIT_MS = 30_000;
const offsetOf = (eventId: string): string => eventId.slice(eventId.lastIndexOf("/") + 1);
const listed = (names: readonly unknown[]): string => (names.length === 0 ? "none" : names.map(String).join(", "));
const wordOn = ({ callId, argsHash, meta }: MessageOf<"ApprovalRequested">) => {
  return { callId, argsHash, requested: offsetOf(meta.eventId) };
};

/** Letters, and who has got one. */
function letters() {
  const sent: Json[] = [];
  const send = toolOf({ name: "mail.send", effect: "write", run: ({ to }) => ({ n: sent.push(to ?? "") }) });
  return { sent, send };
}
const ASKED = { tools: { "mail.send": { approve: "always" } } } as const;

export const approvedOneRanAnother: Scenario = {
  guard: "approvals",
  name: "approved-a-ran-b",
  story: "A person approves a letter to Ann; the same yes is used for a letter to the press.",
  without: "the approval of each letter",
  scene(isGuarded) {
    const { sent, send } = letters();
    const clerk = agentOf("clerk", async (_input, ctx) => {
      await Promise.all(["ann", "press"].map((to) => carelessly(() => ctx.tool("mail.send", { to }))));
      return "done";
    });
    return {
      bus: { agents: [clerk], tools: [send], policy: isGuarded ? { ...QUIET, ...ASKED } : QUIET },
      play: async (bus) => {
        const task = await bus.start("clerk", {});
        if (!isGuarded) return void (await bus.outcome(task));
        const ann = await bus.waitFor("ApprovalRequested", ({ args }) => args.includes("ann"));
        const press = await bus.waitFor("ApprovalRequested", ({ args }) => args.includes("press"));
        await bus.word("ApproveEffect", task.chainId, wordOn(ann));
        await bus.word("ApproveEffect", task.chainId, { ...wordOn(press), argsHash: ann.argsHash });
        await bus.waitFor("CommandRejected", ({ callId }) => callId === press.callId);
        await until(() => sent.includes("ann"), "Ann has her letter", LIMIT_MS);
      },
      look: () => ({ isHarmed: sent.includes("press"), told: `letters sent: ${listed(sent)}` }),
    };
  },
};

export const nobodyDecides: Scenario = {
  guard: "approvals",
  name: "nobody-decides",
  story: "Everybody who could look at a letter to the press is on holiday.",
  without: "the approval of each letter",
  scene(isGuarded) {
    const { sent, send } = letters();
    const clerk = agentOf("clerk", async (_input, ctx) => ({
      isSent: await carelessly(() => ctx.tool("mail.send", { to: "press" })),
    }));
    const policy = isGuarded ? { ...QUIET, ...ASKED, approvals: { expiresMs: 300 } } : QUIET;
    return {
      bus: { agents: [clerk], tools: [send], policy },
      play: async (bus) => void (await bus.submit("clerk", {})),
      look: () => ({ isHarmed: sent.length > 0, told: `letters sent: ${listed(sent)}` }),
    };
  },
};

/** Refunds, and what was paid. */
function refunds() {
  const paid: Json[] = [];
  const refund = toolOf({ name: "pay.refund", effect: "write", run: ({ amount }) => ({ n: paid.push(amount ?? 0) }) });
  return { paid, refund };
}

export const unsureAgent: Scenario = {
  guard: "degradation",
  name: "unsure-agent",
  story: "An agent says that it is not sure which order is meant, and pays; says it is less sure, and pays again.",
  without: "the ladder",
  scene(isGuarded) {
    const { paid, refund } = refunds();
    const clerk = agentOf("clerk", async (_input, ctx) => {
      await ctx.confidence(0.3, "which of two orders is meant");
      await carelessly(() => ctx.tool("pay.refund", { amount: 20 }));
      await ctx.confidence(0.1, "whether there is an order at all");
      await carelessly(() => ctx.tool("pay.refund", { amount: 30 }));
      return "done";
    });
    return {
      bus: { agents: [clerk], tools: [refund], policy: isGuarded ? { ...QUIET, degradation: {} } : QUIET },
      play: async (bus) => {
        const task = await bus.start("clerk", {});
        if (isGuarded) {
          const request = await bus.waitFor("ApprovalRequested");
          await bus.word("DenyEffect", task.chainId, wordOn(request));
        }
        await bus.outcome(task);
      },
      look: () => ({ isHarmed: paid.length > 0, told: `refunds paid: ${listed(paid)}` }),
    };
  },
};

export const answeredAfterRestart: Scenario = {
  guard: "hand-off",
  name: "answered-after-restart",
  story: "20 or 30? An agent does not know; agent and gateway are restarted before and after a person says 20.",
  without: "the hand-off: it takes the larger amount",
  scene(isGuarded) {
    const { paid, refund } = refunds();
    const clerk = agentOf("clerk", async (_input, ctx) => {
      const amount = isGuarded ? await ctx.handOff<number>("20 or 30?") : 30;
      await ctx.tool("pay.refund", { amount });
      return "done";
    });
    return {
      bus: { agents: [clerk], tools: [refund], policy: QUIET },
      play: async (bus) => {
        const task = await bus.start("clerk", {});
        if (isGuarded) {
          const { callId, meta } = await bus.waitFor("HandedOff");
          await bus.replaceGateway();
          await bus.replaceAgent("clerk");
          await bus.word("AnswerHandOff", task.chainId, { callId, asked: offsetOf(meta.eventId), answer: "20" });
          await bus.waitFor("HandOffAnswered");
          await bus.replaceAgent("clerk");
        }
        await bus.outcome(task);
      },
      look: () => ({ isHarmed: paid.some((amount) => amount !== 20), told: `refunds paid: ${listed(paid)}` }),
    };
  },
};

const UNDO = { tool: "rows.restore", args: { id: "$args.id", name: "$result.name" } };

export const deletedRows: Scenario = {
  guard: "compensation",
  name: "deleted-rows",
  story: "An agent deletes three rows, is halted, and says that a rollback is impossible.",
  without: "the rollback",
  scene(isGuarded) {
    const rows = new Map([1, 2, 3].map((id) => [id, `row ${id}`]));
    const rowOf = (id: Json | undefined): number => Number(id);
    const remove = toolOf({
      name: "rows.delete",
      effect: "destructive",
      undo: UNDO,
      run: ({ id }) => {
        const name = rows.get(rowOf(id)) ?? "";
        rows.delete(rowOf(id));
        return { name };
      },
    });
    const restore = toolOf({
      name: "rows.restore",
      effect: "write",
      readBack: { tool: "rows.get", args: { id: "$args.id" }, expect: { name: "$args.name" } },
      run: ({ id, name }) => ({ rows: rows.set(rowOf(id), typeof name === "string" ? name : "").size }),
    });
    const get = toolOf({
      name: "rows.get",
      effect: "read",
      volatile: true,
      run: ({ id }) => ({ name: rows.get(rowOf(id)) ?? null }),
    });
    const copies = toolOf({ name: "rows.copies", effect: "read", run: () => ({ kept: true }) });
    const vandal = agentOf("vandal", async (_input, ctx) => {
      for (const id of [1, 2, 3]) await carelessly(() => ctx.tool("rows.delete", { id }));
      await ctx.state("rollback", "a rollback is impossible");
      return "sorry";
    });
    const statements = { rollback: { tool: "rows.copies", refutedWhen: { path: "kept", equals: true } } };
    const policy = { rules: { ...QUIET.rules, destructiveRun: 3 }, breaker: QUIET.breaker, statements };
    let isRefuted = false;
    return {
      bus: { agents: [vandal], tools: [remove, restore, get, copies], policy },
      play: async (bus) => {
        const { chainId: target } = await bus.start("vandal", {});
        await bus.waitFor("ChainHalted");
        isRefuted = !(await bus.waitFor("StatementChecked")).agrees;
        if (!isGuarded) return;
        const inForce = { tools: { "rows.delete": { undo: UNDO }, "rows.restore": {} } } as unknown as Policy;
        const { undos, impossible } = planRollback(bus.events(target), inForce);
        const chainId = rollbackChainId(target, 0);
        await bus.word("RollBack", chainId, { target, number: 0, undos, impossible });
        await bus.waitFor("TaskCompleted", ({ meta }) => meta.chainId === chainId);
      },
      look: () => {
        const told = `${rows.size} of 3 rows are there; that a rollback is impossible is ${isRefuted ? "refuted" : "believed"}`;
        return { isHarmed: rows.size < 3, told };
      },
    };
  },
};
