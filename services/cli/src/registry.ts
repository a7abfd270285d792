/**
 * The commands: name, one line of help, and the file that is loaded when the command is typed. Nothing else is loaded,
 * so that help is there at once.
 */
import type { Command } from "commander";

export interface CommandRow {
  readonly name: string;
  /** Another spelling of the same noun. */
  readonly alias?: string;
  readonly summary: string;
  readonly group: "Run a bus" | "Work" | "Look" | "Stop" | "Maintain";
  readonly load: () => Promise<Command>;
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: "init",
    group: "Run a bus",
    summary: "make a project in a new folder",
    load: async () => (await import("./commands/init.ts")).initCommand(),
  },
  {
    name: "dev",
    group: "Run a bus",
    summary: "bring a bus up with the project's agents and stay",
    load: async () => (await import("./commands/dev.ts")).devCommand(),
  },
  {
    name: "up",
    group: "Run a bus",
    summary: "start broker and registry in the background",
    load: async () => (await import("./commands/up.ts")).upCommand(),
  },
  {
    name: "down",
    group: "Run a bus",
    summary: "end what up started; the data stays",
    load: async () => (await import("./commands/down.ts")).downCommand(),
  },
  {
    name: "doctor",
    group: "Run a bus",
    summary: "check this machine and the bus",
    load: async () => (await import("./commands/doctor.ts")).doctorCommand(),
  },
  {
    name: "deploy",
    group: "Run a bus",
    summary: "run a version of an agent under supervision; roll it back",
    load: async () => (await import("./commands/deploy.ts")).deployCommand(),
  },
  {
    name: "scale",
    group: "Run a bus",
    summary: "say how many processes a deployed agent has",
    load: async () => (await import("./commands/scale.ts")).scaleCommand(),
  },
  {
    name: "undeploy",
    group: "Run a bus",
    summary: "take no more tasks for an agent and end its processes",
    load: async () => (await import("./commands/undeploy.ts")).undeployCommand(),
  },
  {
    name: "submit",
    group: "Work",
    summary: "give a task to an agent",
    load: async () => (await import("./commands/submit.ts")).submitCommand(),
  },
  {
    name: "play",
    group: "Work",
    summary: "send recorded runs through the bus and report what its rules stop",
    load: async () => (await import("./commands/play.ts")).playCommand(),
  },
  {
    name: "status",
    group: "Look",
    summary: "agents, doors, halts, freezes, breakers, flow control, supervisors",
    load: async () => (await import("./commands/status.ts")).statusCommand(),
  },
  {
    name: "agents",
    alias: "agent",
    group: "Look",
    summary: "who is declared, what runs, in which state; agents run runs them",
    load: async () => (await import("./commands/agents.ts")).agentsCommand(),
  },
  {
    name: "tools",
    group: "Look",
    summary: "what tools do, their bounds, schemas and breakers, as the policy in force says",
    load: async () => (await import("./commands/tools.ts")).toolsCommand(),
  },
  {
    name: "trace",
    group: "Look",
    summary: "one chain step by step, its sub-tasks included",
    load: async () => (await import("./commands/trace.ts")).traceCommand(),
  },
  {
    name: "events",
    group: "Look",
    summary: "query or follow the log",
    load: async () => (await import("./commands/events.ts")).eventsCommand(),
  },
  {
    name: "guards",
    alias: "guard",
    group: "Look",
    summary: "the guards of the bus: state, how often they acted, and what each of them stops",
    load: async () => (await import("./commands/guards.ts")).guardsCommand(),
  },
  {
    name: "halt",
    group: "Stop",
    summary: "stop effects of a scope and wait for every owner's acknowledgement",
    load: async () => (await import("./commands/halt.ts")).haltCommand(),
  },
  {
    name: "resume",
    group: "Stop",
    summary: "lift one halt, named by its fence",
    load: async () => (await import("./commands/resume.ts")).resumeCommand(),
  },
  {
    name: "freeze",
    group: "Stop",
    summary: "forbid kinds of effects for a time",
    load: async () => (await import("./commands/freeze.ts")).freezeCommand(),
  },
  {
    name: "breakers",
    alias: "breaker",
    group: "Stop",
    summary: "list the breakers of tools and agents, hold one open, or close it",
    load: async () => (await import("./commands/breakers.ts")).breakersCommand(),
  },
  {
    name: "throttle",
    group: "Stop",
    summary: "list what flow control holds back, hold new tasks back, or let them in",
    load: async () => (await import("./commands/throttle.ts")).throttleCommand(),
  },
  {
    name: "approvals",
    alias: "approval",
    group: "Stop",
    summary: "calls that wait for a person: list, show, grant, deny",
    load: async () => (await import("./commands/approvals.ts")).approvalsCommand(),
  },
  {
    name: "handoffs",
    alias: "handoff",
    group: "Stop",
    summary: "decisions that a person owns: list, show, take, answer",
    load: async () => (await import("./commands/handoffs.ts")).handoffsCommand(),
  },
  {
    name: "rollback",
    group: "Stop",
    summary: "undo what a chain has done, the latest first, with the plan before",
    load: async () => (await import("./commands/rollback.ts")).rollbackCommand(),
  },
  {
    name: "settle",
    group: "Stop",
    summary: "say how an effect in doubt ended",
    load: async () => (await import("./commands/settle.ts")).settleCommand(),
  },
  {
    name: "dlq",
    group: "Maintain",
    summary: "dead letters: list them, look at one, send them to the door again",
    load: async () => (await import("./commands/dlq.ts")).dlqCommand(),
  },
  {
    name: "policy",
    group: "Maintain",
    summary: "check a project's policy, compare it with the one in force, put it in force",
    load: async () => (await import("./commands/policy.ts")).policyCommand(),
  },
  {
    name: "schemas",
    group: "Maintain",
    summary: "list, show, check and register the schemas",
    load: async () => (await import("./commands/schemas.ts")).schemasCommand(),
  },
  {
    name: "topics",
    group: "Maintain",
    summary: "compare the topics with their declaration",
    load: async () => (await import("./commands/topics.ts")).topicsCommand(),
  },
  {
    name: "keys",
    group: "Maintain",
    summary: "list, add and replace the keys of the bus",
    load: async () => (await import("./commands/keys.ts")).keysCommand(),
  },
  {
    name: "context",
    group: "Maintain",
    summary: "buses by name: list, add, use, remove",
    load: async () => (await import("./commands/context.ts")).contextCommand(),
  },
  {
    name: "completion",
    group: "Maintain",
    summary: "a completion script for bash, zsh or fish",
    load: async () => (await import("./commands/completion.ts")).completionCommand(),
  },
  {
    name: "explain",
    group: "Maintain",
    summary: "what an error code means and what to type next",
    load: async () => (await import("./commands/explain.ts")).explainCommand(),
  },
];
