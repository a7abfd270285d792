/**
 * What is judged at the end of an episode. No check shares code with what it checks: the examples' checker reads the
 * raw log by its own rule and the database's own journal, the fires come from the tools, the lost from the client.
 */
import type { CheckReport } from "@busbar/examples";
import { type FireVerdict, judgeFires } from "../harness/fires.ts";
import { nextDoor, type SeenEvent, type Watch } from "../harness/watch.ts";
import type { Scene } from "./scene.ts";

type Door = ReturnType<Watch["door"]>;

export type CheckName =
  | "effects"
  | "fires"
  | "doors"
  | "halts"
  | "nothing-lost"
  | "none-failed"
  | "none-in-doubt"
  | "voids"
  | "supervisor-agrees"
  | "processes";

export interface Finding {
  readonly check: CheckName | "engine";
  readonly text: string;
}

export interface Facts {
  readonly scene: Scene;
  readonly report: CheckReport;
  readonly fires: FireVerdict;
}

export async function factsOf(scene: Scene): Promise<Facts> {
  const { bus, scopes } = scene;
  return { scene, report: await bus.check([...scopes]), fires: judgeFires(bus.fires(), bus.watch.events) };
}

type Check = (facts: Facts) => readonly string[];

const some = (count: number, what: string): readonly string[] => (count === 0 ? [] : [`${count} ${what}`]);

const CHECKS: Readonly<Record<CheckName, Check>> = {
  effects: ({ report }) =>
    report.findings.map(({ kind, effectKey, ...rest }) => `${kind} ${effectKey} ${JSON.stringify(rest, asText)}`),
  fires: ({ scene, fires: { wrong, late } }) => {
    const { tally, spec } = { tally: scene.tally(), spec: scene.spec };
    const freezes = Object.entries(tally).reduce((sum, [what, n]) => sum + (what.startsWith("freeze ") ? n : 0), 0);
    const allowed = freezes * (spec.bounds.lateFiresPerFreeze ?? 0);
    return [...wrong, ...(late.length > allowed ? [`${late.length} late fires after ${freezes} freezes`] : [])];
  },
  doors: ({ scene }) => admittedByShutDoors(scene.bus.watch.events),
  halts: ({ scene }) => {
    const seen = [...scene.bus.watch.ofType("DirectivesApplied"), ...scene.bus.watch.ofType("HaltAcknowledged")];
    const applied = seen.flatMap(({ partition, event }) => event.applied.map((one) => ({ ...one, partition })));
    // A door halts chains by itself as well, by its rules: those halts wait for another person.
    const halted = applied.filter(({ kind, offset }) => kind === "Halt" && scene.halts.has(offset));
    const lifted = applied.filter(({ kind }) => kind === "Resume");
    const isLifted = new Set(lifted.map(({ partition, id }) => `${partition} ${id}`));
    const standing = halted.filter(({ partition, offset }) => !isLifted.has(`${partition} ${offset}`));
    const expected = scene.halts.size * scene.bus.partitions;
    const wrong = halted.length === expected ? [] : [`${halted.length} acknowledgements, ${expected} expected`];
    return [
      ...wrong,
      ...some(lifted.filter(({ offset }) => !scene.resumes.has(offset)).length, "resumes applied that nobody ordered"),
      ...some(standing.length, "halts that were never lifted"),
    ];
  },
  "nothing-lost": ({ scene }) => {
    const completed = new Set(scene.bus.watch.ofType("TaskCompleted").map(({ event }) => event.meta.chainId));
    const lost = scene.acknowledged().filter((chain) => !completed.has(chain));
    return lost.map((chain) => `chain ${chain} was acknowledged and never completed`);
  },
  "none-failed": ({ scene }) =>
    scene.bus.watch
      .ofType("TaskFailed")
      .map(({ event }) => `chain ${event.meta.chainId} failed: ${event.code} ${event.reason}`),
  "none-in-doubt": ({ scene }) =>
    scene.bus.watch
      .ofType("EffectInDoubt")
      .map(({ event }) => `${event.tool} ${event.callId} is in doubt: ${event.reason}`),
  voids: ({ scene, report }) => {
    const { watch } = scene.bus;
    const differ =
      report.voidRecords === watch.voids() ? [] : [`void records: ${report.voidRecords}, ${watch.voids()}`];
    return [...differ, ...watch.undecodable];
  },
  "supervisor-agrees": ({ scene }) => scene.complaints.map(({ service, line }) => `${service}: ${line}`),
  processes: ({ scene }) =>
    scene.processes
      .filter((one) => one.hasFailed())
      .map((one) => `${one.name} ended by itself: ${one.lines().slice(-3).join(" | ")}`),
};

/** A write that was admitted while the partition's door was not open, as its own records tell. */
function admittedByShutDoors(events: readonly SeenEvent[]): readonly string[] {
  const doors = new Map<number, Door>();
  const wrong: string[] = [];
  for (const { partition, offset, event } of events) {
    const door = doors.get(partition) ?? { owner: "", state: "closed" as const };
    doors.set(partition, nextDoor(door, event));
    if (event.type === "EffectAdmitted" && event.effectClass !== "read" && door.state !== "open")
      wrong.push(
        `${event.tool} ${event.callId} was admitted at ${partition}/${offset} by a door that was ${door.state}`,
      );
  }
  return wrong;
}

const asText = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);

/** Everything that the checks of the scene's spec find. */
export function findingsOf(facts: Facts): readonly Finding[] {
  return facts.scene.spec.checks.flatMap((check) => CHECKS[check](facts).map((text) => ({ check, text })));
}
