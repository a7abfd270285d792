/** For tests of the bus itself: one agent that waits for the test's word, one tool that keeps a journal. */
import { type AgentDefinition, defineAgent, defineTool, type ToolDefinition, type ToolSpec } from "@busbar/agent";
import { partitionOf } from "@busbar/events";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { type LogFaults, withFaults } from "../log-faults.ts";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

export const EVENTS = "test.events";

export interface Journal {
  readonly entries: { readonly n: number; readonly key: string; readonly attempt: number }[];
  readonly tool: ToolDefinition<{ n: number }>;
}

/** A tool that writes down each time it is really called. */
export function journal(spec: Partial<ToolSpec<{ n: number }>> = {}): Journal {
  const entries: Journal["entries"][number][] = [];
  const tool = defineTool<{ n: number }>({
    name: "world.change",
    description: "Changes the world",
    effect: "write",
    args: { type: "object" },
    timeoutMs: 60,
    fireBoundMs: 1000,
    run: ({ n }, { key, attempt }) => {
      entries.push({ n, key, attempt });
      return { n };
    },
    ...spec,
  });
  return { entries, tool };
}

export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

/** Waits at the gate, then changes the world once. */
export const waiter = (at: Gate): AgentDefinition =>
  defineAgent<{ n: number }>({
    name: "waiter",
    version: "1",
    handler: async ({ input }, ctx) => {
      await at.passed;
      return ctx.tool("world.change", { n: input.n });
    },
  });

export interface FaultyBus {
  readonly bus: TestBus;
  readonly faults: LogFaults;
}

/** A bus of one partition on a log with faults. */
export async function faultyBus(
  options: TestBusOptions,
  wrap: (log: EventLog) => EventLog = (log) => log,
): Promise<FaultyBus> {
  const { log, faults } = withFaults(createEmbeddedLog({}));
  const bus = await createTestBus({ partitions: 1, ...options, log: wrap(log) });
  return { bus, faults };
}

/** A task key whose chain lies in the partition. */
export function keyIn(partition: number, count: number, chainOf: (key: string) => string): string {
  for (let index = 0; ; index += 1) if (partitionOf(chainOf(`k${index}`), count) === partition) return `k${index}`;
}
