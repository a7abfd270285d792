/**
 * Where an episode plays: a broker of its own, a bus, its processes by role, the load, and what was counted.
 *
 * S1 A process that was killed or stopped is out of the crew at once, so no two faults choose the same one.
 * S2 A start that fails (the broker may be away) is tried again, as whatever restarts services would; that is counted.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Codec, createCodec, pushSchemas } from "@busbar/events/codec";
import { commandLine, type JvmRegistry, startJvmRegistry } from "@busbar/infra";
import { createKafkaEventLog } from "@busbar/log/kafka";
import type { Json } from "@busbar/kernel";
import { type Bus, openBus } from "../harness/bus.ts";
import { type Crowd, crowdOf } from "../harness/crowd.ts";
import type { Dice } from "../harness/dice.ts";
import { createOrders, type Orders } from "../harness/orders.ts";
import type { ServiceProcess } from "../harness/process.ts";
import type { Brokers } from "./brokers.ts";
import type { Patch } from "./preload/patch.ts";
import { type Links, openLinks } from "./links.ts";
import type { ChaosSpec, Load, Role } from "./spec.ts";

const HERE = import.meta.dirname;
const HOSTILE = join(HERE, "hostile/main.ts");
const COMPILED = resolve(HERE, "../../node_modules/.cache/chaos-compiled");

/** Longest wait for anything, ms: a broker comes back and everything is loaded again within it. */
export const PATIENCE_MS = 240_000;
/** Long enough that a busy machine does not spend the attempts of an effect. */
const FIRE_BOUND_MS = 2000;
const START_ATTEMPTS = 5;
const ORDERS = 40;
/** Turns of one hostile chain: more than a few halts, less than a journal without an end. */
const TURNS = 24;

export const preload = (name: string): string => `--import ${new URL(`preload/${name}.ts`, import.meta.url).href}`;

const INPUTS: Readonly<Record<Load["input"], (n: number) => Json>> = {
  courier: (n) => ({ orderId: 1 + (n % ORDERS), rounds: 5 }),
  turns: () => ({ turns: TURNS }),
};

/** Lines of a service by which the checkers know that something is wrong. */
export interface Complaint {
  readonly service: string;
  readonly line: string;
}

const isComplaint = (line: string): boolean => line.includes("door and rules disagree");

export interface SceneOptions {
  readonly spec: ChaosSpec;
  readonly brokers: Brokers;
  readonly dice: Dice;
  /** Taken out of every process: a mutant. */
  readonly patches?: readonly Patch[];
}

/** The wires of a spec that cuts or slows them, and a person at the end of one. */
export interface Wires {
  readonly links: Links;
  readonly orders: Orders;
  close(): Promise<void>;
}

/** What only some specs have. */
interface Parts {
  readonly wires: Wires | null;
  readonly registry: JvmRegistry | null;
}

/** A registry that keeps its schemas on the brokers, and the codec of its ids. */
async function openRegistry(
  brokers: readonly string[],
): Promise<{ readonly registry: JvmRegistry; readonly codec: Codec }> {
  const registry = await startJvmRegistry({ storage: { brokers }, timeoutMs: PATIENCE_MS });
  try {
    return {
      registry,
      codec: createCodec({ ids: await pushSchemas(registry.url, { compatibility: "FULL_TRANSITIVE" }) }),
    };
  } catch (cause) {
    await registry.stop();
    throw cause;
  }
}

async function openWires(bus: Bus, brokers: readonly string[]): Promise<Wires> {
  const links = await openLinks(brokers);
  const short = { requestTimeoutMs: 3000, appendDeadlineMs: 3000 };
  const log = createKafkaEventLog({ brokers, clientId: "operator", route: links.route("operator"), ...short });
  const { codec, prefix, keys, partitions } = bus;
  const orders = createOrders({ log, codec, prefix, keys, partitions });
  const close = async (): Promise<void> => {
    await log.close();
    await links.close();
  };
  return { links, orders, close };
}

export class Scene {
  readonly spec: ChaosSpec;
  readonly brokers: Brokers;
  readonly dice: Dice;
  readonly bus: Bus;
  readonly crowds: readonly Crowd[];
  readonly complaints: readonly Complaint[];
  /** Every process that ever was. */
  readonly processes: ServiceProcess[] = [];
  /** Scopes that were halted. */
  readonly scopes = new Set<string>();
  /** Offsets of the halts, and of the resumes, that a person ordered. */
  readonly halts = new Set<string>();
  readonly resumes = new Set<string>();
  readonly #crew = new Map<Role, ServiceProcess[]>();
  readonly #tally = new Map<string, number>();
  readonly #hostilePids: string;
  #named = 0;
  #isClosed = false;

  readonly #wires: Wires | null;
  readonly #registry: JvmRegistry | null;
  readonly #patches: readonly Patch[];

  private constructor(options: SceneOptions, bus: Bus, complaints: readonly Complaint[], parts: Parts) {
    this.#wires = parts.wires;
    this.#registry = parts.registry;
    this.#patches = options.patches ?? [];
    this.spec = options.spec;
    this.brokers = options.brokers;
    this.dice = options.dice;
    this.bus = bus;
    this.complaints = complaints;
    this.#hostilePids = join(dirname(bus.shop), "hostile.pids");
    this.crowds = options.spec.load.map(({ agent, input, perPartition }) =>
      crowdOf(bus, { agent, input: INPUTS[input], perPartition }),
    );
  }

  /** A bus without processes yet. Whoever opens it closes its bus. */
  static async open(options: SceneOptions): Promise<Scene> {
    const { spec, brokers } = options;
    const { addresses, replicas } = brokers;
    const complaints: Complaint[] = [];
    const onLine = (service: string, line: string): void => {
      if (isComplaint(line)) complaints.push({ service, line });
    };
    const isWired = spec.lanes.some(({ fault }) => fault.kind === "cut" || fault.kind === "slow");
    const isRegistered = spec.lanes.some(({ fault }) => fault.kind === "registry-down");
    const registry = isRegistered ? await openRegistry(addresses) : null;
    const bus = await openBus({
      brokers: addresses,
      isOpen: true,
      name: `chaos-${spec.name}`,
      env: {
        NODE_COMPILE_CACHE: COMPILED,
        NODE_OPTIONS: preload("warm"),
        SCHEMA_REGISTRY_URL: registry?.registry.url ?? "",
      },
      ...(registry === null ? {} : { codec: registry.codec }),
      onLine,
      project: { fireBoundMs: FIRE_BOUND_MS },
      faults: spec.stage.toolFaults,
      kafka: { replicationFactor: replicas },
      topicConfig: replicas > 1 ? { "min.insync.replicas": "2" } : {},
    });
    return new Scene(options, bus, complaints, {
      wires: isWired ? await openWires(bus, addresses) : null,
      registry: registry?.registry ?? null,
    });
  }

  /** Starts everything and waits for open doors. */
  async begin(): Promise<void> {
    const { gateways, supervisors, agents } = this.spec.stage;
    const several = (role: Role, count: number): Promise<ServiceProcess>[] =>
      Array.from({ length: count }, () => this.start(role));
    await Promise.all([
      ...several("gateway", gateways),
      ...several("supervisor", supervisors),
      ...several("agent", agents.count),
    ]);
    await this.doorsOpen();
  }

  count(what: string, by = 1): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + by);
  }

  tally(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#tally);
  }

  crew(role: Role): readonly ServiceProcess[] {
    return this.#crew.get(role) ?? [];
  }

  async start(role: Role): Promise<ServiceProcess> {
    for (let attempt = 1; ; attempt += 1) {
      this.#assertOpen();
      this.#named += 1;
      try {
        const service = await this.#startOnce(role, `${role[0]}${this.#named}`);
        this.processes.push(service);
        this.#crew.set(role, [...this.crew(role), service]);
        return service;
      } catch (cause) {
        if (attempt === START_ATTEMPTS) throw cause;
        this.count("starts tried again");
      }
    }
  }

  #startOnce(role: Role, name: string): Promise<ServiceProcess> {
    const env = this.#envOf(role, name);
    if (role === "supervisor") return this.bus.supervisor(name, env);
    if (role === "gateway") return this.bus.gateway(name, env);
    const { names, hostile = false } = this.spec.stage.agents;
    if (!hostile) return this.bus.agent(name, { names, env });
    const own = {
      BUSBAR_CHAOS_RUN: String(process.pid),
      BUSBAR_CHAOS_PIDS: this.#hostilePids,
      BUSBAR_TEST_SEED: String(this.dice.seed),
    };
    return this.bus.agent(name, { names, obeysHalts: false, main: HOSTILE, env: { ...env, ...own } });
  }

  /** The seams that the spec's faults need in a process, and none besides. */
  #envOf(role: Role, name: string): Readonly<Record<string, string>> {
    const faults = this.spec.lanes.map(({ fault }) => fault);
    const point = faults.flatMap((fault) => (fault.kind === "freeze" ? [fault.at] : []))[0] ?? "anywhere";
    const isShifted = faults.some(({ kind }) => kind === "clock");
    const seams = [
      ...(role === "gateway" && point !== "anywhere" ? ["freeze-at-fire"] : []),
      ...(role === "gateway" && isShifted ? ["clock"] : []),
      ...(this.#wires === null ? [] : ["route"]),
      ...(this.#patches.length > 0 ? ["mutant"] : []),
    ];
    return {
      NODE_OPTIONS: ["warm", ...seams].map(preload).join(" "),
      BUSBAR_CHAOS_CLOCK: this.clockFile(name),
      BUSBAR_CHAOS_FREEZE: point,
      BUSBAR_CHAOS_PATCHES: JSON.stringify(this.#patches),
      ...this.#wires?.links.env(role),
    };
  }

  /** What the clock of a gateway reads its jumps from. */
  clockFile(name: string): string {
    return join(dirname(this.bus.shop), `clock-${name}`);
  }

  registry(): JvmRegistry {
    if (this.#registry === null) throw new Error("this spec has no lane that wants a registry");
    return this.#registry;
  }

  wires(): Wires {
    if (this.#wires === null) throw new Error("this spec has no lane that cuts or slows");
    return this.#wires;
  }

  /** One of the crew; out of it, unless it stays (a frozen one wakes up again). */
  choose(role: Role, dice: Dice, stays = false): ServiceProcess {
    const crew = this.crew(role);
    const chosen = crew[dice.below(crew.length)];
    if (chosen === undefined) throw new Error(`no ${role} is left to strike`);
    if (!stays)
      this.#crew.set(
        role,
        crew.filter((one) => one !== chosen),
      );
    return chosen;
  }

  partitionsOf(owner: string): readonly number[] {
    return [...Array(this.bus.partitions).keys()].filter((one) => this.bus.watch.door(one).owner === owner);
  }

  /** Another one than `from` has claimed what it owned. */
  takenOver(partitions: readonly number[], from: string): Promise<void> {
    const { watch } = this.bus;
    const isTaken = (): boolean => partitions.every((one) => watch.door(one).owner !== from);
    return watch.until(isTaken, `another gateway claims what ${from} owned`, PATIENCE_MS);
  }

  /** Every door is open, whatever else strikes meanwhile. */
  doorsOpen(): Promise<void> {
    const { watch, partitions } = this.bus;
    const all = [...Array(partitions).keys()];
    const isOpen = (): boolean => all.every((one) => watch.door(one).state === "open");
    return watch.until(isOpen, "every door is open", PATIENCE_MS);
  }

  /** Lanes that are still at work end at their next step; every process ends, and the bus with its folder. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.endAgents();
    await this.bus.close();
    await this.#wires?.close();
    await this.#registry?.stop();
  }

  /** First those who would start the others again. */
  async endAgents(): Promise<void> {
    await Promise.all(this.crew("agent").map((one) => one.kill()));
    await this.killHostile();
  }

  /** What is in the log now has been seen by the watch. */
  async caughtUp(): Promise<void> {
    const { bus } = this;
    for (let partition = 0; partition < bus.partitions; partition += 1) {
      const { end } = await bus.log.offsets(bus.topics.events, partition);
      const isSeen = (): boolean =>
        bus.watch.records.some((record) => record.partition === partition && record.offset >= end - 1n);
      await bus.watch.until(() => end === 0n || isSeen(), `partition ${partition} is read to ${end}`, PATIENCE_MS);
    }
  }

  /** SIGKILL to what a hostile agent has begun, by its id and its command line. */
  async killHostile(): Promise<void> {
    if (!existsSync(this.#hostilePids)) return;
    const pids = readFileSync(this.#hostilePids, "utf8").split("\n").map(Number);
    for (const pid of pids.filter((one) => one > 0)) {
      if ((await commandLine(pid))?.includes(this.#hostilePids) === true) process.kill(pid, "SIGKILL");
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error("the episode is over");
  }

  /** Load is filled up until so many more effects are admitted. */
  async admitted(more: number): Promise<void> {
    this.#assertOpen();
    const { watch } = this.bus;
    const goal = watch.ofType("EffectAdmitted").length + more;
    const isReached = (): boolean => {
      for (const crowd of this.crowds) crowd.fill();
      return watch.ofType("EffectAdmitted").length >= goal;
    };
    await watch.until(isReached, `${more} effects more are admitted`, PATIENCE_MS);
  }

  /** Acknowledged chains that have not ended. */
  open(): readonly string[] {
    return this.crowds.flatMap((crowd) => crowd.open());
  }

  acknowledged(): readonly string[] {
    return this.crowds.flatMap((crowd) => crowd.acknowledged());
  }
}
