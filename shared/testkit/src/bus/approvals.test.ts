/**
 * A call that a person has to approve, on a whole bus: nothing runs before a yes, the yes outlives agent and gateway,
 * and people are told beside the bus. With the guard off the harm is done before anybody looks.
 */
import { createServer, type Server } from "node:http";
import { defineAgent, defineTool, type ToolDefinition } from "@busbar/agent";
import type { MessageOf } from "@busbar/events";
import { isJsonObject, type Json } from "@busbar/kernel";
import { type Notice, webhookNotices } from "@busbar/runtime";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
let server: Server | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
  server?.closeAllConnections();
  server?.close();
  server = null;
});

/** What left the house, in its order. */
type Sent = string[];

function mail(sent: Sent): ToolDefinition {
  const tool = defineTool<{ to: string }>({
    name: "mail.send",
    description: "Sends a letter.",
    effect: "write",
    args: { type: "object", properties: { to: { type: "string" } }, required: ["to"] },
    result: { type: "object" },
    timeoutMs: 5000,
    run: ({ to }): Json => {
      sent.push(to);
      return { sent: to };
    },
  });
  return tool as unknown as ToolDefinition;
}

const clerk = defineAgent({
  name: "clerk",
  version: "1",
  handler: async (task, ctx) => {
    const to = isJsonObject(task.input) ? (task.input["to"] ?? "") : "";
    return ctx.tool("mail.send", { to });
  },
});

const ASKED = { tools: { "mail.send": { approve: "always" } } } as const;

async function opened(policy: TestBusOptions["policy"] = ASKED, more: Partial<TestBusOptions> = {}) {
  const sent: Sent = [];
  bus = await createTestBus({ agents: [clerk], tools: [mail(sent)], policy: policy ?? {}, partitions: 1, ...more });
  return { bus, sent };
}

const said = ({ callId, argsHash, meta }: MessageOf<"ApprovalRequested">) => {
  const requested = meta.eventId.slice(meta.eventId.lastIndexOf("/") + 1);
  return [meta.chainId, { callId, argsHash, requested }] as const;
};

describe("a letter that a person has to approve", () => {
  it("goes out at once where nobody is asked: the harm [approvals:waits]", async () => {
    const { bus: test, sent } = await opened({});
    await expect(test.submit("clerk", { to: "press" })).resolves.toMatchObject({ state: "completed" });
    expect(sent).toEqual(["press"]);
  });

  it("waits, is told to people, and goes out once after a yes that was given when agent and gateway had been replaced [approvals:waits] [approvals:survives]", async () => {
    const { bus: test, sent } = await opened();
    const task = await test.start("clerk", { to: "ann" });
    const request = await test.waitFor("ApprovalRequested");
    await test.replaceGateway();
    await test.replaceAgent("clerk");
    expect(sent).toEqual([]);
    const [chainId, word] = said(request);
    await test.word("ApproveEffect", chainId, word);
    await test.word("ApproveEffect", chainId, word);
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { sent: "ann" } });
    expect(sent).toEqual(["ann"]);
    const granted = await test.waitFor("ApprovalGranted");
    const admitted = test.events(chainId).filter(({ type }) => type === "EffectAdmitted");
    expect(admitted).toMatchObject([{ approval: granted.meta.eventId, argsHash: request.argsHash }]);
  });

  it("to somebody else than approved does not go out: approved A, ran B [approvals:bound]", async () => {
    const { bus: test, sent } = await opened();
    await test.start("clerk", { to: "ann" });
    const [chainId, ofAnn] = said(await test.waitFor("ApprovalRequested"));
    await test.start("clerk", { to: "press" });
    const other = await test.waitFor("ApprovalRequested", ({ meta }) => meta.chainId !== chainId);
    const [otherChain, ofPress] = said(other);
    await test.word("ApproveEffect", otherChain, { ...ofPress, argsHash: ofAnn.argsHash });
    await test.waitFor("CommandRejected", ({ commandType }) => commandType === "ApproveEffect");
    expect(sent).toEqual([]);
  });

  it("is refused by a no, and by nobody's word at its time [approvals:expires]", async () => {
    const { bus: test, sent } = await opened({ ...ASKED, approvals: { expiresMs: 200 } });
    await expect(test.submit("clerk", { to: "ann" })).resolves.toMatchObject({ state: "failed" });
    await test.waitFor("ApprovalExpired");
    expect(sent).toEqual([]);
    await test.stop();
    const again = await opened();
    const task = await again.bus.start("clerk", { to: "ann" });
    const [chainId, word] = said(await again.bus.waitFor("ApprovalRequested"));
    await again.bus.word("DenyEffect", chainId, word);
    await expect(again.bus.outcome(task)).resolves.toMatchObject({ state: "failed" });
    expect(again.sent).toEqual([]);
  });
});

/** A server that takes notices, `fails` of them not. */
async function webhook(answers: (count: number) => number): Promise<{ readonly url: string; readonly got: Notice[] }> {
  const got: Notice[] = [];
  let count = 0;
  const made = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const status = answers((count += 1));
      if (status === 0) return;
      if (status === 200) got.push(JSON.parse(text) as Notice);
      response.writeHead(status).end("thanks");
    });
  });
  server = made;
  await new Promise<void>((resolve) => void made.listen(0, "127.0.0.1", resolve));
  const address = made.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/hook/hunter2hunter2`, got };
}

describe("people are told", () => {
  it("by a POST that names what waits and holds no arguments, tried again after a failure [approvals:webhook]", async () => {
    const { url, got } = await webhook((count) => (count === 1 ? 500 : 200));
    const notices = webhookNotices({ BUSBAR_WEBHOOK_URL: url }, SILENT_LOGGER);
    const { bus: test } = await opened(ASKED, { notices });
    await test.start("clerk", { to: "ann-the-secret" });
    const { meta, callId, argsHash } = await test.waitFor("ApprovalRequested");
    await until(() => got.length === 1, "the notice came on its second attempt", 10_000);
    const next = `npx busbar approvals show ${callId}`;
    expect(got[0]).toMatchObject({
      kind: "approval-requested",
      event: meta.eventId,
      tool: "mail.send",
      argsHash,
      next,
    });
    expect(JSON.stringify(got)).not.toContain("ann-the-secret");
    await test.replaceGateway();
    await until(() => got.length === 2, "who takes over tells it again, as the same event", 10_000);
    expect(got[1]?.event).toBe(meta.eventId);
    notices.stop();
  });

  it("and nothing waits for a server that never answers: the bus goes on [approvals:webhook]", async () => {
    const { url } = await webhook(() => 0);
    const notices = webhookNotices({ BUSBAR_WEBHOOK_URL: url }, SILENT_LOGGER);
    const { bus: test, sent } = await opened(ASKED, { notices });
    const tasks = await Promise.all(["ann", "bob", "eve"].map((to) => test.start("clerk", { to })));
    for (const { chainId } of tasks) {
      const [chain, word] = said(await test.waitFor("ApprovalRequested", ({ meta }) => meta.chainId === chainId));
      await test.word("ApproveEffect", chain, word);
    }
    for (const task of tasks) await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    expect(sent.toSorted()).toEqual(["ann", "bob", "eve"]);
    notices.stop();
  });
});
