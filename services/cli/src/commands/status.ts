/** `busbar status`: who works, what stands in the way, and what to type about it. */
import { Command } from "commander";
import { type OpenBus, stateDirOf, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { deployedHere, readSupervisorState, type SupervisorState } from "../deploy/state-file.ts";
import type { Output } from "../output.ts";
import { shortBreakerKey } from "../parse/breaker-key.ts";
import { formatDuration } from "../parse/duration.ts";
import { foldLife, readBeats } from "../read/heartbeats.ts";
import { viewPartitions } from "../read/partition.ts";
import { type BusStatus, foldStatus, type Standing } from "../read/status.ts";
import type { Column } from "../table.ts";

/** Status as the log says it now. */
export async function readStatus(bus: OpenBus): Promise<BusStatus> {
  const views = await viewPartitions(bus);
  const nowMs = Date.now();
  const beats = await readBeats(bus, nowMs);
  return foldStatus(views, foldLife(beats, nowMs), await inboxAgents(bus), nowMs, await localSupervisors());
}

/** What the deployment supervisors of this folder say of their processes. */
async function localSupervisors(): Promise<readonly SupervisorState[]> {
  const stateDir = stateDirOf();
  const found = await Promise.all(deployedHere(stateDir).map((agent) => readSupervisorState(stateDir, agent)));
  return found.filter((state) => state !== null);
}

/** Agents that have an inbox on this bus. */
export async function inboxAgents(bus: OpenBus): Promise<readonly string[]> {
  const inbox = bus.topics.inbox("");
  const names = await bus.log.listTopics();
  return names.filter((name) => name.startsWith(inbox)).map((name) => name.slice(inbox.length));
}

const column = <Row>(title: string, value: (row: Row) => string | number): Column<Row> => ({
  title,
  value: (row) => String(value(row)),
});

const AGENTS: readonly Column<BusStatus["agents"][number]>[] = [
  column("agent", ({ agent }) => agent),
  column("state", ({ state }) => state),
  column("instances", ({ instances }) => instances),
  column("open", ({ chains }) => chains.open),
  column("degraded", ({ chains }) => chains.degraded),
  column("halted", ({ chains }) => chains.halted),
  column("in doubt", ({ inDoubt }) => inDoubt),
];

const DEPLOYMENTS: readonly Column<BusStatus["deployments"][number]>[] = [
  column("deployed", ({ agent }) => agent),
  column("version", ({ version }) => version),
  column("state", ({ state }) => state),
  column("ready", ({ ready, wanted }) => `${ready}/${wanted}`),
  column("restarts", ({ restarts }) => restarts ?? ""),
  column("chains", ({ chains }) => chains),
  column("code", ({ codeDigest }) => codeDigest.slice(0, 12)),
  column("why", ({ reason }) => reason),
];

const DOORS: readonly Column<BusStatus["doors"][number]>[] = [
  column("partition", ({ partition }) => partition),
  column("door", ({ door }) => door),
  column("owner", ({ owner }) => owner),
  column("end", ({ end }) => `o${end}`),
  column("open chains", ({ openChains }) => openChains),
  column("why", ({ reason }) => reason),
];

const inPartitions = (partitions: readonly number[], count: number): string =>
  partitions.length === count ? "all" : partitions.join(",");

function standingColumns(what: string, id: string, count: number): readonly Column<Standing>[] {
  return [
    column(what, ({ scope }) => scope),
    column(id, (row) => row.id),
    column("state", ({ state }) => state),
    column("by", ({ by }) => by),
    column("why", ({ reason }) => reason),
    column("partitions", ({ partitions }) => inPartitions(partitions, count)),
  ];
}

const FLOWS: readonly Column<BusStatus["flows"][number]>[] = [
  column("tasks of", ({ key }) => key),
  column("level", ({ level }) => level),
  column("open chains", ({ open }) => open),
  column("by", ({ by }) => by),
  column("why", ({ reason }) => reason),
];

const driftColumns = (nowMs: number): readonly Column<BusStatus["drifts"][number]>[] => [
  column("agent", ({ agent }) => agent),
  column("since", ({ atMs }) => `${formatDuration(Math.max(0, nowMs - atMs))} ago`),
  column("what moved", ({ reason }) => reason),
];

const HALTED: readonly Column<BusStatus["haltedChains"][number]>[] = [
  column("halted chain", ({ chainId }) => chainId),
  column("agent", ({ agent }) => agent),
  column("rule", ({ rule }) => rule),
  column("fence", ({ fence }) => fence),
  column("why", ({ reason }) => reason),
];

const DOUBTS: readonly Column<BusStatus["inDoubt"][number]>[] = [
  column("call", ({ callId }) => callId),
  column("tool", ({ tool }) => tool),
  column("state", ({ state }) => state),
  column("ends by", ({ endsBy }) => endsBy),
];

const APPROVALS: readonly Column<BusStatus["approvals"][number]>[] = [
  column("waits for a person", ({ callId }) => callId),
  column("tool", ({ tool }) => tool),
  column("in doubt", ({ reason }) => reason),
  column("denied at", ({ expiresAtMs }) => new Date(expiresAtMs).toISOString()),
];

const HAND_OFFS: readonly Column<BusStatus["handOffs"][number]>[] = [
  column("hand-off", ({ callId }) => callId),
  column("agent", ({ agent }) => agent),
  column("by", ({ rule }) => (rule === "" ? "the agent" : rule)),
  column("taken by", ({ takenBy }) => takenBy),
  column("question", ({ question }) => question),
];

const CAPS: readonly Column<BusStatus["caps"][number]>[] = [
  column("cap", ({ cap }) => cap),
  column("out", ({ concurrency }) => (concurrency === null ? "" : `${concurrency.out}/${concurrency.total}`)),
  column("begun", ({ rate }) => (rate === null ? "" : `${rate.begun}/${rate.total} in ${rate.perMs} ms`)),
  column("waiting", ({ waiting }) => waiting),
  column("partitions", ({ partitions }) => partitions.join(",")),
  column("why", ({ problem }) => problem),
];

/** What to type about what stands in the way, as complete as it can be said. */
export function hintsOf(status: BusStatus): readonly string[] {
  const hints: string[] = [];
  const idle = status.deployments.find(({ ready, wanted, state }) => ready < wanted && state !== "candidate");
  if (idle !== undefined) hints.push(`npx busbar deploy ${idle.agent} --supervise`);
  const [fence] = status.fences;
  if (fence !== undefined) hints.push(`npx busbar resume ${fence.scope} --fence ${fence.id} --reason "<why>"`);
  const byRule = status.haltedChains.find((chain) => !status.fences.some(({ id }) => id === chain.fence));
  if (byRule !== undefined) {
    hints.push(`npx busbar trace ${byRule.chainId}`);
    hints.push(`npx busbar resume chain:${byRule.chainId} --fence ${byRule.fence} --reason "<why>"`);
  }
  const [freeze] = status.freezes;
  if (freeze !== undefined) hints.push(`npx busbar freeze --lift ${freeze.id} --reason "<why>"`);
  const [breaker] = status.breakers;
  if (breaker !== undefined) hints.push(`npx busbar breakers close ${shortBreakerKey(breaker.scope)} --reason "<why>"`);
  const [drift] = status.drifts;
  if (drift !== undefined) hints.push(`npx busbar agents show ${drift.agent}`);
  const flow = status.flows.find(({ level }) => level !== "lifted");
  if (flow !== undefined) hints.push(`npx busbar throttle lift ${flow.key} --reason "<why>"`);
  const [approval] = status.approvals;
  if (approval !== undefined) hints.push(`npx busbar approvals show ${approval.callId}`);
  const [handOff] = status.handOffs;
  if (handOff !== undefined) hints.push(`npx busbar handoffs show ${handOff.callId}`);
  const [doubt] = status.inDoubt;
  if (doubt !== undefined) {
    const settle = `npx busbar settle ${doubt.chainId} ${doubt.callId}`;
    hints.push(`npx busbar trace ${doubt.chainId}`);
    hints.push(`${settle} committed --reason "<why>"`, `${settle} not-done --reason "<why>"`);
  }
  hints.push(...new Set(status.doors.flatMap(({ next }) => (next === "" ? [] : [next]))));
  if (status.doors.some(({ door }) => door !== "open")) hints.push("npx busbar doctor");
  return hints;
}

function supervisorText(status: BusStatus): string {
  const names = Object.groupBy(status.supervisors, ({ supervisor }) => supervisor);
  const lines = Object.entries(names).map(([name, beats = []]) => {
    const oldest = Math.max(...beats.map(({ ageMs }) => ageMs));
    return `${name}: partitions ${beats.map(({ partition }) => partition).join(",")}, last beat ${formatDuration(oldest)} ago`;
  });
  return lines.length === 0 ? "none gives a sign of life: doors stay shut for changes" : lines.join("\n");
}

function render(output: Output, status: BusStatus): string {
  const count = status.doors.length;
  const sections: readonly (readonly [string, boolean, () => string])[] = [
    ["Agents", true, () => output.table(status.agents, AGENTS)],
    ["Deployments", status.deployments.length > 0, () => output.table(status.deployments, DEPLOYMENTS)],
    ["Doors", true, () => output.table(status.doors, DOORS)],
    ["Supervisors", true, () => supervisorText(status)],
    ["Halts", status.fences.length > 0, () => output.table(status.fences, standingColumns("scope", "fence", count))],
    ["Halted chains", status.haltedChains.length > 0, () => output.table(status.haltedChains, HALTED)],
    [
      "Freezes",
      status.freezes.length > 0,
      () => output.table(status.freezes, standingColumns("scope", "freeze", count)),
    ],
    ["Flow control", status.flows.length > 0, () => output.table(status.flows, FLOWS)],
    ["Drift", status.drifts.length > 0, () => output.table(status.drifts, driftColumns(Date.now()))],
    ["Breakers", status.breakers.length > 0, () => output.table(status.breakers, standingColumns("key", "id", count))],
    ["Caps", status.caps.length > 0, () => output.table(status.caps, CAPS)],
    ["Approvals", status.approvals.length > 0, () => output.table(status.approvals, APPROVALS)],
    ["Hand-offs", status.handOffs.length > 0, () => output.table(status.handOffs, HAND_OFFS)],
    ["Effects in doubt or disputed", status.inDoubt.length > 0, () => output.table(status.inDoubt, DOUBTS)],
  ];
  return sections
    .filter(([, isShown]) => isShown)
    .map(([title, , body]) => `${output.bold(title)}\n${body()}`)
    .join("\n\n");
}

export function statusCommand(): Command {
  return new Command("status")
    .description("Says what each agent does, which doors are open, and what is halted, frozen or held open.")
    .action(async (_options: object, command: Command) => {
      const output = outputOf(command);
      const status = await withBus(output, readStatus);
      output.answer({ value: status, text: () => render(output, status) });
      const hints = hintsOf(status);
      if (output.form === "table")
        for (const [index, hint] of hints.entries()) output.note(`${index === 0 ? "next:" : "     "} ${hint}`);
    });
}
