/**
 * The agent machine: what an agent process may do next. The runner asks it before it starts a chain, heartbeats carry
 * its state, status shows it. Pure: stepped with `transition`, no action, no timer; the facts are in the events.
 *
 * G1 New chains start in `idle` and `working` only.
 * G2 `degraded` (the log or the group is out of reach) finishes what runs and starts nothing.
 * G3 `halted` (the fleet or this agent) is reachable from every state but `stopped`, and left only by a resume that
 *    names the last standing fence.
 * G4 `stopped` is final.
 */
import { assign, initialTransition, setup, type SnapshotFrom, transition } from "xstate";

export const AGENT_STATES = ["idle", "working", "degraded", "halted", "stopped"] as const;
export type AgentState = (typeof AGENT_STATES)[number];

export type AgentEvent =
  | { readonly type: "chain.started" }
  | { readonly type: "chain.ended" }
  | { readonly type: "log.lost" }
  | { readonly type: "log.back" }
  /** `fence`: offset of the Halt directive. */
  | { readonly type: "halt"; readonly scope: string; readonly fence: string }
  | { readonly type: "resume"; readonly scope: string; readonly fence: string }
  | { readonly type: "stop" };

interface AgentMachineContext {
  readonly running: number;
  readonly isLogLost: boolean;
  /** Standing fences that cover the whole agent, by scope. */
  readonly fences: Readonly<Record<string, string>>;
}

function without(fences: Readonly<Record<string, string>>, scope: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fences).filter(([name]) => name !== scope));
}

const base = setup({
  types: { context: {} as AgentMachineContext, events: {} as AgentEvent },
  guards: {
    isBusy: ({ context }) => context.running > 0,
    isLogLost: ({ context }) => context.isLogLost,
    isLastChain: ({ context }) => context.running <= 1,
    namesStandingFence: ({ context, event }) => event.type === "resume" && context.fences[event.scope] === event.fence,
    liftsLastFence: ({ context, event }) =>
      event.type === "resume" &&
      context.fences[event.scope] === event.fence &&
      Object.keys(context.fences).length === 1,
  },
  actions: {
    countUp: assign({ running: ({ context }) => context.running + 1 }),
    countDown: assign({ running: ({ context }) => Math.max(0, context.running - 1) }),
    loseLog: assign({ isLogLost: true }),
    regainLog: assign({ isLogLost: false }),
    putFence: assign({
      fences: ({ context, event }) =>
        event.type === "halt" ? { ...context.fences, [event.scope]: event.fence } : context.fences,
    }),
    liftFence: assign({
      fences: ({ context, event }) => (event.type === "resume" ? without(context.fences, event.scope) : context.fences),
    }),
  },
});

const halt = { target: "halted", actions: "putFence" } as const;
const lost = { target: "degraded", actions: "loseLog" } as const;

export const agentMachine = base.createMachine({
  id: "agent",
  initial: "idle",
  context: { running: 0, isLogLost: false, fences: {} },
  states: {
    idle: {
      on: { "chain.started": { target: "working", actions: "countUp" }, "log.lost": lost, halt, stop: "stopped" },
    },
    working: {
      on: {
        "chain.started": { actions: "countUp" },
        "chain.ended": [{ guard: "isLastChain", target: "idle", actions: "countDown" }, { actions: "countDown" }],
        "log.lost": lost,
        halt,
        stop: "stopped",
      },
    },
    degraded: {
      on: {
        "chain.ended": { actions: "countDown" },
        "log.back": [
          { guard: "isBusy", target: "working", actions: "regainLog" },
          { target: "idle", actions: "regainLog" },
        ],
        halt,
        stop: "stopped",
      },
    },
    halted: {
      on: {
        "chain.ended": { actions: "countDown" },
        "log.lost": { actions: "loseLog" },
        "log.back": { actions: "regainLog" },
        halt: { actions: "putFence" },
        resume: [
          { guard: "liftsLastFence", target: "resumed", actions: "liftFence" },
          { guard: "namesStandingFence", actions: "liftFence" },
        ],
        stop: "stopped",
      },
    },
    // Passed through: where a resumed agent goes on depends on what happened meanwhile.
    resumed: {
      always: [{ guard: "isLogLost", target: "degraded" }, { guard: "isBusy", target: "working" }, { target: "idle" }],
    },
    stopped: { type: "final" },
  },
});

export type AgentSnapshot = SnapshotFrom<typeof agentMachine>;

export function initialAgent(): AgentSnapshot {
  return initialTransition(agentMachine)[0];
}

/** The snapshot after an event; an event that is illegal here changes nothing. */
export function stepAgent(snapshot: AgentSnapshot, event: AgentEvent): AgentSnapshot {
  return transition(agentMachine, snapshot, event)[0];
}

/** Whether the event is legal now. */
export function canAgent(snapshot: AgentSnapshot, event: AgentEvent): boolean {
  return snapshot.can(event);
}

export function agentStateOf(snapshot: AgentSnapshot): AgentState {
  return snapshot.value as AgentState;
}
