import { describe, expect, it } from "vitest";
import {
  type BreakerInput,
  type BreakerOrder,
  type BreakerState,
  CLOSED_BREAKER,
  grantIdOf,
  stepBreaker,
} from "./breaker.ts";
import type { TripPolicy } from "./keys.ts";
import { NO_RATES } from "./rates.ts";

const KEY = "tool:db.write";
const TRIP: TripPolicy = { failures: 2, perPeer: 0, cooldownMs: 5000, probes: 1, rates: NO_RATES };
const outcome = (ok: boolean, at: number, probe = "", peer = "support"): BreakerInput => ({
  kind: "outcome",
  ok,
  durationMs: 1,
  peer,
  probe,
  evidence: `busbar.events/0/${at}`,
  atMs: at,
});
const fails = (at: number, probe = ""): BreakerInput => outcome(false, at, probe);
const works = (at: number, probe = ""): BreakerInput => outcome(true, at, probe);
const wants = (at: number, partition = 3): BreakerInput => ({ kind: "demand", partition, atMs: at });
const tick = (at: number): BreakerInput => ({ kind: "tick", atMs: at });

function run(
  inputs: readonly BreakerInput[],
  policy = TRIP,
): { readonly state: BreakerState; readonly orders: readonly BreakerOrder[] } {
  let state = CLOSED_BREAKER;
  const orders: BreakerOrder[] = [];
  for (const input of inputs) {
    const [next, more] = stepBreaker(KEY, state, input, policy);
    state = next;
    orders.push(...more);
  }
  return { state, orders };
}

const opened: readonly BreakerInput[] = [fails(1), fails(2)];
const probing: readonly BreakerInput[] = [...opened, wants(10), tick(5002)];
const CAUSE = "busbar.events/0/2";
const grantId = (sequence = 1): string => grantIdOf(KEY, CAUSE, sequence);

/** One run of inputs into each state. */
const INTO: Readonly<Record<BreakerState["state"], readonly BreakerInput[]>> = {
  closed: [],
  open: opened,
  "half-open": probing,
  isolated: [{ kind: "isolated" }],
};

/** What each state makes of each input: next state, and the order given. A literal: a change here is a decision. */
const TABLE: Readonly<Record<BreakerState["state"], Readonly<Record<string, string>>>> = {
  closed: {
    success: "closed",
    failure: "closed",
    "second failure": "open OpenBreaker",
    demand: "closed",
    "tick after the cool-down": "closed",
    isolated: "isolated",
    released: "closed",
    "probe succeeds": "closed",
    "probe fails": "closed",
  },
  open: {
    success: "open",
    failure: "open",
    "second failure": "open",
    demand: "open",
    "tick after the cool-down": "open",
    isolated: "isolated",
    released: "closed",
    "probe succeeds": "open",
    "probe fails": "open",
  },
  "half-open": {
    success: "half-open",
    failure: "half-open",
    "second failure": "half-open",
    demand: "half-open",
    "tick after the cool-down": "half-open",
    isolated: "isolated",
    released: "closed",
    "probe succeeds": "closed CloseBreaker",
    "probe fails": "open OpenBreaker",
  },
  isolated: {
    success: "isolated",
    failure: "isolated",
    "second failure": "isolated",
    demand: "isolated",
    "tick after the cool-down": "isolated",
    isolated: "isolated",
    released: "closed",
    "probe succeeds": "isolated",
    "probe fails": "isolated",
  },
};

const asked = (name: string): readonly BreakerInput[] => {
  const inputs: Readonly<Record<string, readonly BreakerInput[]>> = {
    success: [works(5003)],
    failure: [fails(5003)],
    "second failure": [fails(5003), fails(5004)],
    demand: [wants(5003)],
    "tick after the cool-down": [tick(5003)],
    isolated: [{ kind: "isolated" }],
    released: [{ kind: "released" }],
    "probe succeeds": [works(5003, grantId())],
    "probe fails": [fails(5003, grantId())],
  };
  return inputs[name] ?? [];
};

describe("the breaker, state by state", () => {
  for (const [state, row] of Object.entries(TABLE)) {
    for (const [name, expected] of Object.entries(row)) {
      it(`${state}, ${name}: ${expected} [supervisor:breaker-across-chains]`, () => {
        const into = INTO[state as BreakerState["state"]];
        const before = run(into);
        expect(before.state.state).toBe(state);
        // A demand in the open state is only kept here: its own row below shows what it leads to.
        const inputs = state === "open" && name === "demand" ? [wants(3000)] : asked(name);
        const after = run([...into, ...inputs]);
        const given = after.orders.slice(before.orders.length).map(({ type }) => type);
        expect([after.state.state, ...given].join(" ")).toBe(expected);
      });
    }
  }
});

describe("a trip", () => {
  it("comes with the failures in a row, named by its cause, and says how long it cools down [supervisor:breaker-across-chains]", () => {
    expect(run(opened).orders).toEqual([
      {
        type: "OpenBreaker",
        key: KEY,
        rule: "consecutive-failures",
        cause: "busbar.events/0/2",
        reason: "2 failures in a row",
        cooldownMs: 5000,
      },
    ]);
  });

  it("a success in between starts the count again [supervisor:breaker-across-chains]", () => {
    expect(run([fails(1), works(2), fails(3)]).state.state).toBe("closed");
  });

  it("the same failure told twice is one [supervisor:signal-id]", () => {
    expect(run([fails(1), fails(1), fails(1)]).state.state).toBe("closed");
  });

  it("what was admitted before it opened says nothing about the tool now", () => {
    const { state } = run([...opened, works(3), fails(4)]);
    expect(state).toEqual(run(opened).state);
  });

  it("one counterpart counts a bounded number of times, the next one opens it [supervisor:breaker-peers]", () => {
    const capped = { ...TRIP, failures: 3, perPeer: 2 };
    const of = (peer: string, ats: readonly number[]) => ats.map((at) => outcome(false, at, "", peer));
    const alone = run(of("a", [1, 2, 3, 4, 5, 6]), capped);
    expect(alone.state).toMatchObject({ state: "closed" });
    expect(alone.state.failures.length).toBe(2);
    expect(run([...of("a", [1, 2, 3]), ...of("b", [4])], capped).orders).toMatchObject([
      { type: "OpenBreaker", cause: "busbar.events/0/4" },
    ]);
    // Without the bound the first one alone opens it for all.
    expect(run(of("a", [1, 2, 3]), { ...capped, perPeer: 0 }).state.state).toBe("open");
  });

  it("an error that is nobody else's fault counts each time [supervisor:breaker-peers]", () => {
    const own = [1, 2, 3].map((at) => outcome(false, at, "", ""));
    expect(run(own, { ...TRIP, failures: 3, perPeer: 1 }).state.state).toBe("open");
  });

  it("a limit of 0 turns it off", () => {
    expect(run([fails(1), fails(2), fails(3)], { ...TRIP, failures: 0 }).state).toBe(CLOSED_BREAKER);
  });
});

describe("half-open", () => {
  it("nobody asked: no grant, however long it is open [supervisor:half-open-by-grants]", () => {
    expect(run([...opened, tick(5002), tick(60_000)])).toMatchObject({
      state: { state: "open" },
      orders: [{ type: "OpenBreaker" }],
    });
  });

  it("after the cool-down the partition that asked gets a bounded number of probes for a bounded time [supervisor:half-open-by-grants]", () => {
    const policy = { ...TRIP, probes: 2 };
    expect(run([...opened, wants(10, 7), tick(5001)], policy).state.state).toBe("open");
    const { state, orders } = run([...opened, wants(10, 7), tick(5002)], policy);
    expect(orders.at(-1)).toMatchObject({
      type: "Grant",
      key: KEY,
      partition: 7,
      count: 2,
      expiresAtMs: 10_002,
      grantId: grantIdOf(KEY, CAUSE, 1),
    });
    expect(state.granted).toBe(1);
  });

  it("a demand after the cool-down is granted at once [supervisor:half-open-by-grants]", () => {
    expect(run([...opened, wants(5002)]).orders.map(({ type }) => type)).toEqual(["OpenBreaker", "Grant"]);
  });

  it("an unused grant runs out, and the next demand gets another one [supervisor:half-open-by-grants]", () => {
    const { orders } = run([...probing, wants(9000), tick(10_002)]);
    const grants = orders.filter((order) => order.type === "Grant");
    expect(grants.map(({ grantId: id, sequence, cause }) => [id, sequence, cause])).toEqual([
      [grantId(1), 1, CAUSE],
      [grantId(2), 2, CAUSE],
    ]);
  });

  it("is named by its opening and its number, whatever the clock says [supervisor:restart-same-orders]", () => {
    const grantOf = (at: number) => run([...opened, wants(at)]).orders.at(-1);
    expect(grantOf(5002)).toMatchObject({ grantId: grantId(1) });
    expect(grantOf(99_000)).toMatchObject({ grantId: grantId(1) });
  });

  it("a probe that ends after its grant has run out, and after the next grant, decides all the same [supervisor:slow-probe]", () => {
    const late = [...probing, wants(9000), tick(10_002)];
    expect(run(late).state).toMatchObject({ state: "half-open", granted: 2 });
    expect(run([...late, works(30_000, grantId(1))]).state.state).toBe("closed");
    expect(run([...late, fails(30_000, grantId(1))]).state).toMatchObject({ state: "open", openedAtMs: 30_000 });
  });

  it("a probe of an earlier opening decides nothing about this one [supervisor:slow-probe]", () => {
    const reopened = [...probing, fails(5003, grantId()), wants(5004), tick(10_003)];
    expect(run(reopened).state).toMatchObject({ state: "half-open", cause: "busbar.events/0/5003" });
    expect(run([...reopened, works(30_000, grantId())]).state.state).toBe("half-open");
  });

  it("the id of a grant follows from the opening and the grants before it, not from the time of a tick [supervisor:restart-same-orders]", () => {
    const idsAt = (...atMs: readonly number[]): readonly string[] =>
      run([...opened, ...atMs.flatMap((at) => [wants(at), tick(at + 1)])]).orders.flatMap((order) =>
        order.type === "Grant" ? [order.grantId] : [],
      );
    const [first, second] = idsAt(5002, 11_000);
    expect(first).not.toBe(second);
    expect(idsAt(6007, 12_345)).toEqual([first, second]);
  });

  it("a probe of another grant decides nothing [supervisor:half-open-by-grants]", () => {
    expect(run([...probing, works(5003, "other"), fails(5004, "")]).state.state).toBe("half-open");
  });

  it("a probe that fails opens it again, with a cool-down of its own [supervisor:half-open-by-grants]", () => {
    const { state, orders } = run([...probing, fails(5003, grantId())]);
    expect(state).toMatchObject({ state: "open", openedAtMs: 5003, cause: "busbar.events/0/5003" });
    expect(orders.at(-1)).toMatchObject({ type: "OpenBreaker", reason: "the probe failed" });
  });

  it("a probe that succeeds closes it, and names the opening that it ends [supervisor:half-open-by-grants]", () => {
    expect(run([...probing, works(5003, grantId())]).orders.at(-1)).toEqual({
      type: "CloseBreaker",
      key: KEY,
      cause: "busbar.events/0/2",
      reason: "the probe succeeded",
    });
  });
});
