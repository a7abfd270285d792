import { describe, expect, it } from "vitest";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const halt = (scope: string, more: object = {}) =>
  ["Halt", { scope, reason: "stop", by: "operator:ann", rule: "", cause: "", ...more }] as const;
const resume = (scope: string, fence: string, coversThrough: readonly object[] = []) =>
  ["Resume", { scope, fence, reason: "looked at", by: "operator:ann", coversThrough }] as const;
const fenceOf = (scene: Scene, scope: string): string => scene.door.state.fences[scope]?.fence ?? "";
const codeOf = (scene: Scene, chain: string, step: number, tool = "db.read"): string => {
  const [event] = scene.door.turn(scene.call(chain, step, tool, { step }));
  return event?.type === "EffectRefused" ? event.code : (event?.type ?? "");
};

describe("a halt", () => {
  it.each(["fleet", "agent:support", "tool:db.read", "chain:"])(
    "of %s refuses what it covers, with its fence [halt:fence-per-scope]",
    (named) => {
      const scene = createScene();
      const chain = scene.submit("t");
      const scope = named === "chain:" ? `chain:${chain}` : named;
      scene.door.turn(scene.orders(halt(scope)));
      const refused = only(scene.door.turn(scene.call(chain, 1, "db.read")), "EffectRefused");
      expect(refused.code).toBe("BUSBAR_HALT_ACTIVE");
      expect(refused.evidence).toEqual([fenceOf(scene, scope)]);
    },
  );

  it.each(["agent:worker", "tool:db.write", "chain:another"])(
    "of %s lets pass what it does not cover [halt:fence-per-scope]",
    (scope) => {
      const scene = createScene();
      const chain = scene.submit("t");
      scene.door.turn(scene.orders(halt(scope)));
      expect(codeOf(scene, chain, 1)).toBe("EffectAdmitted");
    },
  );

  it("of text that is no scope covers everything [halt:fence-per-scope]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("everything")));
    expect(codeOf(scene, chain, 1)).toBe("BUSBAR_HALT_ACTIVE");
  });

  it("of a chain covers its descendants by lineage [halt:covers-descendants]", () => {
    const scene = createScene();
    const parent = scene.submit("t");
    const child = "c".repeat(32);
    const body = {
      type: "SubmitTask",
      taskKey: "k",
      agent: "support",
      input: "{}",
      deadlineAtMs: 0,
      maxSteps: 0,
      budgetTokens: 0,
      parentChainId: parent,
      parentCallId: `${parent}:1`,
      untrusted: false,
    } as const;
    const sent = { principal: "gateway", sequence: 0, incarnation: 0, meta: { lineage: [parent, child] } };
    scene.door.turn(scene.command(child, body, sent));
    scene.door.turn(scene.orders(halt(`chain:${parent}`)));
    expect(codeOf(scene, child, 1)).toBe("BUSBAR_HALT_ACTIVE");
    expect(scene.chain(child).status).toBe("halted");
  });

  it("stops model calls and sub-tasks too [halt:fence-per-scope]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("agent:support")));
    const model = scene.door.turn(scene.command(chain, { type: "CallModel", step: 1, model: "m", request: "{}" }));
    const send = scene.door.turn(scene.command(chain, { type: "SendTask", step: 2, agent: "worker", input: "{}" }));
    expect([only(model, "EffectRefused").code, only(send, "EffectRefused").code]).toEqual([
      "BUSBAR_HALT_ACTIVE",
      "BUSBAR_HALT_ACTIVE",
    ]);
  });

  it("influences nothing before it is a record in the partition [halt:applied-as-record]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      scene.call(chain, 1, "db.read"),
      scene.orders(halt("fleet")),
      scene.call(chain, 2, "db.read"),
    );
    expect(types(events)).toEqual(["EffectAdmitted", "EffectAbandoned", "HaltAcknowledged", "EffectRefused"]);
  });

  it("abandons what the same turn admitted, and names it [halt:abandons-unstarted]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }), scene.orders(halt("fleet")));
    const acknowledged = only(events, "HaltAcknowledged");
    expect(acknowledged.abandoned).toEqual([`${chain}:1`]);
    expect(acknowledged.inFlight).toEqual([]);
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("answered");
  });

  it("names in flight only what was started before, and only what it covers [halt:names-in-flight]", () => {
    const scene = createScene();
    const [one, two] = [scene.submit("a"), scene.submit("b", { agent: "worker" })];
    scene.door.turn(scene.call(one, 1, "db.write", { id: 1 }), scene.call(two, 1, "db.read"));
    const events = scene.door.turn(scene.orders(halt("agent:support")));
    expect(only(events, "HaltAcknowledged").inFlight).toEqual([
      {
        chainId: one,
        callId: `${one}:1`,
        effectKey: scene.chain(one).calls[`${one}:1`]?.effectKey,
        tool: "db.write",
        state: "open",
      },
    ]);
  });

  it("names in flight what is in doubt as well [halt:names-in-flight]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, { kind: "timeout", reason: "late" }));
    const { inFlight } = only(scene.door.turn(scene.orders(halt("fleet"))), "HaltAcknowledged");
    expect(inFlight.map(({ callId, state }) => [callId, state])).toEqual([[`${chain}:1`, "in-doubt"]]);
  });

  it("what it does not cover stays admitted [halt:abandons-unstarted]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }), scene.orders(halt("tool:db.read")));
    expect(types(events)).toEqual(["EffectAdmitted", "HaltAcknowledged"]);
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("open");
  });

  it("outcomes of what was in flight are still recorded [halt:names-in-flight]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.turn(scene.orders(halt("fleet")));
    expect(types(scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" })))).toEqual([
      "EffectCommitted",
    ]);
    expect(scene.chain(chain).status).toBe("halted");
  });

  it("a task that comes under a standing halt is kept, and assigned when it is lifted [halt:fence-per-scope]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(halt("fleet")));
    const chain = scene.submit("t");
    expect(scene.chain(chain)).toMatchObject({ status: "halted", incarnation: 0 });
    const events = scene.door.turn(scene.orders(resume("fleet", fenceOf(scene, "fleet"))));
    expect(types(events)).toEqual(["DirectivesApplied", "ChainResumed", "TaskAssigned"]);
    expect(scene.chain(chain)).toMatchObject({ status: "working", incarnation: 1 });
  });

  it("more directives than fit one record become more records of the same turn [halt:applied-as-record]", () => {
    const scene = createScene();
    scene.submit("t");
    const events = scene.door.turn(scene.orders(...Array.from({ length: 70 }, (_, index) => halt(`agent:a${index}`))));
    expect(types(events)).toEqual(["HaltAcknowledged", "HaltAcknowledged", "HaltAcknowledged"]);
    expect(Object.keys(scene.door.state.fences).length).toBe(70);
  });
});

describe("the position of applied directives", () => {
  it("never decreases, and what was applied is not applied again [halt:through-never-decreases]", () => {
    const scene = createScene();
    const first = scene.orders(halt("fleet"));
    const second = scene.orders(halt("agent:worker"));
    scene.door.turn(second);
    const { through } = scene.door.state;
    expect(scene.door.turn(first, second)).toEqual([]);
    expect(scene.door.state.through).toBe(through);
    expect(Object.keys(scene.door.state.fences)).toEqual(["agent:worker"]);
  });

  it("a batch that begins with what was applied before applies only the rest [halt:through-never-decreases]", () => {
    const scene = createScene();
    const first = scene.orders(halt("fleet"));
    scene.door.turn(first);
    const second = scene.orders(resume("fleet", fenceOf(scene, "fleet")));
    scene.door.turn(second);
    const third = scene.orders(halt("agent:worker"));
    if (first.kind !== "directives" || second.kind !== "directives" || third.kind !== "directives")
      throw new Error("orders are directives");
    const applied = [...first.applied, ...second.applied, ...third.applied];
    const events = scene.door.turn({ kind: "directives", applied, through: third.through });
    expect(only(events, "HaltAcknowledged").applied).toEqual(third.applied);
    expect(Object.keys(scene.door.state.fences)).toEqual(["agent:worker"]);
  });

  it("a position without a directive is recorded as well [halt:through-never-decreases]", () => {
    const scene = createScene();
    const events = scene.door.turn({ kind: "directives", applied: [], through: "40" });
    expect(only(events, "DirectivesApplied")).toMatchObject({ through: "40", applied: [] });
  });
});

describe("a resume", () => {
  it("that names the fence frees the chain, which runs again as the next incarnation [halt:resume-names-fence]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("fleet")));
    const events = scene.door.turn(scene.orders(resume("fleet", fenceOf(scene, "fleet"))));
    expect(types(events)).toEqual(["DirectivesApplied", "ChainResumed", "TaskAssigned"]);
    expect(scene.chain(chain)).toMatchObject({ status: "working", incarnation: 2, halted: null });
    expect(codeOf(scene, chain, 1)).toBe("EffectAdmitted");
  });

  it("that names an older fence has no effect [halt:resume-names-fence]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("fleet")));
    const old = fenceOf(scene, "fleet");
    scene.door.turn(scene.orders(halt("fleet")));
    expect(types(scene.door.turn(scene.orders(resume("fleet", old))))).toEqual(["DirectivesApplied"]);
    expect(scene.chain(chain).status).toBe("halted");
    expect(codeOf(scene, chain, 1)).toBe("BUSBAR_HALT_ACTIVE");
  });

  it("of a tool that names an older fence lifts nothing, and the right one does [halt:resume-names-fence]", () => {
    const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    const chain = scene.submit("t");
    const scope = "tool:db.read";
    scene.door.turn(scene.orders(halt(scope)));
    const old = fenceOf(scene, scope);
    scene.door.turn(scene.orders(halt(scope)));
    scene.door.turn(scene.orders(resume(scope, old)));
    expect(codeOf(scene, chain, 1)).toBe("BUSBAR_HALT_ACTIVE");
    scene.door.turn(scene.orders(resume(scope, fenceOf(scene, scope))));
    expect(codeOf(scene, chain, 2)).toBe("EffectAdmitted");
  });

  it("lifts its own scope only, in whatever order they came [halt:fence-per-scope]", () => {
    for (const [first, second] of [
      ["fleet", "agent:support"],
      ["agent:support", "fleet"],
    ] as const) {
      for (const lifted of ["fleet", "agent:support"] as const) {
        const scene = createScene();
        const chain = scene.submit("t");
        scene.door.turn(scene.orders(halt(first)));
        scene.door.turn(scene.orders(halt(second)));
        scene.door.turn(scene.orders(resume(lifted, fenceOf(scene, lifted))));
        expect(scene.chain(chain).status).toBe("halted");
        const other = lifted === "fleet" ? "agent:support" : "fleet";
        scene.door.turn(scene.orders(resume(other, fenceOf(scene, other))));
        expect(scene.chain(chain)).toMatchObject({ status: "working", halted: null });
      }
    }
  });

  it("of the fleet does not free a chain that a rule had halted by itself [halt:left-by-person-only]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.nothing"), scene.call(chain, 2, "db.nothing"));
    const own = scene.chain(chain).halted?.fence ?? "";
    scene.door.turn(scene.orders(halt("fleet")));
    scene.door.turn(scene.orders(resume("fleet", fenceOf(scene, "fleet"))));
    expect(scene.chain(chain)).toMatchObject({ status: "halted", halted: { fence: own, rule: "consecutive-errors" } });
    scene.door.turn(scene.orders(resume(`chain:${chain}`, own)));
    expect(scene.chain(chain).status).toBe("working");
  });

  it("of a chain that a rule halted names the event of the halt [halt:left-by-person-only]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.nothing"), scene.call(chain, 2, "db.nothing"));
    const cause = only(events, "ChainHalted").meta.eventId;
    scene.door.turn(scene.orders(resume(`chain:${chain}`, "busbar.events/0/1")));
    expect(scene.chain(chain).status).toBe("halted");
    scene.door.turn(scene.orders(resume(`chain:${chain}`, cause)));
    expect(scene.chain(chain)).toMatchObject({ status: "working", incarnation: 2 });
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it("that comes together with its halt still gives the chain to its agent again [halt:left-by-person-only]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const orders = scene.orders(halt("fleet"));
    const fence = orders.kind === "directives" ? (orders.applied[0]?.offset ?? "") : "";
    const both = scene.orders(resume("fleet", fence));
    if (orders.kind !== "directives" || both.kind !== "directives") throw new Error("orders are directives");
    scene.door.turn({ kind: "directives", applied: [...orders.applied, ...both.applied], through: both.through });
    expect(scene.chain(chain)).toMatchObject({ status: "working", incarnation: 2 });
  });

  it("only a resume leaves a halt: no outcome, reassignment, tick or new owner does [halt:left-by-person-only]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { deadlineAtMs: scene.door.atMs + 5 });
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.turn(scene.orders(halt("fleet")));
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    scene.door.atMs += 1000;
    scene.door.turn({ kind: "tick" });
    scene.door.claim();
    scene.door.restore();
    expect(scene.chain(chain)).toMatchObject({ status: "halted", incarnation: 1 });
  });
});

describe("trips as directives", () => {
  const cause = "busbar.events/3/17";
  const covering = [{ partition: 3, through: "18" }];

  it("a trip whose cause a resume covered has no effect [halt:resume-covers-trips]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("agent:support")));
    scene.door.turn(scene.orders(resume("agent:support", fenceOf(scene, "agent:support"), covering)));
    scene.door.turn(scene.orders(halt("agent:support", { rule: "two-errors", cause })));
    expect(scene.chain(chain).status).toBe("working");
    expect(codeOf(scene, chain, 1)).toBe("EffectAdmitted");
  });

  it("a covered trip abandons nothing of the same turn [halt:resume-covers-trips]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("agent:support")));
    scene.door.turn(scene.orders(resume("agent:support", fenceOf(scene, "agent:support"), covering)));
    const events = scene.door.turn(
      scene.call(chain, 1, "db.read"),
      scene.orders(halt("agent:support", { rule: "two-errors", cause })),
    );
    expect(types(events)).not.toContain("EffectAbandoned");
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("open");
  });

  it("a trip whose cause lies at the covered position or later counts [halt:resume-covers-trips]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(halt("agent:support")));
    scene.door.turn(scene.orders(resume("agent:support", fenceOf(scene, "agent:support"), covering)));
    scene.door.turn(scene.orders(halt("agent:support", { rule: "two-errors", cause: "busbar.events/3/18" })));
    expect(scene.chain(chain).status).toBe("halted");
  });

  it("trips of one scope give the same fences in any order [halt:trips-commute]", () => {
    const trips = [
      halt("agent:a", { cause: "busbar.events/0/5" }),
      halt("agent:b", { cause: "busbar.events/1/6" }),
      halt("agent:a", { cause: "busbar.events/2/7" }),
    ];
    const scopesOf = (order: readonly number[]): readonly string[] => {
      const scene = createScene();
      for (const index of order) {
        const trip = trips[index];
        if (trip !== undefined) scene.door.turn(scene.orders(trip));
      }
      return Object.keys(scene.door.state.fences).toSorted();
    };
    expect(scopesOf([0, 1, 2])).toEqual(["agent:a", "agent:b"]);
    expect(scopesOf([2, 1, 0])).toEqual(scopesOf([0, 1, 2]));
  });

  it("the same trip told again needs no second resume [halt:trips-commute]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const trip = halt("agent:support", { rule: "two-errors", cause });
    scene.door.turn(scene.orders(trip));
    const fence = fenceOf(scene, "agent:support");
    scene.door.turn(scene.orders(trip));
    scene.door.turn(scene.orders(resume("agent:support", fence)));
    expect(scene.chain(chain).status).toBe("working");
  });
});
