/** A change carries the version that its chain has read (PROTOCOL 5.7). */
import { canonicalJson } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { signalsOf } from "../breaker/signals.ts";
import { SEEN_KEPT } from "../freshness.ts";
import type { ToolPolicy } from "../policy-document.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const row = (name: string, change: Partial<ToolPolicy>): ToolPolicy =>
  ({ ...POLICY.tools[name], ...change }) as ToolPolicy;
const dependsOn = { tool: "db.row", args: { id: "$args.id" }, check: "tool" } as const;
const FRESH = {
  ...POLICY,
  tools: {
    ...POLICY.tools,
    "db.row": row("db.clock", { version: "$result.version", subject: ["id"] }),
    "db.put": row("db.write", { dependsOn, version: "$result.version" }),
    "db.exactly": row("db.exact", { dependsOn }),
  },
};
const subject = canonicalJson(["db.row", 1]);

function scene(policy = FRESH) {
  const made = createScene(policy);
  return { scene: made, chain: made.submit("t") };
}
function read(on: Scene, chain: string, step: number, version: string, id = 1): string {
  on.door.turn(on.call(chain, step, "db.row", { id }));
  const told = { kind: "committed", result: canonicalJson({ version }), version } as const;
  const [event] = on.door.turn(on.outcome(chain, step, told));
  return event?.meta.eventId.split("/").at(-1) ?? "";
}
const stale = { kind: "stale", now: '{"version":2}', reason: "version 2 is there" } as const;

describe("a change that depends on a read", () => {
  it("carries the version that its chain has read, and where that stands [effects:version-carried]", () => {
    const { scene: on, chain } = scene();
    const offset = read(on, chain, 1, "1");
    const admitted = only(on.door.turn(on.call(chain, 2, "db.put", { id: 1 })), "EffectAdmitted");
    expect(JSON.parse(admitted.expects)).toEqual({ subject, version: "1", read: offset });
  });

  it("is refused where its chain has not read it, or another one only [effects:version-carried]", () => {
    const { scene: on, chain } = scene();
    const other = on.submit("u");
    read(on, other, 1, "1");
    read(on, chain, 1, "1", 2);
    const refused = only(on.door.turn(on.call(chain, 2, "db.put", { id: 1 })), "EffectRefused");
    expect(refused).toMatchObject({ code: "BUSBAR_STALE" });
    expect(refused.reason).toContain("has not read");
  });

  it("carries the newest version: of the last read, or of the chain's own last change [effects:version-carried]", () => {
    const { scene: on, chain } = scene();
    read(on, chain, 1, "1");
    read(on, chain, 2, "2");
    const expects = (step: number) =>
      JSON.parse(
        only(on.door.turn(on.call(chain, step, "db.put", { id: 1, step })), "EffectAdmitted").expects,
      ) as object;
    expect(expects(3)).toMatchObject({ version: "2" });
    on.door.turn(on.outcome(chain, 3, { kind: "committed", result: "{}", version: "3" }));
    expect(expects(4)).toMatchObject({ version: "3" });
  });

  it("carries nothing where nothing is declared [effects:version-carried]", () => {
    const { scene: on, chain } = scene();
    expect(only(on.door.turn(on.call(chain, 1, "db.write", { id: 1 })), "EffectAdmitted").expects).toBe("");
  });

  it("carries the same version in each attempt, whatever was read meanwhile [effects:version-carried]", () => {
    const { scene: on, chain } = scene();
    read(on, chain, 1, "1");
    on.door.turn(on.call(chain, 2, "db.exactly", { id: 1 }));
    read(on, chain, 3, "2");
    on.door.turn(on.outcome(chain, 2, { kind: "timeout", reason: "late" }));
    on.door.atMs += 500;
    const again = only(on.door.turn({ kind: "tick" }), "EffectAdmitted");
    expect([again.attempt, (JSON.parse(again.expects) as { version: string }).version]).toEqual([2, "1"]);
  });

  it("remembers so many versions, and has to read again what it has forgotten [effects:version-carried]", () => {
    const { scene: on, chain } = scene({ ...FRESH, limits: { ...FRESH.limits, maxSteps: 10_000 } });
    for (let id = 1; id <= SEEN_KEPT + 1; id += 1) read(on, chain, id, "1", id);
    expect(Object.keys(on.chain(chain).seen)).toHaveLength(SEEN_KEPT);
    const step = SEEN_KEPT + 2;
    expect(types(on.door.turn(on.call(chain, step, "db.put", { id: 1 })))).toEqual(["EffectRefused"]);
    expect(types(on.door.turn(on.call(chain, step + 1, "db.put", { id: 2 })))).toEqual(["EffectAdmitted"]);
  });
});

describe("a stale change", () => {
  const refusal = (tool = "db.put") => {
    const { scene: on, chain } = scene();
    const offset = read(on, chain, 1, "1");
    on.door.turn(on.call(chain, 2, tool, { id: 1 }));
    return { on, chain, offset, events: on.door.turn(on.outcome(chain, 2, stale)) };
  };

  it("ends as refused, with what was read and what is there now [effects:stale-refused]", () => {
    const { events, offset } = refusal();
    const failed = only(events, "EffectFailed");
    expect(failed).toMatchObject({ code: "BUSBAR_STALE", final: true });
    expect(JSON.parse(failed.freshness)).toEqual({ subject, read: { version: "1", offset }, now: { version: 2 } });
  });

  it("is one error of its chain, which the next read takes back [effects:stale-is-an-error]", () => {
    const { on, chain } = refusal();
    expect(on.chain(chain).rules.consecutiveErrors.evidence).toHaveLength(1);
    read(on, chain, 3, "2");
    expect(on.chain(chain).rules.consecutiveErrors.evidence).toHaveLength(0);
  });

  it("twice without a read between halts its chain [effects:stale-is-an-error]", () => {
    const { on, chain } = refusal();
    on.door.turn(on.call(chain, 3, "db.put", { id: 1 }));
    expect(types(on.door.turn(on.outcome(chain, 3, stale)))).toEqual(["EffectFailed", "ChainHalted"]);
  });

  it("is the fault of no tool and no agent: breakers hear nothing [effects:stale-is-an-error]", () => {
    const { events } = refusal();
    expect(signalsOf(only(events, "EffectFailed"), { partition: 0, breakers: {} }, {})).toEqual([]);
  });

  it("may be asked for again after another read, as the next attempt of the same effect [effects:stale-refused]", () => {
    const { on, chain } = refusal();
    read(on, chain, 3, "2");
    const again = only(on.door.turn(on.call(chain, 4, "db.put", { id: 1 })), "EffectAdmitted");
    expect([again.attempt, (JSON.parse(again.expects) as { version: string }).version]).toEqual([2, "2"]);
  });

  it("and the read after it contradicts nothing, though another chain changed what was read [rules:contradiction]", () => {
    const steady = { ...FRESH, tools: { ...FRESH.tools, "db.row": { ...FRESH.tools["db.row"], volatile: false } } };
    const { scene: on, chain } = scene(steady);
    read(on, chain, 1, "1");
    on.door.turn(on.call(chain, 2, "db.put", { id: 1 }));
    on.door.turn(on.outcome(chain, 2, stale));
    read(on, chain, 3, "2");
    expect(on.chain(chain).halted).toBeNull();
  });

  it("settles no earlier attempt of an exact tool that may still arrive [effects:denial-is-its-own]", () => {
    const { scene: on, chain } = scene();
    read(on, chain, 1, "1");
    on.door.turn(on.call(chain, 2, "db.exactly", { id: 1 }));
    on.door.turn(on.outcome(chain, 2, { kind: "timeout", reason: "late" }));
    on.door.atMs += 500;
    on.door.turn({ kind: "tick" });
    expect(types(on.door.turn(on.outcome(chain, 2, stale)))).toEqual(["EffectInDoubt"]);
  });

  it("that is told late settles its doubt: nothing was done [effects:stale-refused]", () => {
    const { scene: on, chain } = scene();
    read(on, chain, 1, "1");
    on.door.turn(on.call(chain, 2, "db.put", { id: 1 }));
    on.door.turn(on.outcome(chain, 2, { kind: "timeout", reason: "late" }));
    expect(only(on.door.turn(on.outcome(chain, 2, stale)), "EffectSettled").outcome).toBe("not-done");
  });
});
