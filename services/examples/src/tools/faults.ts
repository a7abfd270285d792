/**
 * Faults that a test or a rehearsal puts into a tool. They change when and whether an answer comes, never what the
 * journal says: an effect that happened has its row, one that did not has none.
 */
import { setTimeout as delay } from "node:timers/promises";
import { notStarted } from "@busbar/agent";

const FAULT_KINDS = ["latency", "failBefore", "failAfter", "hangBefore", "hangAfter"] as const;
/**
 * `latency`: waits before the effect and cannot be stopped by an abort (bytes that arrive late). `failBefore`: throws
 * `notStarted`, nothing happened. `failAfter`: the effect happened, then throws. `hangBefore`, `hangAfter`: never answers.
 */
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly tool: string;
  readonly kind: FaultKind;
  /** Calls of the tool that it strikes, counted from the first in this process; default all. */
  readonly times?: number;
  /** Of `latency`; default 1000. */
  readonly latencyMs?: number;
}

export interface FaultPlan {
  /** Runs an effect between the faults planned for the tool. */
  around<R>(tool: string, act: () => R | Promise<R>): Promise<R>;
}

const LATENCY_MS_DEFAULT = 1000;

const never = <R>(): Promise<R> => new Promise<R>(() => undefined);

async function before(fault: Fault): Promise<void> {
  if (fault.kind === "latency") await delay(fault.latencyMs ?? LATENCY_MS_DEFAULT);
  if (fault.kind === "failBefore") throw notStarted(`planned: ${fault.tool} has no connection`);
  if (fault.kind === "hangBefore") await never();
}

async function after(fault: Fault): Promise<void> {
  if (fault.kind === "failAfter") throw new Error(`planned: ${fault.tool} lost the connection after the effect`);
  if (fault.kind === "hangAfter") await never();
}

/** A plan that counts how often each fault has struck; the plan of one process. */
export function createFaultPlan(faults: readonly Fault[]): FaultPlan {
  const left = new Map<Fault, number>(faults.map((fault) => [fault, fault.times ?? Number.POSITIVE_INFINITY]));
  const strike = (tool: string): readonly Fault[] =>
    faults.filter((fault) => {
      const remaining = left.get(fault) ?? 0;
      if (fault.tool !== tool || remaining <= 0) return false;
      left.set(fault, remaining - 1);
      return true;
    });
  return {
    async around(tool, act) {
      const striking = strike(tool);
      for (const fault of striking) await before(fault);
      const result = await act();
      for (const fault of striking) await after(fault);
      return result;
    },
  };
}

function isFault(value: unknown): value is Fault {
  if (typeof value !== "object" || value === null) return false;
  const { tool, kind } = value as { tool?: unknown; kind?: unknown };
  return typeof tool === "string" && (FAULT_KINDS as readonly unknown[]).includes(kind);
}

/** Faults from JSON text: an array of `Fault`. Throws on anything else, so that a rehearsal never runs without its fault. */
export function parseFaults(text: string): readonly Fault[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new TypeError("faults are a JSON array");
  return value.map((entry: unknown) => {
    if (!isFault(entry)) throw new TypeError(`not a fault: ${JSON.stringify(entry)}`);
    return entry;
  });
}
