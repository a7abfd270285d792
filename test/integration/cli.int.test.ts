/** Commands of the command line as they are typed, against a bus of real processes on the broker. */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { HEADER } from "@busbar/events";
import { metaWith } from "@busbar/runtime";
import { type Bus, openBus } from "../harness/bus.ts";
import { send, sendCommands, submission } from "../harness/forge.ts";
import type { ServiceProcess } from "../harness/process.ts";
import { personEnv, type as typeLine, type Typed } from "../e2e/shell.ts";

const PARTITION = 1;
let bus: Bus;
let gateway: ServiceProcess;
let project: string;

beforeAll(async () => {
  bus = await openBus({ brokers: inject("brokers"), name: "cli" });
  project = join(dirname(bus.keys), "busbar.yaml");
  // There only for tests that have a secret to show; a push refuses a project that names what is not there.
  writeFileSync(project, readFileSync(project, "utf8").replace('["vault.open"]', "[]"));
  [gateway] = await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["support"] })]);
  await bus.doorsOpen();
});

afterAll(() => bus.close());

/** `npx busbar <line>` at this bus. */
function typed(line: string): Promise<Typed> {
  const env = personEnv({
    BUSBAR_BROKERS: inject("brokers").join(","),
    BUSBAR_PREFIX: bus.prefix,
    BUSBAR_KEYS: bus.keys,
    BUSBAR_PROJECT: project,
    BUSBAR_SHOP: bus.shop,
  });
  return typeLine(`npx busbar ${line}`, dirname(bus.keys), env);
}

interface Answer {
  readonly code: number | null;
  readonly value: unknown;
}

async function asked(line: string): Promise<Answer> {
  const { code, out, err } = await typed(`${line} -o json`);
  if (out === "") throw new Error(`busbar ${line}: ${err}`);
  return { code, value: JSON.parse(out) };
}

test("agents, tools and breakers say what is declared, what lives and what is held open [cli:agents-list] [cli:tools-list] [cli:breakers-list]", async () => {
  const agents = (await asked("agents")).value as readonly { readonly agent: string }[];
  expect(agents.find(({ agent }) => agent === "support")).toMatchObject({
    declared: true,
    state: "idle",
    instances: [{ agent: "support", state: "idle" }],
  });
  expect(agents.find(({ agent }) => agent === "rebel")).toMatchObject({
    declared: true,
    state: "absent",
    instances: [],
  });
  expect(await typed('breakers isolate mail.send --reason "it moves"')).toMatchObject({ code: 0 });
  const open = { key: "tool:mail.send", state: "isolated", reason: "it moves", partitions: [0, 1, 2, 3] };
  expect((await asked("breakers --open")).value).toMatchObject([{ ...open, sinceMs: expect.any(Number) as number }]);
  expect((await asked("tools show mail.send")).value).toMatchObject([
    { breaker: "isolated", agents: ["courier", "support"] },
  ]);
});

test("a person holds new tasks of an agent back, sees it, and lets them in; an agent's breaker is held open like a tool's [cli:throttle] [cli:breakers-list]", async () => {
  expect(await asked('throttle set agent:rebel --pause --reason "it is not there"')).toMatchObject({ code: 0 });
  const held = { key: "agent:rebel", level: "paused", reason: "it is not there", partitions: [0, 1, 2, 3] };
  expect((await asked("throttle")).value).toMatchObject([held]);
  expect(((await asked("status")).value as { readonly flows: unknown }).flows).toMatchObject([held]);
  expect(await typed('throttle set agent:rebel --reason "how much?"')).toMatchObject({ code: 2 });
  expect(await typed('throttle lift agent:rebel --reason "it is back"')).toMatchObject({ code: 0 });
  // Lifted; where the load is low the supervisor lets go of that as well.
  const after = (await asked("throttle")).value as readonly { readonly level: string }[];
  expect(after.filter(({ level }) => level !== "lifted")).toEqual([]);
  const key = "agent:rebel/tool:orders.annotate";
  expect(await typed(`breakers isolate ${key} --reason "wrong notes"`)).toMatchObject({ code: 0 });
  expect((await asked("breakers --open")).value).toContainEqual(expect.objectContaining({ key, state: "isolated" }));
  expect(await typed(`breakers close ${key} --reason "mended"`)).toMatchObject({ code: 0 });
});

test("a dead letter is listed, shown safely, and redriven once through the same door [cli:dlq-list] [cli:dlq-show] [cli:dlq-redrive]", async () => {
  const steering = new TextEncoder().encode("\u001b[2Jgone");
  const headers = { [HEADER.type]: "Call\u001b[31mTool", [HEADER.principal]: "agent:support" };
  await send(bus, bus.topics.commands, PARTITION, { key: "k", value: steering, headers });
  const bad = `${bus.topics.commands}/${PARTITION}`;
  await bus.watch.until(() => bus.watch.ofType("CommandRejected").length === 1, "the record is put aside");
  const letters = (await asked("dlq ls")).value;
  expect(letters).toMatchObject([{ letter: "1/0", source: `${bad}/0`, sizeBytes: 8, redriven: null }]);
  const shown = await typed("dlq show 1/0");
  expect([shown.code, shown.out.includes("\u001b")]).toEqual([0, false]);
  expect(shown.out).toMatch(/1b 5b 32 4a 67 6f 6e 65 +\.\[2Jgone/);
  expect(shown.out).toContain("Call\\u001b[31mTool");

  const first = await asked('dlq redrive 1/0 --reason "once more" --timeout 30s');
  expect(first).toMatchObject({ code: 4, value: [{ letter: "1/0", to: `${bad}/1`, state: "dead-lettered" }] });
  expect(await asked('dlq redrive 1/0 --reason "once more"')).toMatchObject({
    code: 0,
    value: [{ state: "done before" }],
  });
  expect((await bus.log.offsets(bus.topics.commands, PARTITION)).end).toBe(2n);
});

test("a redriven command that the door can read now is decided like any other [cli:dlq-redrive]", async () => {
  const task = submission(bus, "redriven", "support", '{"orderId":7,"reason":"x"}');
  const [offset = 0n] = await sendCommands(bus, [task]);
  // As a gateway that did not know the schema yet would have put it aside.
  const { value, headers = {}, key } = task.record;
  const letter = bus.codec.encode("DeadLetter", {
    meta: metaWith({ eventId: "x", atMs: 1 }),
    code: "BUSBAR_SCHEMA_UNKNOWN",
    reason: "schema id 7 is not known",
    topic: bus.topics.commands,
    partition: task.partition,
    offset: String(offset),
    headers: JSON.stringify(headers),
    bytes: value,
  });
  const place = await send(bus, bus.topics.deadLetters, task.partition, { key, value: letter, headers: {} });
  const { code, value: rows } = await asked(
    `dlq redrive ${task.partition}/${place} --reason "known now" --timeout 30s`,
  );
  expect({ code, rows }).toMatchObject({ code: 0, rows: [{ state: "taken" }] });
  const answers = bus.watch.ofType("TaskAlreadyKnown").filter(({ event }) => event.taskKey === "redriven");
  expect(answers).toMatchObject([{ partition: task.partition }]);
});

test("a policy is compared, pushed and applied by every partition; without an owner that is unproven [cli:policy-diff] [cli:policy-push]", async () => {
  expect(await typed("policy diff")).toMatchObject({ code: 0 });
  const text = readFileSync(project, "utf8");
  writeFileSync(project, text.replace('"consecutiveErrors":2', '"consecutiveErrors":5'));
  const { code, value } = await asked("policy diff");
  const change = { path: ["rules", "consecutiveErrors"], kind: "changed", before: 2, after: 5 };
  expect({ code, value }).toMatchObject({
    code: 4,
    value: { partitions: [{ partitions: [0, 1, 2, 3], differences: [change] }] },
  });
  const pushed = await asked('policy push --reason "five may fail" --timeout 30s');
  const applied = [0, 1, 2, 3].map((partition) => ({ partition, state: "applied" }));
  expect(pushed).toMatchObject({ code: 0, value: { partitions: applied } });
  await gateway.kill();
  writeFileSync(project, text);
  const unproven = await typed('policy push --reason "back" --timeout 1s');
  expect([unproven.code, unproven.err.includes("BUSBAR_HALT_UNPROVEN")]).toEqual([4, true]);
});
