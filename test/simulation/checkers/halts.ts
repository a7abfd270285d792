/**
 * Halts (PROTOCOL 6.2, 6.6), in two halves: the log admits nothing under a fence, and the world begins nothing after an
 * acknowledgement that does not name it in flight. The door's own state is folded once more, from its records alone.
 */
import type { BusEvent } from "@busbar/events";
import type { Run } from "../bus/simulate.ts";
import type { Landing } from "../bus/world.ts";
import { type Fact, type FactOf, type Finding, isCovered, type LogView } from "./log-view.ts";

type Applied = Extract<BusEvent, { type: "HaltAcknowledged" }>["applied"][number];
type Admission = FactOf<"EffectAdmitted">;

export function checkHalts(run: Run, view: LogView): readonly Finding[] {
  const findings: Finding[] = [];
  const admissions = new Map<string, Admission[]>();
  for (let partition = 0; partition < run.partitions; partition += 1) {
    findings.push(...underFence(view.of(partition), admissions));
  }
  for (const landing of run.journal) findings.push(...afterAcknowledgement(landing, admissions, view));
  return findings;
}

interface Standing {
  readonly fences: Map<string, string>;
  readonly chainHalts: Set<string>;
  door: "closed" | "open" | "degraded";
  claim: number;
  through: bigint;
}

function underFence(facts: readonly Fact[], admissions: Map<string, Admission[]>): readonly Finding[] {
  const findings: Finding[] = [];
  const door: Standing = { fences: new Map(), chainHalts: new Set(), door: "closed", claim: -1, through: 0n };
  for (const fact of facts) {
    const wrong = isAdmission(fact) ? admitted(door, fact, admissions) : moved(door, fact);
    if (wrong !== null) findings.push({ check: "halt", what: `${fact.partition}/${fact.offset}: ${wrong}` });
  }
  return findings;
}

const isAdmission = (fact: Fact): fact is Admission => fact.event.type === "EffectAdmitted";

function admitted(door: Standing, fact: Admission, admissions: Map<string, Admission[]>): string | null {
  const { callId, tool, meta, effectClass } = fact.event;
  admissions.set(callId, [...(admissions.get(callId) ?? []), fact]);
  for (const scope of door.fences.keys()) {
    if (isCovered(scope, { agent: meta.agent, tool, lineage: meta.lineage }))
      return `${callId} is admitted under ${scope}`;
  }
  if (door.chainHalts.has(meta.chainId)) return `${callId} is admitted in a halted chain`;
  const mayPass = door.door === "open" || (door.door === "degraded" && effectClass === "read");
  return mayPass ? null : `${callId} is admitted while the door is ${door.door}`;
}

function moved(door: Standing, { event, offset }: Fact): string | null {
  switch (event.type) {
    case "PartitionClaimed":
      door.claim = offset;
      door.door = "closed";
      return null;
    case "PartitionReleased":
      door.door = "closed";
      return null;
    case "DoorDegraded":
      door.door = "degraded";
      return null;
    case "DoorOpened":
      return opened(door, event);
    case "ChainHalted":
      door.chainHalts.add(event.meta.chainId);
      return null;
    case "ChainResumed":
      door.chainHalts.delete(event.meta.chainId);
      return null;
    case "DirectivesApplied":
    case "HaltAcknowledged":
      return applied(door, event.applied, BigInt(event.through));
    default:
      return null;
  }
}

/** PROTOCOL 6.3. */
function opened(door: Standing, event: Extract<BusEvent, { type: "DoorOpened" }>): string | null {
  door.door = "open";
  if (BigInt(event.directivesEnd) > door.through)
    return `the door opens without directives up to ${event.directivesEnd}`;
  return Number(event.eventsThrough) > door.claim ? null : "the door opens on a heartbeat that does not know its claim";
}

function applied(door: Standing, directives: readonly Applied[], through: bigint): string | null {
  for (const { kind, scope, offset, id } of directives) {
    if (kind === "Halt") door.fences.set(scope, offset);
    if (kind === "Resume" && door.fences.get(scope) === id) door.fences.delete(scope);
  }
  const before = door.through;
  door.through = through;
  return through < before ? `directives go back from ${before} to ${through}` : null;
}

/** An effect that begins after an acknowledgement which covers it was named there, or was admitted after it. */
function afterAcknowledgement(
  landing: Landing,
  admissions: ReadonlyMap<string, readonly Admission[]>,
  view: LogView,
): readonly Finding[] {
  const admission = admissions.get(landing.callId)?.find(({ event }) => event.attempt === landing.attempt);
  if (admission === undefined) return [];
  const { meta, tool } = admission.event;
  const asked = { agent: meta.agent, tool, lineage: meta.lineage };
  return view.facts.flatMap((fact) => {
    const { event, partition, offset, step } = fact;
    const isLater = partition === admission.partition && offset > admission.offset && step < landing.step;
    if (!isLater || event.type !== "HaltAcknowledged" || landing.kind === "repeated") return [];
    if (!event.applied.some(({ kind, scope }) => kind === "Halt" && isCovered(scope, asked))) return [];
    if (event.inFlight.some(({ callId }) => callId === landing.callId)) return [];
    const what = `${landing.callId} #${landing.attempt} begins in step ${landing.step}, after ${partition}/${offset} did not name it`;
    return [{ check: "halt-world", what }];
  });
}
