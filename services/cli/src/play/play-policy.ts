/**
 * The project that is made for a file: its tools, one agent that may call them all, and the rules as they are by
 * default.
 *
 * With a project's own policy its tools, rules and checks are in force, and what it does not name is as recorded.
 *
 * The breaker over all chains is off: recorded runs are independent of each other, and which of them run side by side
 * here is chance. A verdict must not depend on it.
 */
import {
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  NO_BREAKER,
  type Policy,
  type ToolPolicy,
} from "@busbar/policy";
import { PATIENCE_MS } from "./effect-of-tool.ts";
import { RECORDED_AGENT } from "./recorded-agent.ts";

const MAX_STEPS = 1_000_000;
/** As long as a submission may be sent again. */
const REMEMBERED_MS = 120_000;

export function playPolicy(tools: Readonly<Record<string, ToolPolicy>>): Policy {
  return {
    version: 1,
    tools,
    agents: { [RECORDED_AGENT]: { tools: ["*"], sends: [], models: [] } },
    models: {},
    statements: {},
    rules: DEFAULT_RULES,
    breaker: NO_BREAKER,
    flow: DEFAULT_FLOW,
    drift: DEFAULT_DRIFT,
    limits: { ...DEFAULT_LIMITS, maxSteps: MAX_STEPS, closedChainsMs: REMEMBERED_MS },
  };
}

/** A project's policy for a play: `recorded` are the rows of tools that it does not name. */
export function playedPolicy(project: Policy, recorded: Readonly<Record<string, ToolPolicy>>): Policy {
  const { caps: _ofTheWholeBus, ...own } = project;
  const base = playPolicy({});
  const tools = Object.entries(project.tools).map(
    ([name, tool]) => [name, { ...tool, timeoutMs: PATIENCE_MS, fireBoundMs: PATIENCE_MS }] as const,
  );
  return {
    ...own,
    tools: { ...recorded, ...Object.fromEntries(tools) },
    agents: base.agents,
    breaker: base.breaker,
    flow: base.flow,
    limits: { ...project.limits, maxSteps: MAX_STEPS, closedChainsMs: REMEMBERED_MS },
  };
}
