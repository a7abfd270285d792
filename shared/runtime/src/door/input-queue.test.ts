import type { Input } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { createInputQueue } from "./input-queue.ts";

const command = (offset: bigint): Input => ({
  kind: "undecodable",
  source: "commands",
  topic: "c",
  offset,
  code: "BUSBAR_SCHEMA_INVALID",
  reason: "",
});
const answer = (offset: bigint): Input => ({ ...command(offset), source: "control", topic: "o" }) as Input;
const gap = (expected: bigint): Input => ({
  kind: "gap",
  source: "commands",
  topic: "c",
  expected,
  found: expected + 1n,
});
const tick: Input = { kind: "tick" };
const halt = (scope: string): Input => ({
  kind: "directives",
  applied: [{ offset: "1", kind: "Halt", scope, id: "", detail: "{}" }],
  through: "2",
});
const asked = { agent: "support", tool: "db.write", lineage: ["root", "c1"] };

function drained(queue: ReturnType<typeof createInputQueue>): readonly string[] {
  const names: string[] = [];
  for (let input = queue.shift(); input !== undefined; input = queue.shift()) {
    names.push(
      input.kind === "undecodable"
        ? `${input.source === "control" ? "answer" : "command"} ${input.offset}`
        : input.kind === "gap"
          ? `gap ${input.expected}`
          : input.kind,
    );
  }
  return names;
}

describe("what waits for the next turn", () => {
  it("control goes before commands, each in its own order [door:control-first]", () => {
    const queue = createInputQueue();
    for (const input of [
      command(1n),
      tick,
      gap(2n),
      command(3n),
      halt("fleet"),
      { kind: "degrade", reason: "" } as const,
    ])
      queue.push(input);
    expect(drained(queue)).toEqual(["tick", "directives", "degrade", "command 1", "gap 2", "command 3"]);
  });

  it("control that comes later still goes before commands that wait, never before what was taken [door:control-first]", () => {
    const queue = createInputQueue();
    queue.push(command(1n));
    queue.push(command(2n));
    expect(queue.shift()).toEqual(command(1n));
    queue.push(tick);
    expect(drained(queue)).toEqual(["tick", "command 2"]);
  });

  it("an operator's answer goes before every command that waits, one that was begun included, and after what the owner found itself [door:answers-before-commands]", () => {
    const queue = createInputQueue();
    for (const input of [command(1n), command(2n), answer(7n), tick, answer(8n)]) queue.push(input);
    expect([queue.waiting("control"), queue.waiting("commands")]).toEqual([2, 2]);
    expect(queue.shift()).toEqual(tick);
    expect(queue.shift()).toEqual(answer(7n));
    queue.unshift(answer(7n));
    queue.unshift(tick);
    expect(drained(queue)).toEqual(["tick", "answer 7", "answer 8", "command 1", "command 2"]);
  });

  it("a command without room in this append waits before the others and behind operators [door:answers-before-commands]", () => {
    const queue = createInputQueue();
    for (let offset = 0n; offset < 600n; offset += 1n) queue.push(command(offset));
    for (let taken = 0; taken < 599; taken += 1) queue.shift();
    queue.unshift(command(598n));
    queue.push(answer(7n));
    expect(drained(queue)).toEqual(["answer 7", "command 598", "command 599"]);
    queue.unshift(command(599n));
    queue.push(answer(8n));
    queue.dropFromLog();
    expect(queue.length).toBe(0);
  });

  it("counts what waits, commands apart [door:overflow-deferred]", () => {
    const queue = createInputQueue();
    for (let offset = 0n; offset < 2000n; offset += 1n) queue.push(command(offset));
    for (let taken = 0; taken < 1500; taken += 1) queue.shift();
    queue.push(tick);
    expect([queue.length, queue.waiting("commands"), queue.waiting("control")]).toEqual([501, 500, 0]);
    expect(queue.shift()).toEqual(tick);
    expect(queue.shift()).toEqual(command(1500n));
  });

  it("on a lost append everything in it goes [door:unknown-drops-queue]", () => {
    const queue = createInputQueue();
    queue.push(command(1n));
    queue.push(tick);
    queue.clear();
    expect([queue.length, queue.waiting("commands"), queue.shift()]).toEqual([0, 0, undefined]);
  });

  it.each([
    ["fleet", true],
    ["agent:support", true],
    ["tool:db.write", true],
    ["chain:root", true],
    ["no scope at all", true],
    ["agent:other", false],
    ["tool:db.read", false],
    ["chain:c2", false],
  ])("a waiting halt of %s stands against an effect: %s [effects:fire-step-sees-fence]", (scope, stands) => {
    const queue = createInputQueue();
    queue.push(halt(scope));
    expect(queue.hasHaltAgainst(asked)).toBe(stands);
  });

  it("a waiting order that is no halt stands against nothing [effects:fire-step-sees-fence]", () => {
    const queue = createInputQueue();
    queue.push({
      kind: "directives",
      applied: [{ offset: "1", kind: "Freeze", scope: "fleet", id: "", detail: "{}" }],
      through: "2",
    });
    expect(queue.hasHaltAgainst(asked)).toBe(false);
  });
});
