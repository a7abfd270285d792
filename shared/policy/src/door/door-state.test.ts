import { describe, expect, it } from "vitest";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const opening = (scene: Scene, more: object = {}) => ({
  kind: "open" as const,
  opening: {
    supervisor: "s",
    heartbeatAtMs: scene.door.atMs,
    eventsThrough: scene.door.state.end,
    directivesEnd: scene.door.state.through,
    ...more,
  },
});
const first = (scene: Scene, chain: string, step: number, tool: string) =>
  scene.door.turn(scene.call(chain, step, tool, { step }))[0];

describe("a tool that was changed behind the policy's back", () => {
  const policy = {
    ...POLICY,
    tools: Object.fromEntries(
      Object.entries(POLICY.tools).map(([name, tool]) => [name, { ...tool, digest: `${name} as approved` }]),
    ),
  };
  const openWith = (scene: Scene, tools: readonly { readonly tool: string; readonly digest: string }[]): void => {
    scene.door.claim();
    const { end, through } = scene.door.state;
    const opening = { supervisor: "s", heartbeatAtMs: 1, eventsThrough: end, directivesEnd: through, tools };
    scene.door.turn({ kind: "open", opening });
  };

  it.each([
    ["has another manifest", [{ tool: "db.write", digest: "another" }], "another"],
    ["is not there", [{ tool: "db.read", digest: "db.read as approved" }], "has none"],
  ])("%s: its calls are refused, on the log [security:changed-tool-refused]", (_name, tools, said) => {
    const scene = createScene(policy);
    const chain = scene.submit("t");
    openWith(scene, tools);
    const events = scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    expect(only(events, "EffectRefused")).toMatchObject({ code: "BUSBAR_TOOL_CHANGED" });
    expect(only(events, "EffectRefused").reason).toContain(said);
  });

  it("as approved it is admitted, by its digest; and so it is where nobody says what is loaded [security:changed-tool-refused]", () => {
    const scene = createScene(policy);
    const chain = scene.submit("t");
    expect(only(scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 })), "EffectAdmitted").toolDigest).toBe(
      "db.write as approved",
    );
    openWith(scene, [{ tool: "db.write", digest: "db.write as approved" }]);
    expect(types(scene.door.turn(scene.call(chain, 2, "db.write", { id: 2 })))).toEqual(["EffectAdmitted"]);
  });
});

describe("the door", () => {
  it("is closed by a claim: nothing is admitted, nothing is refused, the command comes again [ownership:claim-closes-door]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.claim();
    expect(scene.door.state.door).toBe("closed");
    expect(first(scene, chain, 1, "db.read")).toMatchObject({
      type: "CommandDeferred",
      code: "BUSBAR_DOOR_CLOSED",
      expected: 0,
      retryAfterMs: 250,
    });
    expect(scene.chain(chain).sequence).toBe(0);
  });

  it("admits no effect before a DoorOpened of the owner's own epoch [ownership:no-effect-before-door]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.claim();
    for (const tool of ["db.read", "db.write", "db.drop"]) {
      expect(scene.door.turn(scene.call(chain, 1, tool, {}, { sequence: 1 }))[0]?.type).toBe("CommandDeferred");
    }
    expect(types(scene.door.turn(opening(scene)))).toEqual(["DoorOpened"]);
    expect(scene.door.turn(scene.call(chain, 1, "db.drop", {}, { sequence: 1 }))[0]?.type).toBe("EffectAdmitted");
  });

  it("takes tasks and outcomes while it is closed [ownership:no-effect-before-door]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.claim();
    expect(types(scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" })))).toEqual([
      "EffectCommitted",
    ]);
    expect(scene.chain(scene.submit("u")).status).toBe("working");
  });

  it.each([
    ["a heartbeat that knows of directives which are not applied", { directivesEnd: "99" }],
    ["a heartbeat from before the claim", { eventsThrough: "0" }],
  ])("does not open under %s [halt:door-waits-for-supervisor]", (_name, more) => {
    const scene = createScene();
    scene.door.claim();
    expect(scene.door.turn(opening(scene, more))).toEqual([]);
    expect(scene.door.state.door).toBe("closed");
  });

  it("does not open under a heartbeat that ends at the claim itself [halt:door-waits-for-supervisor]", () => {
    const scene = createScene();
    scene.door.claim();
    const { claim } = scene.door.state;
    expect(scene.door.turn(opening(scene, { eventsThrough: claim?.offset }))).toEqual([]);
    const next = (BigInt(claim?.offset ?? "0") + 1n).toString();
    expect(types(scene.door.turn(opening(scene, { eventsThrough: next })))).toEqual(["DoorOpened"]);
  });

  it("does not open without a policy, nor twice [halt:door-waits-for-supervisor]", () => {
    const scene = createScene();
    expect(scene.door.turn(opening(scene))).toEqual([]);
    scene.door.claim();
    scene.door.state.policy = null;
    expect(scene.door.turn(opening(scene))).toEqual([]);
  });

  it("degrades to reads only, recorded before it takes effect [halt:stale-supervisor-degrades]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      scene.call(chain, 1, "db.write", { id: 1 }),
      { kind: "degrade", reason: "no heartbeat" },
      scene.call(chain, 2, "db.write", { id: 2 }),
    );
    expect(types(events)).toEqual(["EffectAdmitted", "DoorDegraded", "CommandDeferred"]);
    expect(events.at(-1)).toMatchObject({ code: "BUSBAR_DOOR_DEGRADED", retryAfterMs: 1000 });
    expect(scene.door.turn(scene.call(chain, 2, "db.read", {}, { sequence: 2 }))[0]?.type).toBe("EffectAdmitted");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it("says it once, and opens again under a fresh heartbeat [halt:stale-supervisor-degrades]", () => {
    const scene = createScene();
    expect(types(scene.door.turn({ kind: "degrade", reason: "a" }, { kind: "degrade", reason: "b" }))).toEqual([
      "DoorDegraded",
    ]);
    expect(types(scene.door.turn(opening(scene)))).toEqual(["DoorOpened"]);
    expect(scene.door.state.door).toBe("open");
  });

  it("that is closed does not become readable by degrading [ownership:no-effect-before-door]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.claim();
    expect(scene.door.turn({ kind: "degrade", reason: "a" })).toEqual([]);
    expect(first(scene, chain, 1, "db.read")?.type).toBe("CommandDeferred");
  });

  it("is closed by a release [ownership:release-then-claim]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      { kind: "release", owner: "gateway-1", reason: "given away" },
      scene.call(chain, 1, "db.read"),
    );
    expect(types(events)).toEqual(["PartitionReleased", "CommandDeferred"]);
  });
});

describe("an outcome", () => {
  it.each([
    ["the door closed", (scene: Scene) => scene.door.claim()],
    ["the door read-only", (scene: Scene) => void scene.door.turn({ kind: "degrade", reason: "" })],
    ["a halt", (scene: Scene) => void scene.door.turn(scene.orders(["Halt", { scope: "fleet", reason: "", by: "x" }]))],
    [
      "a freeze",
      (scene: Scene) =>
        void scene.door.turn(
          scene.orders(["Freeze", { freezeId: "f", scope: "fleet", effects: ["write"], fromMs: 0, untilMs: 0 }]),
        ),
    ],
    [
      "its breaker open",
      (scene: Scene) =>
        void scene.door.turn(scene.orders(["IsolateBreaker", { key: "tool:db.write", reason: "", by: "x" }])),
    ],
  ])("of what was admitted has its place whatever came after: %s [door:outcome-room-reserved]", (_name, happens) => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, maxOpenCalls: 2 } });
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }), scene.call(chain, 2, "db.write", { id: 2 }));
    expect(scene.door.turn(scene.call(chain, 3, "db.read"))[0]).toMatchObject({ code: "BUSBAR_OVERLOADED" });
    happens(scene);
    for (const step of [1, 2]) {
      expect(types(scene.door.turn(scene.outcome(chain, step, { kind: "committed", result: "{}" })))).toEqual([
        "EffectCommitted",
      ]);
    }
  });
});

describe("a released partition", () => {
  it("is not opened again in this epoch, by whatever heartbeat; a new claim's owner opens it [ownership:release-then-claim]", () => {
    const scene = createScene();
    scene.door.turn({ kind: "release", owner: "gateway-1", reason: "given away" });
    expect(scene.door.turn(opening(scene))).toEqual([]);
    scene.door.restore();
    expect(scene.door.turn(opening(scene))).toEqual([]);
    scene.door.claim();
    expect(types(scene.door.turn(opening(scene)))).toEqual(["DoorOpened"]);
  });
});

describe("a freeze", () => {
  const freeze = (more: object = {}) =>
    [
      "Freeze",
      {
        freezeId: "f1",
        scope: "fleet",
        effects: ["write", "destructive"],
        fromMs: 0,
        untilMs: 0,
        reason: "quarter end",
        by: "x",
        ...more,
      },
    ] as const;

  it("refuses the effects of its classes, with its name and reason [rules:freeze]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(freeze()));
    expect(first(scene, chain, 1, "db.drop")).toMatchObject({
      type: "EffectRefused",
      code: "BUSBAR_FREEZE_ACTIVE",
      reason: "freeze f1 forbids destructive effects of fleet: quarter end",
    });
    expect(first(scene, chain, 2, "db.read")?.type).toBe("EffectAdmitted");
  });

  it.each([
    ["of another agent", { scope: "agent:worker" }],
    ["of another tool", { scope: "tool:db.other" }],
    ["of other classes", { effects: ["destructive"] }],
  ])("%s lets pass [rules:freeze]", (_name, more) => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(freeze(more)));
    expect(first(scene, chain, 1, "db.write")?.type).toBe("EffectAdmitted");
  });

  it("holds from its start, inclusive, to its end, exclusive [rules:freeze]", () => {
    const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    const chain = scene.submit("t");
    const start = scene.door.atMs;
    scene.door.turn(scene.orders(freeze({ fromMs: start + 100, untilMs: start + 200 })));
    const answers = [99, 100, 199, 200].map((at, index) => {
      scene.door.atMs = start + at;
      return first(scene, chain, index + 1, "db.write")?.type;
    });
    expect(answers).toEqual(["EffectAdmitted", "EffectRefused", "EffectRefused", "EffectAdmitted"]);
  });

  it("ends by its own name; another one stays [rules:freeze]", () => {
    const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    const chain = scene.submit("t");
    scene.door.turn(
      scene.orders(freeze(), freeze({ freezeId: "f2" }), ["Unfreeze", { freezeId: "f1", reason: "", by: "x" }]),
    );
    expect(first(scene, chain, 1, "db.write")).toMatchObject({ code: "BUSBAR_FREEZE_ACTIVE" });
    scene.door.turn(scene.orders(["Unfreeze", { freezeId: "f2", reason: "", by: "x" }]));
    expect(first(scene, chain, 2, "db.write")?.type).toBe("EffectAdmitted");
  });

  it("may have any name, __proto__ too, also after a restart [rules:freeze]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(freeze({ freezeId: "__proto__" })));
    scene.door.restore();
    expect(first(scene, chain, 1, "db.write")).toMatchObject({ code: "BUSBAR_FREEZE_ACTIVE" });
  });
});

describe("a breaker at the door", () => {
  const key = "tool:db.read";
  const cause = "busbar.events/2/5";
  const open = [
    "OpenBreaker",
    { key, rule: "consecutive-failures", cause, reason: "2 failures in a row", cooldownMs: 10 },
  ] as const;
  const grant = (scene: Scene, more: object = {}) =>
    [
      "Grant",
      { grantId: "g1", key, cause, sequence: 1, partition: 0, count: 1, expiresAtMs: scene.door.atMs + 100, ...more },
    ] as const;
  const quiet = { ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } };

  it("refuses its tool and no other, with the trip as evidence [supervisor:half-open-by-grants]", () => {
    const scene = createScene(quiet);
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(open));
    expect(first(scene, chain, 1, "db.read")).toMatchObject({
      type: "EffectRefused",
      code: "BUSBAR_BREAKER_OPEN",
      evidence: [cause],
    });
    expect(first(scene, chain, 2, "db.clock")?.type).toBe("EffectAdmitted");
  });

  it("spends a grant once, and names it on the admission [supervisor:half-open-by-grants]", () => {
    const scene = createScene(quiet);
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(open, grant(scene)));
    const events = scene.door.turn(
      scene.call(chain, 1, "db.read", { a: 1 }),
      scene.call(chain, 2, "db.read", { a: 2 }),
    );
    expect(types(events)).toEqual(["EffectAdmitted", "EffectRefused"]);
    expect(only(events, "EffectAdmitted").probes).toEqual(["g1"]);
  });

  it.each([
    ["without a grant", null],
    ["of another partition", { partition: 1 }],
    ["that is over", { expiresAtMs: 1 }],
    ["of another tool", { key: "tool:db.clock" }],
    ["for none", { count: 0 }],
  ])("no probe %s [supervisor:half-open-by-grants]", (_name, more) => {
    const scene = createScene(quiet);
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(...(more === null ? [open] : [open, grant(scene, more)])));
    expect(first(scene, chain, 1, "db.read")).toMatchObject({ code: "BUSBAR_BREAKER_OPEN" });
  });

  it("closes by the cause that it names, and the same opening told again does not open it [halt:resume-covers-trips]", () => {
    const scene = createScene(quiet);
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(open, ["CloseBreaker", { key, cause, reason: "", by: "supervisor:a" }], open));
    expect(first(scene, chain, 1, "db.read")?.type).toBe("EffectAdmitted");
    scene.door.turn(
      scene.orders(["OpenBreaker", { key, rule: "r", cause: "busbar.events/2/6", reason: "", cooldownMs: 10 }]),
    );
    expect(first(scene, chain, 2, "db.read")?.type).toBe("EffectRefused");
  });

  it("what a person holds open no machine opens, probes or closes [supervisor:breaker-isolated]", () => {
    const scene = createScene(quiet);
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(["IsolateBreaker", { key, reason: "vendor is down", by: "operator:ann" }]));
    scene.door.turn(scene.orders(open, grant(scene), ["CloseBreaker", { key, cause, reason: "", by: "supervisor:a" }]));
    expect(first(scene, chain, 1, "db.read")).toMatchObject({
      code: "BUSBAR_BREAKER_OPEN",
      reason: "the breaker of tool:db.read is isolated: vendor is down",
    });
    scene.door.turn(scene.orders(["CloseBreaker", { key, cause: "", reason: "", by: "operator:ann" }]));
    expect(first(scene, chain, 2, "db.read")?.type).toBe("EffectAdmitted");
  });

  it("a grant told again gives nothing again, nor does one of another opening [supervisor:restart-same-orders]", () => {
    const scene = createScene(quiet);
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(open, grant(scene)));
    expect(first(scene, chain, 1, "db.read")?.type).toBe("EffectAdmitted");
    scene.door.turn(scene.orders(open, grant(scene), grant(scene, { cause: "busbar.events/2/9", sequence: 2 })));
    expect(first(scene, chain, 2, "db.read")).toMatchObject({ code: "BUSBAR_BREAKER_OPEN" });
    scene.door.turn(scene.orders(grant(scene, { grantId: "g2", sequence: 2 })));
    expect(first(scene, chain, 3, "db.read")).toMatchObject({ probes: ["g2"] });
  });

  it("of an agent refuses all its tools and no other agent; of a pair that agent at that tool [supervisor:breaker-scopes]", () => {
    const scene = createScene(quiet);
    const [own, other] = [scene.submit("t"), scene.submit("u", { agent: "worker" })];
    const opened = (of: string) =>
      ["OpenBreaker", { key: of, rule: "r", cause, reason: "down", cooldownMs: 10 }] as const;
    scene.door.turn(scene.orders(opened("agent:support/tool:db.read")));
    expect(first(scene, own, 1, "db.read")).toMatchObject({ code: "BUSBAR_BREAKER_OPEN" });
    expect(first(scene, own, 2, "db.clock")?.type).toBe("EffectAdmitted");
    expect(first(scene, other, 1, "db.read")?.type).toBe("EffectAdmitted");
    scene.door.turn(scene.orders(opened("agent:support")));
    expect(first(scene, own, 3, "db.clock")).toMatchObject({
      code: "BUSBAR_BREAKER_OPEN",
      reason: "the breaker of agent:support is open: down",
    });
    expect(first(scene, other, 2, "db.read")?.type).toBe("EffectAdmitted");
  });

  it("grants that ran out do not pile up [ownership:state-bounded]", () => {
    const scene = createScene(quiet);
    scene.door.turn(scene.orders(open));
    for (let index = 0; index < 50; index += 1)
      scene.door.turn(scene.orders(grant(scene, { grantId: `g${index}`, sequence: index + 1 })));
    expect(Object.keys(scene.door.state.grants)).toEqual(["g49"]);
    scene.door.turn(scene.orders(["CloseBreaker", { key, cause, reason: "", by: "supervisor:a" }]));
    expect(scene.door.state.grants).toEqual({});
  });
});
