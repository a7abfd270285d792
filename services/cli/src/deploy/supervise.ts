/**
 * The supervisor of one agent's processes on this machine. It follows the log, keeps the processes that the log asks
 * for, promotes a version whose processes are ready, and rolls back one whose processes fall over. It decides nothing
 * else, and holds nothing that the log does not: started again it goes on where the log stands.
 */
import { mkdirSync } from "node:fs";
import { busbarError, reasonOf } from "@busbar/kernel";
import type { OpenBus } from "../bus.ts";
import { giveOrder, operatorName } from "../orders.ts";
import { viewDeployment } from "./deployment-view.ts";
import { Instance } from "./instance.ts";
import { launchInstance } from "./launch.ts";
import { followStates, type LiveStates } from "./live-states.ts";
import { deployFolder } from "./places.ts";
import { type Action, planDeployment, type Pool } from "./plan.ts";
import { restoreRow } from "./policy-order.ts";
import { digestOfSnapshot, snapshotFolder } from "./snapshot.ts";
import { type PoolStatus, writeSupervisorState } from "./state-file.ts";

export interface SuperviseOptions {
  readonly bus: OpenBus;
  readonly stateDir: string;
  readonly agent: string;
  readonly note: (line: string) => void;
  /** Resolves when it is told to stop; the deployment stays as it is. */
  readonly stopped: Promise<unknown>;
  readonly onReady: () => void;
}

const TICK_MS = 250;
const ASK_BOUND_MS = 2000;

const pause = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

async function ask(url: string): Promise<boolean> {
  try {
    const { ok } = await fetch(url, { signal: AbortSignal.timeout(ASK_BOUND_MS) });
    return ok;
  } catch {
    return false;
  }
}

class AgentPool {
  readonly order: string;
  readonly #instances: Instance[] = [];
  readonly #start: (number: number) => Instance;

  constructor(order: string, size: number, start: (number: number) => Instance) {
    this.order = order;
    this.#start = start;
    for (let number = 1; number <= size; number += 1) this.#instances.push(start(number));
  }

  async resize(size: number): Promise<void> {
    while (this.#instances.length < size) this.#instances.push(this.#start(this.#instances.length + 1));
    await Promise.all(this.#instances.splice(size).map((one) => one.stop()));
  }

  status(version: string): PoolStatus {
    const instances = this.#instances.map((one) => one.status());
    const count = (state: string): number => instances.filter((one) => one.state === state).length;
    const restarts = instances.reduce((sum, one) => sum + one.restarts, 0);
    const failed = instances.find(({ state }) => state === "failed");
    const why = failed === undefined ? "" : `${failed.name}: ${failed.reason}`;
    return { version, wanted: instances.length, ready: count("ready"), restarts, failed: why, instances };
  }

  stop(): Promise<void> {
    return this.resize(0);
  }
}

class DeploymentSupervisor {
  readonly #options: SuperviseOptions;
  readonly #live: LiveStates;
  readonly #pools = new Map<string, AgentPool>();
  /** Orders that were given and are not applied everywhere yet. */
  readonly #given = new Set<string>();
  #written = "";

  constructor(options: SuperviseOptions, live: LiveStates) {
    this.#options = options;
    this.#live = live;
  }

  /** One look at log and processes; true when nothing of the agent is left to run. */
  async turn(): Promise<boolean> {
    const { agent, stateDir } = this.#options;
    const problem = this.#live.problem();
    if (problem !== null) throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: problem });
    const view = viewDeployment(this.#live.states(), agent);
    if (view === null) throw busbarError("BUSBAR_NOT_FOUND", { what: "deployed agent", id: agent });
    const isHere = (version: string, digest: string): boolean =>
      digestOfSnapshot(snapshotFolder(stateDir, agent, version)) === digest;
    const pools = new Map([...this.#pools].map(([version, pool]) => [version, this.#poolOf(version, pool)]));
    let isOver = false;
    for (const action of planDeployment({ view, pools, isHere })) {
      if (action.kind === "end") isOver = true;
      else await this.#do(action, view.deployment.versions[action.version]?.order ?? "");
    }
    this.#write();
    return isOver;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
    this.#pools.clear();
    this.#write();
  }

  #poolOf(version: string, pool: AgentPool): Pool {
    const { wanted, ready, failed } = pool.status(version);
    return { order: pool.order, size: wanted, ready, failed };
  }

  async #do(action: Exclude<Action, { kind: "end" }>, order: string): Promise<void> {
    const { note, agent } = this.#options;
    switch (action.kind) {
      case "run":
        return this.#run(action);
      case "stop":
        note(`version ${action.version} has finished its chains: stopping its processes`);
        await this.#pools.get(action.version)?.stop();
        this.#pools.delete(action.version);
        return;
      case "promote":
        return this.#order(`promote ${action.version} ${order}`, async () => {
          note(`version ${action.version} is ready: it takes new tasks now`);
          const body = { agent, version: action.version, reason: "its processes are ready", by: operatorName() };
          await giveOrder(this.#options.bus, "AgentPromoted", agent, body);
        });
      case "roll-back":
        return this.#order(`roll back ${action.version} ${order}`, async () => {
          const { version, to, reason } = action;
          if (to !== "") await this.#restoreRow(to);
          note(`version ${version} failed: ${reason}; rolling back${to === "" ? "" : ` to ${to}`}`);
          await giveOrder(this.#options.bus, "AgentRolledBack", agent, {
            agent,
            version,
            to,
            reason,
            by: operatorName(),
          });
        });
    }
  }

  /** The policy row of the version that takes over again, as it was deployed. */
  async #restoreRow(version: string): Promise<void> {
    const { bus, agent } = this.#options;
    const states = this.#live.states();
    const hash = viewDeployment(states, agent)?.deployment.versions[version]?.policyHash ?? "";
    await restoreRow(bus, states, agent, hash);
  }

  /** Each order once; what was not acknowledged is given again at the next turn. */
  async #order(key: string, give: () => Promise<void>): Promise<void> {
    if (this.#given.has(key)) return;
    this.#given.add(key);
    try {
      await give();
    } catch (error) {
      this.#given.delete(key);
      this.#options.note(`the order could not be given: ${reasonOf(error)}`);
    }
  }

  async #run(action: Extract<Action, { kind: "run" }>): Promise<void> {
    const { version, order, size } = action;
    const known = this.#pools.get(version);
    if (known !== undefined && known.order === order) return known.resize(size);
    await known?.stop();
    this.#options.note(`version ${version}: starting ${size} process(es)`);
    this.#pools.set(version, new AgentPool(order, size, (number) => this.#start(action, number)));
  }

  #start({ version, codeDigest }: Extract<Action, { kind: "run" }>, number: number): Instance {
    const { agent, stateDir, note, bus } = this.#options;
    const name = `${agent}@${version}-${number}`;
    return new Instance({
      name,
      note,
      ask,
      pause,
      nowMs: () => performance.now(),
      launch: () => launchInstance({ stateDir, agent, version, codeDigest, name, env: bus.env }),
    });
  }

  #write(): void {
    const { agent, stateDir } = this.#options;
    const versions = [...this.#pools].map(([version, pool]) => pool.status(version));
    const state = { agent, pid: process.pid, versions };
    const text = JSON.stringify(state);
    if (text === this.#written) return;
    this.#written = text;
    writeSupervisorState(stateDir, state);
  }
}

/** Runs until it is told to stop, or until nothing of the agent is left to run; leaves no process behind. */
export async function superviseAgent(options: SuperviseOptions): Promise<void> {
  mkdirSync(deployFolder(options.stateDir, options.agent), { recursive: true });
  const live = await followStates(options.bus);
  const supervisor = new DeploymentSupervisor(options, live);
  const asked = { isStopped: false };
  const stopped = options.stopped.then(() => (asked.isStopped = true));
  try {
    let isOver = await supervisor.turn();
    options.onReady();
    while (!isOver && !asked.isStopped) {
      await Promise.race([pause(TICK_MS), stopped]);
      if (!asked.isStopped) isOver = await supervisor.turn();
    }
  } finally {
    await supervisor.stop();
    await live.stop();
  }
}
