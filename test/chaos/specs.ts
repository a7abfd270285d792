/** The specs. A new one is a row here; a new kind of fault is a row in faults/index.ts as well. */
import type { ChaosSpec, Load, Stage } from "./spec.ts";

/** Slow enough before the effect that some are always under way; nothing of it can be called back. */
const SLOW_TOOLS: Stage["toolFaults"] = [
  { tool: "mail.send", kind: "latency", latencyMs: 120 },
  { tool: "orders.annotate", kind: "latency", latencyMs: 15 },
];

const COURIERS: readonly Load[] = [{ agent: "courier", input: "courier", perPartition: 3 }];
const WORK: Stage = {
  brokers: "one",
  gateways: 2,
  supervisors: 1,
  agents: { names: ["courier"], count: 3 },
  toolFaults: SLOW_TOOLS,
};

export const SPECS: readonly ChaosSpec[] = [
  {
    name: "kills",
    promise:
      "kill -9 of agents, gateways, supervisors and the broker loses no acknowledged task, doubles no effect and leaves none unexplained",
    stage: WORK,
    load: [{ agent: "courier", input: "courier", perPartition: 6 }],
    lanes: [
      { fault: { kind: "kill", target: "agent" }, share: 10, every: { from: 4, to: 50 } },
      { fault: { kind: "kill", target: "gateway" }, share: 4, every: { from: 1, to: 40 } },
      { fault: { kind: "kill", target: "supervisor" }, share: 5, every: { from: 1, to: 40 } },
      { fault: { kind: "kill", target: "broker" }, share: 1, every: { from: 40, to: 160 } },
    ],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 60,
    fullRounds: 1020,
  },
  {
    name: "zombies",
    promise:
      "a gateway that is frozen, replaced and woken fires nothing that was not validly its own; exact effects are done once, others never fired again and named in doubt",
    stage: WORK,
    load: COURIERS,
    lanes: [{ fault: { kind: "freeze", at: "anywhere" }, share: 1, every: { from: 8, to: 24 } }],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: { lateFiresPerFreeze: 1 },
    rounds: 20,
    fullRounds: 80,
  },
  {
    name: "zombies-before-send",
    promise:
      "a gateway frozen between the check of the fire bound and the hand-over to the tool fires that one call when it wakes, and the log has named it in doubt",
    stage: WORK,
    load: COURIERS,
    lanes: [{ fault: { kind: "freeze", at: "before-send" }, share: 1, every: { from: 8, to: 24 } }],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: { lateFiresPerFreeze: 1 },
    rounds: 20,
    fullRounds: 60,
  },
  {
    name: "zombies-before-check",
    promise: "a gateway frozen just before the check of the fire bound fires nothing when it wakes too late",
    stage: WORK,
    load: COURIERS,
    lanes: [{ fault: { kind: "freeze", at: "before-check" }, share: 1, every: { from: 8, to: 24 } }],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: { lateFiresPerFreeze: 0 },
    rounds: 20,
    fullRounds: 60,
  },
  {
    name: "halts",
    promise:
      "after a halt of a hostile agent is acknowledged nothing of its scope is admitted, and no effect begins that the acknowledgement did not name",
    stage: {
      brokers: "one",
      gateways: 1,
      supervisors: 1,
      agents: { names: ["rebel", "plotter"], count: 1, hostile: true },
      toolFaults: [{ tool: "orders.annotate", kind: "latency", latencyMs: 12 }],
    },
    load: [
      { agent: "rebel", input: "turns", perPartition: 1 },
      { agent: "plotter", input: "turns", perPartition: 1 },
    ],
    lanes: [
      {
        fault: { kind: "halt", scopes: ["fleet", "chain", "agent:rebel", "agent:plotter"] },
        share: 1,
        every: { from: 0, to: 8 },
      },
    ],
    checks: ["effects", "fires", "doors", "halts", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 50,
    fullRounds: 1000,
  },
  {
    name: "halt-path",
    promise:
      "whichever link of the halt path is cut, before a halt or after it: what is halted does nothing, writes wait while nobody supervises, and the halt is acknowledged once the link is mended",
    stage: {
      brokers: "one",
      gateways: 2,
      supervisors: 1,
      agents: { names: ["rebel"], count: 2 },
      toolFaults: [{ tool: "orders.annotate", kind: "latency", latencyMs: 12 }],
    },
    load: [{ agent: "rebel", input: "turns", perPartition: 2 }],
    lanes: [
      {
        fault: {
          kind: "cut",
          links: ["gateway", "supervisor", "operator", "agent"],
          scopes: ["fleet", "agent:rebel", "chain"],
          forMs: { from: 300, to: 4000 },
        },
        share: 1,
        every: { from: 2, to: 20 },
      },
    ],
    checks: ["effects", "fires", "halts", "doors", "nothing-lost", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 20,
    fullRounds: 20,
  },
  {
    name: "clocks",
    promise:
      "a gateway whose clock jumps by ten minutes, either way, doubles nothing, loses nothing and admits no write while it is not sure",
    stage: WORK,
    load: COURIERS,
    lanes: [
      {
        fault: { kind: "clock", jumpMs: [-600_000, 600_000, -30_000, 30_000], forMs: { from: 200, to: 5000 } },
        share: 1,
        every: { from: 4, to: 20 },
      },
    ],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 20,
    fullRounds: 20,
  },
  {
    name: "slow-broker",
    promise: "a broker that answers late, now to one kind of process and now to another, delays work and nothing else",
    stage: WORK,
    load: COURIERS,
    lanes: [
      {
        fault: {
          kind: "slow",
          links: ["agent", "gateway", "supervisor"],
          delayMs: { from: 20, to: 800 },
          forMs: { from: 500, to: 5000 },
        },
        share: 1,
        every: { from: 4, to: 20 },
      },
    ],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 20,
    fullRounds: 20,
  },
  {
    name: "registry-down",
    promise: "without the schema registry work goes on, and processes that start meanwhile do as well",
    stage: WORK,
    load: COURIERS,
    lanes: [{ fault: { kind: "registry-down" }, share: 1, every: { from: 4, to: 20 } }],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 4,
    fullRounds: 4,
  },
  {
    name: "disk-full",
    promise:
      "a broker whose disk is full loses nothing that it has acknowledged, and the bus goes on when there is room again",
    stage: { ...WORK, brokers: "small-disk" },
    load: COURIERS,
    lanes: [{ fault: { kind: "disk-full" }, share: 1, every: { from: 20, to: 80 } }],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 4,
    fullRounds: 4,
  },
  {
    name: "three-brokers",
    promise:
      "three brokers (three replicas, two in sync): one is killed and comes back, its leaders move away and home, and nothing is lost, doubled or stopped for good",
    stage: { ...WORK, brokers: "three" },
    load: COURIERS,
    lanes: [
      { fault: { kind: "kill", target: "broker" }, share: 2, every: { from: 20, to: 80 } },
      { fault: { kind: "kill", target: "gateway" }, share: 1, every: { from: 20, to: 80 } },
    ],
    checks: ["effects", "fires", "doors", "nothing-lost", "none-failed", "voids", "supervisor-agrees", "processes"],
    bounds: {},
    rounds: 6,
    fullRounds: 12,
  },
  {
    name: "deploys",
    promise: "a rolling restart of gateways, supervisors and agents puts no effect in doubt and loses nothing",
    stage: WORK,
    load: COURIERS,
    lanes: [
      { fault: { kind: "deploy", target: "gateway" }, share: 2, every: { from: 4, to: 30 } },
      { fault: { kind: "deploy", target: "supervisor" }, share: 1, every: { from: 4, to: 30 } },
      { fault: { kind: "deploy", target: "agent" }, share: 2, every: { from: 4, to: 30 } },
    ],
    checks: [
      "effects",
      "fires",
      "doors",
      "nothing-lost",
      "none-failed",
      "none-in-doubt",
      "voids",
      "supervisor-agrees",
      "processes",
    ],
    bounds: {},
    rounds: 30,
    fullRounds: 30,
  },
];

/** Throws what to type instead where there is no spec of that name. */
export function specNamed(name: string): ChaosSpec {
  const found = SPECS.find((spec) => spec.name === name);
  if (found === undefined) throw new Error(`no spec is called ${name}; npm run chaos -- --list names them`);
  return found;
}
