/** @busbar/agent: write agents, tools and models; run them on the bus; submit tasks to them. */
export * from "./agent-context.ts";
export * from "./agent-machine.ts";
export * from "./agent-process.ts";
export { runAgent } from "./agent-runner.ts";
export * from "./attempt-errors.ts";
export {
  chainOfTaskKey,
  type Client,
  type ClientOptions,
  createClient,
  type Submission,
  type TaskHandle,
} from "./client.ts";
export * from "./define-agent.ts";
export * from "./errors.ts";
export * from "./model.ts";
export { systemTimers, type Timers } from "./timers.ts";
export * from "./tool.ts";
export * from "./run-tools.ts";
export * from "./tool-manifest.ts";
export type { TaskOutcome } from "./task-tracks.ts";
