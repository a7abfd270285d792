/** The agent on a whole bus in memory: gateway, supervisor and log are the ones of production. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createTestBus } from "@busbar/testkit";
import { agents } from "./agents.ts";
import { tools } from "./tools.ts";

test("a guest is greeted and signs once, however often the task is sent", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "guestbook-"));
  context.after(() => rm(folder, { recursive: true }));
  process.env["GUESTBOOK"] = join(folder, "guestbook.txt");
  const bus = await createTestBus({ agents, tools });
  context.after(() => bus.stop());

  await bus.submit("hello", { name: "Ada" }, { key: "visit-1" });
  const again = await bus.submit("hello", { name: "Ada" }, { key: "visit-1" });

  assert.deepEqual(again.output, { greeting: "hello, Ada" });
  assert.equal(await readFile(process.env["GUESTBOOK"], "utf8"), "Ada\n");
});

test("a halted agent signs nothing", async (context) => {
  const bus = await createTestBus({ agents, tools });
  context.after(() => bus.stop());

  await bus.halt("agent:hello");
  const outcome = await bus.submit("hello", { name: "Eve" });

  assert.equal(outcome.state, "halted");
  assert.ok(!bus.events().some(({ type }) => type === "EffectAdmitted"));
});
