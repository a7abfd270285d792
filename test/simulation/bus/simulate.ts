/**
 * One seed: a bus is set up, worked on and tormented for a while; then the faults cease, and what is left has a bound
 * of virtual time to come to an end. What came of it is handed to the checkers.
 */
import type { PartitionState } from "@busbar/policy";
import { Broker, type Placed } from "./broker.ts";
import { Chaos, drawClimate } from "./chaos.ts";
import { CODEC, Cluster, type ErrorLine, type Setup, TOPICS } from "./cluster.ts";
import { Groups } from "./groups.ts";
import { Hostile } from "./hostile.ts";
import { Network } from "./network.ts";
import { Operator, SimClient } from "./people.ts";
import { Scheduler, type TracedStep } from "./scheduler.ts";
import { AGENTS, type Heard, Workload } from "./workload.ts";
import { type Handed, type Landing, World } from "./world.ts";

/** What a run leaves behind for its checkers. */
export interface Run {
  readonly seed: number;
  readonly partitions: number;
  /** All records, in the order in which they landed. */
  readonly records: readonly Placed[];
  readonly journal: readonly Landing[];
  readonly handed: readonly Handed[];
  readonly heard: readonly Heard[];
  readonly errors: readonly ErrorLine[];
  /** States of the owners that were loaded at the end, by partition. */
  readonly states: readonly { readonly node: string; readonly partition: number; readonly state: PartitionState }[];
  /** Agents in the hands of a hostile one. */
  readonly hostile: ReadonlySet<string>;
  readonly taskKeys: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
  /** False: at the end of the bound something was still under way. */
  readonly isSettled: boolean;
}

/** Sees a run as it goes. */
export interface Observer {
  /** Told of each record at the moment it lands. */
  record(record: Placed): void;
  /** Asked from time to time after the faults have ceased: whether everything has come to an end. */
  isSettled(taskKeys: readonly string[], hostile: ReadonlySet<string>): boolean;
  /** For a trace. */
  step?(step: TracedStep): void;
  say?(node: string, level: string, message: string): void;
}

const LOOK_MS = 500;
const BOUND_MS = 90_000;
/** Where a clock was moved forward, times on the log lie ahead of the clock for so long. */
const CLOCK_BOUND_MS = 720_000;

export async function simulate(seed: number, observer: Observer): Promise<Run> {
  const bus = build(seed, observer);
  const { scheduler, chaos, cluster, records, hostile } = bus;
  const windowMs = scheduler.between(4000, 16_000);
  chaos.begin(drawClimate(scheduler), windowMs);
  schedulePeople(bus, windowMs);
  await scheduler.run(() => scheduler.nowMs >= windowMs);
  chaos.calm();
  const isAhead = chaos.movedForward;
  const endMs = scheduler.nowMs + (isAhead ? CLOCK_BOUND_MS : BOUND_MS);
  let nextLookMs = scheduler.nowMs + LOOK_MS;
  let settled = false;
  const keys = bus.client.tasks.map(({ key }) => key);
  await scheduler.run(() => {
    if (scheduler.nowMs >= nextLookMs) {
      nextLookMs = scheduler.nowMs + LOOK_MS;
      settled = observer.isSettled(keys, hostile);
    }
    return settled || scheduler.nowMs >= endMs;
  });
  const { steps, nowMs: virtualMs } = scheduler;
  const { partitions } = bus;
  const rest = {
    journal: bus.world.journal,
    handed: bus.world.handed,
    heard: bus.workload.heard,
    errors: cluster.errors,
    states: statesOf(bus),
  };
  return { seed, partitions, records, hostile, taskKeys: keys, steps, virtualMs, isSettled: settled, ...rest };
}

interface Bus {
  readonly scheduler: Scheduler;
  readonly broker: Broker;
  readonly cluster: Cluster;
  readonly chaos: Chaos;
  readonly world: World;
  readonly workload: Workload;
  readonly client: SimClient;
  readonly operator: Operator;
  readonly records: readonly Placed[];
  readonly hostile: ReadonlySet<string>;
  readonly partitions: number;
}

function build(seed: number, observer: Observer): Bus {
  const scheduler = new Scheduler(seed);
  scheduler.onStep = observer.step?.bind(observer) ?? null;
  const broker = new Broker(scheduler);
  const calm = { latencyMs: 1, slowShare: 0, stallShare: 0, lossShare: 0, answerLimitMs: 700, lateMs: 0 };
  const network = new Network(scheduler, calm);
  const groups = new Groups(broker, network);
  const world = new World(scheduler);
  const workload = new Workload(scheduler);
  const partitions = scheduler.pick([1, 2, 2, 3]);
  const turnInputs = scheduler.pick([1, 3, 512]);
  const setup: Setup = { partitions, turnInputs, checkpointEvery: scheduler.pick([12, 40, 5000]) };
  const cluster = new Cluster(scheduler, { broker, network, groups }, { world, workload, setup });
  cluster.say = observer.say?.bind(observer) ?? null;
  cluster.createTopics();
  const records: Placed[] = [];
  broker.onAppend((record) => {
    records.push(record);
    observer.record(record);
  });
  const { node: clientNode, log: clientLog } = cluster.outsider("client");
  const { node: operatorNode, log: operatorLog } = cluster.outsider("operator");
  const client = new SimClient(clientNode, clientLog);
  const operator = new Operator(operatorNode, operatorLog, world, partitions);
  const hostile = makeHostile(scheduler, cluster, partitions);
  startProcesses(scheduler, cluster, hostile);
  const chaos = new Chaos({ scheduler, broker, network, groups, cluster, world });
  const parts = { scheduler, broker, cluster, chaos, world, workload, client, operator };
  return { ...parts, records, hostile, partitions };
}

function makeHostile(scheduler: Scheduler, cluster: Cluster, partitions: number): ReadonlySet<string> {
  if (!scheduler.chance(0.3)) return new Set();
  const hostile = new Hostile(partitions, () => scheduler.random());
  cluster.agentLog = (node, log) => (node.role === "worker" ? hostile.wrap(node, log) : log);
  return new Set(["worker"]);
}

function startProcesses(scheduler: Scheduler, cluster: Cluster, hostile: ReadonlySet<string>): void {
  cluster.ignoresHalts = hostile;
  const gateways = 1 + scheduler.dice.below(3);
  const supervisors = 1 + scheduler.dice.below(2);
  const kinds = [...Array<"gateway">(gateways).fill("gateway"), ...Array<"supervisor">(supervisors).fill("supervisor")];
  for (const kind of scheduler.shuffled(kinds)) cluster.start(kind);
  for (const name of AGENTS) for (let n = 0; n <= scheduler.dice.below(2); n += 1) cluster.start("agent", name);
}

function schedulePeople(bus: Bus, windowMs: number): void {
  const { scheduler, client, workload } = bus;
  const tasks = 2 + scheduler.dice.below(8);
  for (let index = 0; index < tasks; index += 1) {
    const agent = scheduler.pick(AGENTS);
    const plan = workload.plan(agent === "planner" ? 0 : 1);
    scheduler.schedule(scheduler.between(300, windowMs), null, "a task", () => {
      client.submit(`task-${index}`, agent, plan);
    });
  }
  const orders = scheduler.chance(0.75) ? 1 + scheduler.dice.below(6) : 0;
  for (let index = 0; index < orders; index += 1) {
    scheduler.schedule(scheduler.between(500, windowMs), null, "an order", () => void order(bus, index, windowMs));
  }
  const settlings = scheduler.dice.below(4);
  for (let index = 0; index < settlings; index += 1) {
    scheduler.schedule(scheduler.between(3000, windowMs + 6000), null, "a person settles", () => settleOne(bus));
  }
}

async function order(bus: Bus, index: number, windowMs: number): Promise<void> {
  const { scheduler, operator, client } = bus;
  const chains = client.tasks.map(({ chainId }) => `chain:${chainId}`);
  const scopes = ["fleet", "agent:worker", "agent:planner", "tool:pay", "tool:mail", ...chains];
  const scope = scheduler.pick(scopes);
  const afterMs = scheduler.between(200, windowMs);
  const isLifted = scheduler.chance(0.8);
  if (scheduler.chance(0.2)) {
    const id = `freeze-${index}`;
    await operator.freeze(id, scope, scheduler.pick([["destructive"], ["write", "destructive"]]));
    if (isLifted) scheduler.schedule(afterMs, null, "an unfreeze", () => void operator.unfreeze(id));
    return;
  }
  const fence = await operator.halt(scope);
  if (fence === null || !isLifted) return;
  scheduler.schedule(afterMs, null, "a resume", () => void operator.resume(scope, fence));
}

const DOUBTFUL: ReadonlySet<string> = new Set(["EffectInDoubt", "EffectDisputed"]);

/** A person looks at one effect that was once in doubt or disputed; where it no longer is, the door says so. */
function settleOne({ scheduler, records, operator }: Bus): void {
  const doubts = records.filter(({ topic, headers }) => topic === TOPICS.events && DOUBTFUL.has(headers["type"] ?? ""));
  if (doubts.length === 0) return;
  const decoded = CODEC.decode(scheduler.pick(doubts).value, "event");
  if (decoded.ok && (decoded.message.type === "EffectInDoubt" || decoded.message.type === "EffectDisputed"))
    void operator.settle(decoded.message.callId, decoded.message.admitted);
}

function statesOf({ cluster, partitions }: Bus): Run["states"] {
  return [...cluster.gateways].flatMap(([node, gateway]) =>
    Array.from({ length: partitions }, (_, partition) => ({
      node: node.name,
      partition,
      state: gateway.stateOf(partition),
    })).filter((one): one is { node: string; partition: number; state: PartitionState } => one.state !== null),
  );
}
