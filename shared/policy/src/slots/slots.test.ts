import { describe, expect, it } from "vitest";
import { createScene, MODEL_REPLY, only, POLICY, types } from "../door/testing.ts";
import type { Caps } from "./caps.ts";
import { viewCaps } from "./cap-view.ts";
import { asking, cap, open, sceneWith } from "./testing.ts";

describe("a bulkhead", () => {
  it("lets as many calls out as it has slots; the next one is deferred, which is no error, until one ends [caps:bulkhead]", () => {
    const scene = sceneWith({ "tool:db.read": cap(2) });
    const { ask, end, chainOf } = asking(scene);
    expect([ask("a"), ask("b"), ask("c"), ask("c")]).toEqual(["in", "in", "waits", "waits"]);
    expect(scene.chain(chainOf("c"))).toMatchObject({ sequence: 0, calls: {}, status: "working" });
    expect(scene.chain(chainOf("c")).rules.consecutiveErrors.evidence).toEqual([]);
    end("a");
    expect(ask("c")).toBe("in");
  });

  it("says which cap, how full it is, and when to ask again [caps:bulkhead]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask } = asking(scene);
    ask("a");
    ask("b");
    const deferred = scene.door.log.findLast(({ event }) => event.type === "CommandDeferred")?.event;
    expect(deferred).toMatchObject({
      code: "BUSBAR_SLOTS_TAKEN",
      reason: "tool:db.read: 1 of 1 at once on partition 0, 0 go first",
      waitsFor: ["tool:db.read"],
      retryAfterMs: 50,
    });
  });

  it("of an agent counts its calls of tools and models; of an agent on a tool only those [caps:bulkhead]", () => {
    const scene = sceneWith({ "agent:support": cap(2), "agent:support tool:db.write": cap(1) });
    const chain = scene.submit("t");
    const model = { type: "CallModel", step: 1, model: "gpt", request: "{}" } as const;
    const write = (step: number) => scene.call(chain, step, "db.write", { id: step }, { sequence: step });
    expect(types(scene.door.turn(scene.command(chain, model)))).toEqual(["ModelCallAdmitted"]);
    expect(types(scene.door.turn(write(2)))).toEqual(["EffectAdmitted"]);
    expect(only(scene.door.turn(write(3)), "CommandDeferred").waitsFor).toEqual([
      "agent:support",
      "agent:support tool:db.write",
    ]);
    scene.door.turn(scene.outcome(chain, 1, MODEL_REPLY));
    expect(only(scene.door.turn(write(3)), "CommandDeferred").reason).toContain("agent:support tool:db.write: 1 of 1");
    scene.door.turn(scene.outcome(chain, 2, { kind: "committed", result: "{}" }));
    expect(types(scene.door.turn(write(3)))).toEqual(["EffectAdmitted"]);
    const other = scene.submit("u", { agent: "worker" });
    expect(types(scene.door.turn(scene.call(other, 1, "db.read")))).toEqual(["EffectAdmitted"]);
  });

  it("of a model puts its calls off, and a model call of a chain that has ended holds its slot no longer than it may last [caps:bulkhead]", () => {
    const scene = sceneWith({ "model:gpt": cap(1) });
    const ask = (chain: string) =>
      scene.door.turn(
        scene.command(chain, { type: "CallModel", step: 1, model: "gpt", request: "{}" }, { sequence: 1 }),
      );
    const first = scene.submit("a", { deadlineAtMs: scene.door.atMs + 1000 });
    const second = scene.submit("b");
    expect(types([...ask(first), ...ask(second)])).toEqual(["ModelCallAdmitted", "CommandDeferred"]);
    scene.door.atMs += 1000;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["TimerFired", "TaskFailed"]);
    expect(types(ask(second))).toEqual(["CommandDeferred"]);
    scene.door.atMs += 62_000;
    expect(types(ask(second))).toEqual(["ModelCallAdmitted"]);
  });

  it("what is refused waits for no slot [caps:bulkhead]", () => {
    const scene = sceneWith({ "tool:db.write": cap(1) });
    const { ask, chainOf } = asking(scene, "db.write");
    expect([ask("a"), ask("b")]).toEqual(["in", "waits"]);
    scene.door.turn(scene.orders(["Halt", { scope: `chain:${chainOf("b")}`, reason: "stop", by: "x" }]));
    expect(ask("b")).toBe("EffectRefused");
  });

  it("an abandoned call, a failed one and one that is settled give their slots back [caps:bulkhead]", () => {
    for (const outcome of [
      { kind: "abandoned", reason: "late" },
      { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false },
    ] as const) {
      const scene = sceneWith({ "tool:db.write": cap(1) });
      const { ask, chainOf } = asking(scene, "db.write");
      expect([ask("a"), ask("b")]).toEqual(["in", "waits"]);
      scene.door.turn(scene.outcome(chainOf("a"), 1, outcome));
      expect(ask("b")).toBe("in");
    }
  });

  it("a call in doubt holds its slot while it may be under way, and not until a person has settled it [caps:doubt-holds]", () => {
    const scene = sceneWith({ "tool:db.write": cap(1) });
    const { ask, chainOf } = asking(scene, "db.write");
    expect([ask("a"), ask("b")]).toEqual(["in", "waits"]);
    scene.door.claim();
    scene.door.turn({ kind: "inherit", calls: [{ chainId: chainOf("a"), callId: `${chainOf("a")}:1` }] });
    open(scene);
    expect(ask("b")).toBe("waits");
    scene.door.atMs += 12_499;
    expect(ask("b")).toBe("waits");
    scene.door.atMs += 1;
    expect(ask("b")).toBe("in");
    expect(scene.chain(chainOf("a")).calls[`${chainOf("a")}:1`]?.status).toBe("in-doubt");
  });

  it("a capped read that a former owner began is asked again only when that one is over [caps:doubt-holds]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask, chainOf } = asking(scene);
    ask("a");
    scene.door.claim();
    scene.door.turn({ kind: "inherit", calls: [{ chainId: chainOf("a"), callId: `${chainOf("a")}:1` }] });
    open(scene);
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.atMs += 12_500;
    expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted").attempt).toBe(2);
  });
});

describe("a rate", () => {
  it("lets so many calls begin in any window, and says when the next one may come [caps:rate]", () => {
    const scene = sceneWith({ "tool:db.read": cap(null, 2) });
    const { ask, end } = asking(scene);
    expect(ask("a")).toBe("in");
    end("a");
    scene.door.atMs += 400;
    expect(ask("b")).toBe("in");
    end("b");
    expect(ask("c")).toBe("waits");
    const deferred = scene.door.log.findLast(({ event }) => event.type === "CommandDeferred")?.event;
    expect(deferred).toMatchObject({ reason: "tool:db.read: 2 of 2 in 1000 ms on partition 0, 0 go first" });
    const retryAfterMs = deferred?.type === "CommandDeferred" ? deferred.retryAfterMs : 0;
    // A slice of a window may be counted too long, never too short.
    expect(retryAfterMs).toBeGreaterThanOrEqual(600);
    expect(retryAfterMs).toBeLessThanOrEqual(600 + 17);
    scene.door.atMs += 599;
    expect(ask("c")).toBe("waits");
    scene.door.atMs += 18;
    expect(ask("c")).toBe("in");
    expect(ask("d")).toBe("waits");
  });

  it("a call counts from the last moment at which it can have begun: its end, or the end of its fire bound [caps:rate]", () => {
    const scene = sceneWith({ "tool:db.read": cap(null, 1) });
    const { ask, end } = asking(scene);
    ask("a");
    scene.door.atMs += 2999;
    expect(ask("b")).toBe("waits");
    scene.door.atMs += 1;
    expect(ask("b")).toBe("in");
    scene.door.atMs += 500;
    end("b");
    scene.door.atMs += 999;
    expect(ask("c")).toBe("waits");
    scene.door.atMs += 18;
    expect(ask("c")).toBe("in");
  });

  it("a call that provably never began counts in no window [caps:rate]", () => {
    const scene = sceneWith({ "tool:db.read": cap(null, 1) });
    const { ask, chainOf } = asking(scene);
    ask("a");
    scene.door.turn(scene.outcome(chainOf("a"), 1, { kind: "abandoned", reason: "late" }));
    expect(ask("b")).toBe("in");
  });

  it("its memory is bounded, however many calls it lets pass [caps:bounded]", () => {
    const scene = sceneWith({ "tool:db.read": cap(null, 1_000_000, 6400) });
    const chain = scene.submit("t", { maxSteps: 0 });
    for (let step = 1; step <= 190; step += 1) {
      scene.door.turn(scene.call(chain, step, "db.read", { n: step }));
      scene.door.turn(scene.outcome(chain, step, { kind: "committed", result: "{}" }));
      scene.door.atMs += 50;
    }
    expect(scene.door.state.slots["tool:db.read"]?.begun.length).toBeLessThanOrEqual(66);
    expect(scene.door.state.slots["tool:db.read"]?.out).toEqual({});
  });
});

describe("further attempts", () => {
  const notStarted = {
    kind: "failed",
    code: "BUSBAR_EFFECT_NOT_STARTED",
    reason: "refused",
    beforeEffect: true,
  } as const;

  it("take slots too: a retry without one is put off and comes when there is one [caps:attempts-take-slots]", () => {
    const scene = sceneWith({ "tool:db.retry": cap(null, 1) });
    const { ask, chainOf } = asking(scene, "db.retry");
    ask("a");
    expect(types(scene.door.turn(scene.outcome(chainOf("a"), 1, notStarted)))).toEqual([
      "EffectFailed",
      "EffectFailed",
    ]);
    expect(scene.chain(chainOf("a")).calls[`${chainOf("a")}:1`]).toMatchObject({ status: "delayed", erred: false });
    scene.door.atMs += 500;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.atMs += 600;
    expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted").attempt).toBe(2);
  });

  it("go before first ones, however many wait [caps:order]", () => {
    const scene = sceneWith({ "tool:db.retry": cap(1) });
    const { ask, chainOf } = asking(scene, "db.retry");
    ask("a");
    expect([ask("b"), ask("c")]).toEqual(["waits", "waits"]);
    expect(types(scene.door.turn(scene.outcome(chainOf("a"), 1, notStarted)))).toEqual([
      "EffectFailed",
      "EffectAdmitted",
    ]);
    expect(ask("b")).toBe("waits");
  });

  it("of a model take slots too [caps:attempts-take-slots]", () => {
    const scene = sceneWith({ "model:gpt": cap(null, 1, 60_000) });
    const chain = scene.submit("t");
    scene.door.turn(scene.command(chain, { type: "CallModel", step: 1, model: "gpt", request: "{}" }));
    const failed = { kind: "model-failed", code: "BUSBAR_TIMEOUT", reason: "no answer", retryable: true } as const;
    scene.door.turn(scene.outcome(chain, 1, { ...failed, inputTokens: 1, outputTokens: 0 }));
    scene.door.atMs += 59_000;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.atMs += 2000;
    expect(only(scene.door.turn({ kind: "tick" }), "ModelCallAdmitted").attempt).toBe(2);
  });
});

describe("a cap that does not reach the chain's partition", () => {
  const caps = { "tool:db.read": cap(1) };
  const away = Array.from({ length: 4 }, (_, partition) => partition).find(
    (partition) => viewCaps(sceneWith(caps, 4, partition).door.state, 0, 4)[0]?.concurrency?.share === 0,
  );
  /** A chain of that partition, whatever its key. */
  function there(more: object = {}) {
    const scene = sceneWith(caps, 4, away);
    const key = Array.from({ length: 64 }, (_, index) => `t${index}`).find((one) => {
      scene.submit(one, more);
      return scene.door.state.openChains > 0;
    });
    return { scene, key, chain: Object.keys(scene.door.state.chains)[0] ?? "" };
  }

  it("defers its calls, and says which cap, where it lives and what to type [caps:named-partitions]", () => {
    const { scene, chain } = there();
    const deferred = only(scene.door.turn(scene.call(chain, 1, "db.read")), "CommandDeferred");
    expect(deferred).toMatchObject({ code: "BUSBAR_CAP_ELSEWHERE", retryAfterMs: 10_000, waitsFor: [] });
    expect(deferred.reason).toMatch(
      /^tools\.db\.read\.concurrency is 1, which lives on partition \d of 4, and the chain is on partition \d: make it 4 or more in busbar\.yaml, then npx busbar policy push --reason "<why>"$/u,
    );
  });

  it("its deadline ends the wait [caps:named-partitions]", () => {
    const { scene, chain } = there({ deadlineAtMs: createScene().door.atMs + 5000 });
    scene.door.turn(scene.call(chain, 1, "db.read"));
    scene.door.atMs += 5000;
    expect(only(scene.door.turn({ kind: "tick" }), "TaskFailed").code).toBe("BUSBAR_DEADLINE_PASSED");
  });
});

describe("a policy that comes into force", () => {
  const order = (caps: Caps | undefined) =>
    ["SetPolicy", { hash: "h", policy: JSON.stringify(caps === undefined ? POLICY : { ...POLICY, caps }) }] as const;

  it("counts the calls that are out already, and a cap that is gone holds nobody [caps:policy-changes]", () => {
    const scene = createScene();
    const { ask, end } = asking(scene);
    expect([ask("a"), ask("b")]).toEqual(["in", "in"]);
    scene.door.turn(scene.orders(order({ "tool:db.read": cap(2) })));
    expect(ask("c")).toBe("waits");
    end("a");
    expect(ask("c")).toBe("in");
    scene.door.turn(scene.orders(order(undefined)));
    expect(ask("d")).toBe("in");
    expect(scene.door.state.slots).toEqual({});
  });

  it("that changes a cap keeps what it has counted [caps:policy-changes]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1, 5, 60_000) });
    const { ask, end } = asking(scene);
    ask("a");
    end("a");
    ask("b");
    scene.door.turn(scene.orders(order({ "tool:db.read": cap(9, 2, 60_000) })));
    expect(viewCaps(scene.door.state, scene.door.atMs, 1)).toEqual([
      {
        key: "tool:db.read",
        concurrency: { total: 9, share: 9, out: 1 },
        rate: { total: 2, perMs: 60_000, share: 2, begun: 2 },
        waiting: 0,
      },
    ]);
    expect(ask("c")).toBe("waits");
    expect(viewCaps(scene.door.state, scene.door.atMs, 1)[0]?.waiting).toBe(1);
  });
});
