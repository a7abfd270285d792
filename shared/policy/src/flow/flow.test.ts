import { describe, expect, it } from "vitest";
import { DEFAULT_FLOW, type FlowPolicy } from "../policy-document.ts";
import { FLOWING, type FlowInput, type FlowOrder, type FlowState, isIdle, stepFlow, totalsOf } from "./flow.ts";

const KEY = "agent:slow";
const MARKS = { lower: 4, upper: 10, pause: 20, lagLowerMs: 0, lagUpperMs: 0 };
const POLICY: FlowPolicy = { ...DEFAULT_FLOW, agent: MARKS, orderEveryMs: 100 };

interface More {
  readonly source?: number;
  readonly oldestAtMs?: number;
  /** As far apart as their times unless it is given, so that a later one lies behind. */
  readonly offset?: number;
}

const load = (open: number, atMs: number, more: More = {}): FlowInput => {
  const { source = 0, oldestAtMs = 0, offset = atMs } = more;
  const waiting = oldestAtMs === 0 ? 0 : 1;
  return { kind: "load", source, open, waiting, oldestAtMs, atMs, evidence: `e/0/${atMs}`, offset };
};

function run(inputs: readonly FlowInput[], policy = POLICY) {
  let state: FlowState = FLOWING;
  const orders: FlowOrder[] = [];
  for (const input of inputs) {
    const [next, more] = stepFlow(KEY, state, input, policy);
    state = next;
    orders.push(...more);
  }
  return { state, orders, said: orders.map(({ type, level }) => `${type} ${level}`) };
}

describe("marks", () => {
  it("are reached upwards at the mark, and left downwards at the one below [flow:hysteresis]", () => {
    const loads = [9, 10, 9, 5, 4, 5, 9, 10, 19, 20, 19, 10, 9, 5, 4];
    const levels = loads.map((_, index) => {
      const inputs = loads.slice(0, index + 1).map((open, at) => load(open, 1000 * (at + 1)));
      return run(inputs).state.level;
    });
    expect(levels.map((level, index) => `${loads[index]} ${level}`)).toEqual([
      "9 flowing",
      "10 throttled",
      "9 throttled",
      "5 throttled",
      "4 flowing",
      "5 flowing",
      "9 flowing",
      "10 throttled",
      "19 throttled",
      "20 paused",
      "19 paused",
      "10 paused",
      "9 throttled",
      "5 throttled",
      "4 flowing",
    ]);
  });

  it("without a mark below, the same load orders back and forth [flow:hysteresis]", () => {
    const loads = [10, 9, 10, 9, 10, 9].map((open, at) => load(open, 1000 * (at + 1)));
    expect(run(loads).said).toEqual(["Throttle throttled"]);
    const flat = { ...POLICY, agent: { ...MARKS, lower: 9 } };
    expect(run(loads, flat).said.length).toBe(6);
  });

  it("count what all partitions report, the newest of each [flow:totals]", () => {
    const { state, orders } = run([
      load(6, 1000, { source: 0 }),
      load(3, 1001, { source: 1 }),
      load(4, 1002, { source: 1 }),
    ]);
    expect(totalsOf(state)).toEqual({ open: 10, waiting: 0, lagMs: 0 });
    expect(orders).toEqual([
      {
        type: "Throttle",
        key: KEY,
        level: "throttled",
        rule: "flow",
        cause: "e/0/1002",
        reason: "agent:slow has 10 open chains, 0 of them not begun, the oldest for 0 ms",
        sinceMs: 1002,
        through: 1003,
      },
    ]);
  });

  it("of age: what waits too long throttles too, by the time of the records [flow:lag]", () => {
    const aged = { ...POLICY, agent: { ...MARKS, lagLowerMs: 100, lagUpperMs: 500 } };
    const waiting = (atMs: number, oldestAtMs: number) => load(2, atMs, { oldestAtMs });
    expect(run([waiting(1499, 1000)], aged).said).toEqual([]);
    expect(run([waiting(1500, 1000)], aged).said).toEqual(["Throttle throttled"]);
    expect(run([waiting(1500, 1000), waiting(2000, 1800)], aged).state.level).toBe("throttled");
    expect(run([waiting(1500, 1000), waiting(2000, 1900)], aged).said).toEqual([
      "Throttle throttled",
      "Unthrottle flowing",
    ]);
  });

  it("of 0 are none [flow:hysteresis]", () => {
    const none = { ...POLICY, agent: { lower: 0, upper: 0, pause: 0, lagLowerMs: 0, lagUpperMs: 0 } };
    expect(run([load(1_000_000, 1000)], none).said).toEqual([]);
  });
});

describe("orders", () => {
  it("about a key come no faster than the policy says; what changed meanwhile is told by the next tick [flow:bounded-rate]", () => {
    const hurried = [load(10, 1000), load(4, 1050), load(20, 1060)];
    expect(run(hurried).said).toEqual(["Throttle throttled"]);
    expect(run([...hurried, { kind: "tick", atMs: 1099 }]).said).toEqual(["Throttle throttled"]);
    expect(run([...hurried, { kind: "tick", atMs: 1100 }]).said).toEqual(["Throttle throttled", "Throttle paused"]);
  });

  it("are not held back by a clock that was ahead [flow:bounded-rate]", () => {
    expect(run([load(10, 900_000), load(30, 900_050), load(4, 1000, { offset: 900_060 })]).said).toEqual([
      "Throttle throttled",
      "Unthrottle flowing",
    ]);
  });

  it("that stand make the reports before them silent, when they are read again [supervisor:restart-same-orders]", () => {
    const reports = [load(10, 1000), load(3, 2000), load(30, 3000)];
    const { orders } = run(reports);
    const last = orders.at(-1);
    expect(orders.map(({ level }) => level)).toEqual(["throttled", "flowing", "paused"]);
    const standing: FlowInput = {
      kind: "ordered",
      level: "paused",
      sinceMs: last?.sinceMs ?? 0,
      through: last?.through ?? 0,
    };
    expect(run([standing, ...reports])).toMatchObject({ orders: [], state: { level: "paused" } });
    expect(run(reports).orders).toEqual(orders);
  });
});

describe("a person", () => {
  it("holds what they set: no load changes it [flow:by-hand]", () => {
    expect(run([{ kind: "set" }, load(30, 1000), load(0, 2000)]).said).toEqual([]);
  });

  it("lifts: nothing is ordered before the load has been low once, and then by the marks again [flow:by-hand]", () => {
    const lifted: readonly FlowInput[] = [load(10, 1000), { kind: "lifted" }, load(30, 2000), load(5, 3000)];
    expect(run(lifted).said).toEqual(["Throttle throttled"]);
    expect(run([...lifted, load(4, 4000)]).said).toEqual(["Throttle throttled", "Unthrottle flowing"]);
    expect(run([...lifted, load(4, 4000), load(10, 5000)]).said.at(-1)).toBe("Throttle throttled");
  });
});

it("who has read less than what stands orders nothing by time alone [supervisor:restart-same-orders]", () => {
  const standing: FlowInput = { kind: "ordered", level: "paused", sinceMs: 5000, through: 5001 };
  expect(run([standing, { kind: "tick", atMs: 99_000 }]).orders).toEqual([]);
  expect(run([standing, load(30, 4000), { kind: "tick", atMs: 99_000 }]).orders).toEqual([]);
  expect(run([standing, load(0, 5000), { kind: "tick", atMs: 99_000 }]).said).toEqual(["Unthrottle flowing"]);
});

it("who has nothing open and no order is forgotten [ownership:state-bounded]", () => {
  expect(isIdle(run([load(3, 1000), load(0, 2000)]).state)).toBe(true);
  expect(isIdle(run([load(3, 1000)]).state)).toBe(false);
  expect(isIdle(run([{ kind: "set" }]).state)).toBe(false);
});
