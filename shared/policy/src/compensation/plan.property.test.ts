/** Rollbacks over drawn histories: the plan against an independent count, and a rollback that is restored at each step. */
import { canonicalJson } from "@busbar/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScene, type OutcomeBody, POLICY, type Scene } from "../door/testing.ts";
import { initialPartitionState } from "../partition-state.ts";
import { DEFAULT_TOOL, type Policy, type ToolPolicy } from "../policy-document.ts";
import { replay } from "../replay/replay.ts";
import { planRollback, rollbackChainId, undoneIn } from "./plan.ts";

const tool = (row: Partial<ToolPolicy> & Pick<ToolPolicy, "effect">): ToolPolicy => ({
  ...DEFAULT_TOOL,
  digest: "",
  ...row,
});
const POLICY_WITH_UNDO: Policy = {
  ...POLICY,
  rules: { ...POLICY.rules, consecutiveErrors: 0, destructiveRun: 0 },
  tools: {
    put: tool({ effect: "write", undo: { tool: "take", args: { id: "$args.id", was: "$result.was" } } }),
    take: tool({ effect: "write" }),
    keep: tool({ effect: "write" }),
  },
};
const OUTCOMES: Readonly<Record<string, OutcomeBody | null>> = {
  done: { kind: "committed", result: '{"was":7}' },
  failed: { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: true },
  late: { kind: "timeout", reason: "late" },
  open: null,
};

interface Step {
  readonly tool: "put" | "keep";
  readonly end: string;
}
const histories = fc.array(
  fc.record({
    tool: fc.constantFrom("put" as const, "keep" as const),
    end: fc.constantFrom("done", "done", "failed", "late", "open"),
  }),
  { maxLength: 12 },
);

function played(all: readonly Step[]) {
  const scene = createScene(POLICY_WITH_UNDO);
  const chain = scene.submit("t");
  for (const [index, { tool: name, end }] of all.entries()) {
    scene.door.turn(scene.call(chain, index + 1, name, { id: index }));
    const outcome = OUTCOMES[end] ?? null;
    if (outcome !== null) scene.door.turn(scene.outcome(chain, index + 1, outcome));
  }
  return { scene, chain, events: eventsOf(scene, chain) };
}
const eventsOf = (scene: Scene, chain: string) =>
  scene.door.log.map(({ event }) => event).filter(({ meta }) => meta.chainId === chain);

describe("the plan of a rollback", () => {
  it("holds what was done and has an undo, the latest first; names the rest that may have been; told twice it is the same [rollback:plan]", () => {
    fc.assert(
      fc.property(histories, (all) => {
        const { events } = played(all);
        const { undos, impossible } = planRollback(events, POLICY_WITH_UNDO);
        const done = all.flatMap(({ tool: name, end }, id) => (name === "put" && end === "done" ? [id] : []));
        expect(undos.map(({ args }) => args)).toEqual(done.toReversed().map((id) => canonicalJson({ id, was: 7 })));
        const others = all.filter(({ tool: name, end }) => end !== "failed" && !(name === "put" && end === "done"));
        expect(impossible.length).toBe(others.length);
        expect(
          planRollback(
            events.flatMap((event) => [event, event]),
            POLICY_WITH_UNDO,
          ),
        ).toEqual({ undos, impossible, left: 0 });
      }),
      { numRuns: 300 },
    );
  });
});

describe("a rollback", () => {
  it("goes on from JSON at each step as if nothing had been, does each undo once, and is a fold of its records [rollback:once]", () => {
    fc.assert(
      fc.property(histories, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (all, restores) => {
        const { scene, chain, events } = played(all);
        const { undos, impossible } = planRollback(events, POLICY_WITH_UNDO);
        fc.pre(undos.length > 0);
        const rollback = rollbackChainId(chain, 0);
        const body = { type: "RollBack", target: chain, number: 0, undos, impossible, reason: "", by: "x" } as const;
        const sent = { source: "control", principal: "operator:ann", sequence: 0 } as const;
        scene.door.turn(scene.command(rollback, body, sent));
        for (let step = 1; step <= undos.length; step += 1) {
          if (restores[step - 1] === true) scene.door.restore();
          scene.door.turn(scene.command(rollback, body, sent), { kind: "tick" });
          scene.door.turn(scene.outcome(rollback, step, { kind: "committed", result: "{}" }));
        }
        const told = eventsOf(scene, rollback);
        expect(told.at(-1)?.type).toBe("TaskCompleted");
        expect(undoneIn(told)).toEqual(undos.map(({ undoes }) => undoes));
        const folded = initialPartitionState(0);
        for (const logged of scene.door.log) replay(folded, logged);
        expect(folded).toEqual(scene.door.state);
      }),
      { numRuns: 100 },
    );
  });
});
