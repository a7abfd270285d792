/**
 * The chain machine: what may happen to a chain next. Declared once; the door asks it before it admits, replay steps
 * it, audit shows it. It is stepped purely (`transition`), runs no action and holds no context: all facts are in the
 * events, so (state, event) fully decides and the answers are cached.
 *
 * C1 `halted` is reachable from every open state by one event and left only by `ChainResumed`.
 * C2 In `degraded` only reads and model calls are admitted; nothing that changes the world.
 * C3 `completed` and `failed` are final: no event leads out.
 */
import { setup, transition } from "xstate";

export const CHAIN_STATUSES = ["working", "degraded", "halted", "completed", "failed"] as const;
export type ChainStatus = (typeof CHAIN_STATUSES)[number];

/** The part of an event that the machine looks at. `effectClass` is empty where the event has none. */
export interface ChainMachineEvent {
  readonly type: string;
  readonly effectClass: string;
}

export const chainMachine = setup({
  types: { events: {} as ChainMachineEvent },
  guards: { isRead: ({ event }) => event.effectClass === "read" },
}).createMachine({
  id: "chain",
  initial: "working",
  states: {
    working: {
      on: {
        TaskAssigned: "working",
        EffectAdmitted: "working",
        ModelCallAdmitted: "working",
        TaskSent: "working",
        StatementRecorded: "working",
        TimerSet: "working",
        HandedOff: "working",
        ConfidenceReported: "working",
        ScopeNarrowed: "working",
        RollbackStarted: "working",
        TaskCompleted: "completed",
        TaskFailed: "failed",
        ChainDegraded: "degraded",
        ChainHalted: "halted",
      },
    },
    degraded: {
      on: {
        TaskAssigned: "degraded",
        EffectAdmitted: { guard: "isRead", target: "degraded" },
        ModelCallAdmitted: "degraded",
        StatementRecorded: "degraded",
        TimerSet: "degraded",
        HandedOff: "degraded",
        ConfidenceReported: "degraded",
        ScopeNarrowed: "degraded",
        TaskCompleted: "completed",
        TaskFailed: "failed",
        ChainDegraded: "degraded",
        ChainHalted: "halted",
        ChainResumed: "working",
      },
    },
    // A halted agent may still say something: its statement is checked against the fact and kept as evidence.
    halted: {
      on: { StatementRecorded: "halted", HandedOff: "halted", ChainHalted: "halted", ChainResumed: "working" },
    },
    completed: { type: "final" },
    failed: { type: "final" },
  },
});

interface Step {
  readonly can: boolean;
  readonly next: ChainStatus;
}
const steps = new Map<string, Step>();

function step(status: ChainStatus, event: ChainMachineEvent): Step {
  const key = `${status} ${event.type} ${event.effectClass}`;
  const known = steps.get(key);
  if (known !== undefined) return known;
  const snapshot = chainMachine.resolveState({ value: status });
  const [next] = transition(chainMachine, snapshot, event);
  const made: Step = { can: snapshot.can(event), next: next.value as ChainStatus };
  steps.set(key, made);
  return made;
}

/** Whether an event of this type is legal for a chain in this status. */
export function canChain(status: ChainStatus, type: string, effectClass = ""): boolean {
  return step(status, { type, effectClass }).can;
}

/** The status after an event; the same status where the event means nothing to the machine. */
export function nextChainStatus(status: ChainStatus, type: string, effectClass = ""): ChainStatus {
  return step(status, { type, effectClass }).next;
}

export function isFinal(status: ChainStatus): boolean {
  return status === "completed" || status === "failed";
}
