import type { PartitionState } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { DEFAULT_OWNER_SETTINGS, type OwnerOptions } from "./owner-options.ts";
import { inputsOfTick, newTicking, REASSIGNED_AT_ONCE } from "./ticks.ts";

const NOW_MS = 100_000;
const { clockBoundMs } = DEFAULT_OWNER_SETTINGS;

/** The owner of a partition that nothing keeps from opening: a fresh heartbeat knows its claim and its directives. */
const options = {
  partition: 0,
  settings: DEFAULT_OWNER_SETTINGS,
  clock: { nowMs: () => NOW_MS, monotonicMs: () => NOW_MS },
  life: {
    supervisor: () => ({
      beat: { supervisor: "s", eventsThrough: "6", directivesEnd: "1" },
      atMs: NOW_MS - 10,
    }),
  },
  directives: { end: () => 1n },
  isMember: () => true,
} as unknown as OwnerOptions;

const stateOf = (door: PartitionState["door"]): PartitionState =>
  ({ door, claim: { offset: "5", nonce: "n" }, policy: {}, through: "1", chains: {} }) as unknown as PartitionState;

const kinds = (door: PartitionState["door"], skewMs: number): readonly string[] =>
  inputsOfTick(options, stateOf(door), newTicking(NOW_MS, skewMs)).map(({ kind }) => kind);

describe("the owner's clock against the broker's append time", () => {
  it("within the bound, either way, the door opens and stays open [time:clock-checked]", () => {
    for (const skewMs of [-clockBoundMs, 0, clockBoundMs]) {
      expect(kinds("closed", skewMs)).toEqual(["open"]);
      expect(kinds("degraded", skewMs)).toEqual(["open"]);
      expect(kinds("open", skewMs)).toEqual([]);
    }
  });

  it("beyond it a closed door stays closed and a degraded one degraded [time:clock-checked]", () => {
    for (const skewMs of [-clockBoundMs - 1, clockBoundMs + 1]) {
      expect(kinds("closed", skewMs)).toEqual([]);
      expect(kinds("degraded", skewMs)).toEqual([]);
    }
  });

  it("beyond it an open door is degraded, with the difference as its reason [time:clock-checked]", () => {
    for (const skewMs of [-clockBoundMs - 1, clockBoundMs + 1]) {
      expect(inputsOfTick(options, stateOf("open"), newTicking(NOW_MS, skewMs))).toEqual([
        { kind: "degrade", reason: `our clock is ${skewMs} ms from the broker's` },
      ]);
    }
  });
});

describe("a chain without a sign of life", () => {
  const chain = {
    chainId: "c",
    agent: "a",
    version: "1",
    incarnation: 1,
    halted: null,
    assignedAtMs: 0,
    deadlineAtMs: 0,
  };
  const life = { ...options.life, chainSeenMs: () => 0 };
  const reassigned = (alive: string): readonly unknown[] => {
    const agentSeenMs = (_agent: string, version: string): number => (version === alive ? NOW_MS : 0);
    const state = { ...stateOf("open"), chains: { c: { ...chain, calls: {} } }, deployments: {} };
    const inputs = inputsOfTick(
      { ...options, life: { ...life, agentSeenMs } } as unknown as OwnerOptions,
      state as unknown as PartitionState,
      newTicking(0, 0),
    );
    return inputs.filter(({ kind }) => kind === "reassign");
  };

  it("is assigned again where a process of its version lives [agents:reassigned-without-life]", () => {
    expect(reassigned("1")).toMatchObject([{ chainId: "c" }]);
  });

  it("waits where only another version of its agent lives, or none [deploy:waits-without-process]", () => {
    expect(reassigned("2")).toEqual([]);
    expect(reassigned("")).toEqual([]);
  });
});

describe("chains without a sign of life", () => {
  it("are assigned again at a bounded rate, each once [time:bounded-rate]", () => {
    const count = REASSIGNED_AT_ONCE * 2 + 5;
    const chain = {
      incarnation: 1,
      sequence: 0,
      halted: null,
      agent: "a",
      version: "1",
      assignedAtMs: 0,
      calls: {},
      deadlineAtMs: 0,
    };
    const chains = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`c${index}`, { ...chain, chainId: `c${index}` }]),
    );
    let nowMs = NOW_MS;
    const life = { ...options.life, agentSeenMs: () => nowMs, chainSeenMs: () => 0 };
    const given = { ...options, life, clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } };
    const state = { ...stateOf("open"), chains, deployments: {} } as unknown as PartitionState;
    const ticking = newTicking(0, 0);
    const looks = [0, 1, 2, 3].map(() => {
      nowMs += DEFAULT_OWNER_SETTINGS.lifeBoundMs;
      return inputsOfTick(given, state, ticking).flatMap((one) => (one.kind === "reassign" ? [one.chainId] : []));
    });
    expect(looks.map(({ length }) => length)).toEqual([REASSIGNED_AT_ONCE, REASSIGNED_AT_ONCE, 5, 0]);
    expect(new Set(looks.flat()).size).toBe(count);
  });

  it("are given more time after each assignment that brought no command, up to eight times as much [time:patience-grows]", () => {
    const { lifeBoundMs } = DEFAULT_OWNER_SETTINGS;
    const waitedMs = (incarnation: number, sequence: number): number => {
      const chain = { incarnation, sequence, halted: null, agent: "a", version: "1", assignedAtMs: 0, calls: {} };
      const chains = { c: { ...chain, chainId: "c", deadlineAtMs: 0 } };
      const state = { ...stateOf("open"), chains, deployments: {} } as unknown as PartitionState;
      for (let bounds = 1; bounds <= 20; bounds += 1) {
        const nowMs = bounds * lifeBoundMs;
        const life = { ...options.life, agentSeenMs: () => nowMs, chainSeenMs: () => 0 };
        const given = { ...options, life, clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } };
        const inputs = inputsOfTick(given, state, newTicking(0, 0));
        if (inputs.some(({ kind }) => kind === "reassign")) return bounds - 1;
      }
      return -1;
    };
    expect([1, 2, 3, 4, 5, 90].map((incarnation) => waitedMs(incarnation, 0))).toEqual([1, 2, 4, 8, 8, 8]);
    expect([1, 2, 90].map((incarnation) => waitedMs(incarnation, 1))).toEqual([1, 1, 1]);
  });
});
