/**
 * What spans chains, at the door (PROTOCOL 6.7, 7.3): nothing is admitted through a breaker that is not closed without a
 * grant, no grant is spent more often than it was given, and no root task is opened above its agent's share. Folded once
 * more from the records alone.
 */
import type { BusEvent } from "@busbar/events";
import { PAUSE_MARK } from "../bus/cluster.ts";
import type { Run } from "../bus/simulate.ts";
import type { Fact, Finding, LogView } from "./log-view.ts";

type Applied = Extract<BusEvent, { type: "DirectivesApplied" }>["applied"][number];

interface Gates {
  readonly partition: number;
  readonly share: number;
  /** By key: what opened it, empty where a person holds it. */
  readonly standing: Map<string, string>;
  /** By key and partition of the cause: openings before this offset are over. */
  readonly over: Map<string, number>;
  readonly grants: Map<string, { readonly key: string; left: number }>;
  /** Ids of grants that were given: told again they give nothing. */
  readonly given: Set<string>;
  /** Open chains, each with its agent. */
  readonly open: Map<string, string>;
}

export function checkGates(run: Run, view: LogView): readonly Finding[] {
  const findings: Finding[] = [];
  for (let partition = 0; partition < run.partitions; partition += 1) {
    const share = Math.ceil(PAUSE_MARK / run.partitions);
    const gates: Gates = {
      partition,
      share,
      standing: new Map(),
      over: new Map(),
      grants: new Map(),
      given: new Set(),
      open: new Map(),
    };
    for (const fact of view.of(partition)) {
      const wrong = take(gates, fact.event);
      if (wrong !== null) findings.push({ check: "gates", what: `${place(fact)}: ${wrong}` });
    }
  }
  return findings;
}

const place = ({ partition, offset }: Fact): string => `${partition}/${offset}`;

function take(gates: Gates, event: BusEvent): string | null {
  switch (event.type) {
    case "DirectivesApplied":
    case "HaltAcknowledged":
      for (const directive of event.applied) apply(gates, directive);
      return null;
    case "EffectAdmitted":
      return admitted(gates, event);
    case "TaskSubmitted":
      return opened(gates, event);
    case "TaskCompleted":
    case "TaskFailed":
      gates.open.delete(event.meta.chainId);
      return null;
    default:
      return null;
  }
}

function opened(gates: Gates, event: Extract<BusEvent, { type: "TaskSubmitted" }>): string | null {
  const open = [...gates.open.values()].filter((agent) => agent === event.agent).length;
  gates.open.set(event.meta.chainId, event.agent);
  if (event.parentChainId !== "" || open < gates.share) return null;
  return `${event.agent} has ${open} open chains and is given another root task; its share is ${gates.share}`;
}

function admitted({ standing, grants }: Gates, event: Extract<BusEvent, { type: "EffectAdmitted" }>): string | null {
  const { agent } = event.meta;
  const spent = event.probes.map((id) => grants.get(id));
  for (const grant of spent) {
    if (grant === undefined || grant.left === 0) return `${event.callId} spends a grant that is not there`;
    grant.left -= 1;
  }
  for (const key of [`agent:${agent}`, `tool:${event.tool}`, `agent:${agent}/tool:${event.tool}`]) {
    if (standing.has(key) && !spent.some((grant) => grant?.key === key)) return `${event.callId} passes ${key}`;
  }
  return null;
}

/** `events/<partition>/<offset>` as a place, or null. */
function causeOf(key: string, cause: string): { readonly place: string; readonly offset: number } | null {
  const [, partition, offset] = cause.split("/");
  return partition === undefined || offset === undefined
    ? null
    : { place: `${key} ${partition}`, offset: Number(offset) };
}

interface Said {
  readonly key: string;
  readonly cause: string;
  readonly by: string;
  readonly grantId: string;
  readonly partition: number;
  readonly count: number;
}

function apply(gates: Gates, { kind, detail }: Applied): void {
  const said = { key: "", cause: "", by: "", grantId: "", ...(JSON.parse(detail) as Partial<Said>) };
  if (kind === "OpenBreaker") open(gates, said);
  if (kind === "IsolateBreaker") gates.standing.set(said.key, "");
  if (kind === "CloseBreaker") close(gates, said);
  if (kind === "Grant") grant(gates, said);
}

type Order = Pick<Said, "key" | "cause" | "by" | "grantId"> & Partial<Said>;

function open({ standing, over }: Gates, { key, cause }: Order): void {
  const at = causeOf(key, cause);
  const isOver = at !== null && at.offset < (over.get(at.place) ?? 0);
  if (standing.get(key) !== "" && !isOver) standing.set(key, cause);
}

function close({ standing, over, grants }: Gates, { key, cause, by }: Order): void {
  const now = standing.get(key);
  if (now === undefined || (now === "" && by.startsWith("supervisor"))) return;
  const at = causeOf(key, cause);
  if (at !== null) over.set(at.place, at.offset + 1);
  standing.delete(key);
  for (const [id, found] of grants) if (found.key === key) grants.delete(id);
}

function grant({ standing, grants, given, partition }: Gates, { key, cause, grantId, ...said }: Order): void {
  if (standing.get(key) !== cause || said.partition !== partition) return;
  if (!given.has(grantId)) grants.set(grantId, { key, left: Number(said.count) });
  given.add(grantId);
}
