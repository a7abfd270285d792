import type { BusHeartbeat } from "@busbar/events";
import { initialPartitionState, type PartitionState } from "@busbar/policy";
import { metaWith } from "@busbar/runtime";
import { describe, expect, it } from "vitest";
import { type Beat, foldLife } from "../read/heartbeats.ts";
import { checkClock, checkDoor, checkSupervisors, checkVoids } from "./bus-checks.ts";

const NOW = 100_000;
const meta = metaWith({ eventId: "x", atMs: 0 });

function supervisorBeat(
  partition: number,
  atMs: number,
  more: { readonly sentAtMs?: number; readonly stream?: string } = {},
): Beat {
  const { sentAtMs = atMs, stream = "events" } = more;
  const message = {
    type: "SupervisorHeartbeat",
    meta,
    supervisor: "s1",
    stream,
    partition,
    eventsThrough: "5",
    directivesEnd: "1",
    sentAtMs,
  };
  return { atMs, message: message as unknown as BusHeartbeat };
}

const agentBeat = (instance: string, atMs: number): Beat => ({
  atMs,
  message: {
    type: "AgentHeartbeat",
    meta,
    agent: "a",
    instance,
    version: "",
    state: "working",
    chains: [{ chainId: "c1", incarnation: 1 }],
    sentAtMs: atMs,
  },
});

describe("signs of life", () => {
  it("count by the broker's time, the newest of each process", () => {
    const beats = [
      agentBeat("a1", NOW - 900),
      agentBeat("a1", NOW - 400),
      agentBeat("a2", NOW - 6000),
      supervisorBeat(0, NOW - 100),
    ];
    const life = foldLife(beats, NOW);
    expect(life.agents).toEqual([
      { agent: "a", instance: "a1", version: "", state: "working", chains: ["c1"], ageMs: 400 },
    ]);
    expect(life.supervisors).toMatchObject([{ supervisor: "s1", partition: 0, ageMs: 100 }]);
  });

  it("of a supervisor are asked for each events partition", () => {
    expect(checkSupervisors([supervisorBeat(0, NOW), supervisorBeat(1, NOW - 300)], NOW, [0, 1])).toMatchObject([
      { state: "ok" },
    ]);
    const signals = supervisorBeat(1, NOW, { stream: "signals" });
    for (const beats of [
      [supervisorBeat(0, NOW)],
      [supervisorBeat(0, NOW), supervisorBeat(1, NOW - 6000)],
      [supervisorBeat(0, NOW), signals],
    ]) {
      const [check] = checkSupervisors(beats, NOW, [0, 1]);
      expect(check).toMatchObject({ state: "fail", next: "npx busbar dev" });
      expect(check?.text).toContain("for partitions 1");
    }
  });

  it("tell how far the clocks are apart", () => {
    expect(checkClock([supervisorBeat(0, NOW, { sentAtMs: NOW - 20 })])).toMatchObject([{ state: "ok" }]);
    expect(checkClock([supervisorBeat(0, NOW, { sentAtMs: NOW - 20_000 })])).toMatchObject([{ state: "fail" }]);
    expect(checkClock([supervisorBeat(0, NOW, { sentAtMs: NOW + 20_000 })])).toMatchObject([{ state: "fail" }]);
    expect(checkClock([])).toEqual([]);
  });
});

const stateWith = (more: Partial<PartitionState>): PartitionState => ({ ...initialPartitionState(3), ...more });
const view = (more: Partial<PartitionState>) => ({
  state: stateWith(more),
  owner: "gw",
  doorAtMs: 0,
  readFrom: 0n,
  voids: 0,
  undecodable: [],
});

describe("a partition", () => {
  it("fails without an owner or with a closed door, warns when it only reads", () => {
    const claim = { offset: "4", nonce: "n" };
    expect(checkDoor(view({}))).toMatchObject({ name: "door 3", state: "fail", next: "npx busbar dev" });
    expect(checkDoor(view({ claim, door: "open" })).state).toBe("ok");
    expect(checkDoor(view({ claim, door: "closed" })).state).toBe("fail");
    const degraded = checkDoor(view({ claim, door: "degraded", doorReason: "no heartbeat" }));
    expect([degraded.state, degraded.text]).toEqual(["warn", "read-only, claimed by gw at o4: no heartbeat"]);
  });

  it("shows its void records, and fails for a valid one that nobody can read [placement:void-counted]", () => {
    expect(checkVoids(view({ events: 7 }))).toMatchObject([{ state: "ok", text: "7 valid, 0 void records" }]);
    expect(checkVoids({ ...view({ events: 7 }), voids: 2 })).toMatchObject([
      { state: "warn", text: "7 valid, 2 void records", next: "npx busbar events query --partition 3 --void" },
    ]);
    expect(checkVoids({ ...view({}), undecodable: [9n] })).toMatchObject([{ state: "fail" }]);
  });
});
