/**
 * Caps: how many calls of a tool, a model or an agent may be out at once (a bulkhead), and how many may begin in any
 * window of time (a rate), over the whole bus. Each partition decides alone, so a cap is dealt out in static shares
 * (PROTOCOL 7.3): the shares add up to the cap, and no total can exceed it.
 *
 * S1 Every partition's share is floor(cap / partitions), and the rest goes to named partitions, one each. Which ones
 *    follows from the cap's name, so that not every small cap lives on partition 0.
 */
import { shortHash } from "@busbar/kernel";
import type { EffectClass } from "../policy-document.ts";

/** At most `calls` begin in any span of `perMs`. */
export interface RateCap {
  readonly calls: number;
  readonly perMs: number;
}

export interface Cap {
  /** Calls that are out at once; null: any number. */
  readonly concurrency: number | null;
  readonly rate: RateCap | null;
}

/** By what is capped: `tool:<name>`, `model:<name>`, `agent:<name>`, `agent:<name> tool:<name>`, `agent:<name> effect:destructive`. */
export type Caps = Readonly<Record<string, Cap>>;

export const capKey = {
  tool: (tool: string): string => `tool:${tool}`,
  model: (model: string): string => `model:${model}`,
  agent: (agent: string): string => `agent:${agent}`,
  /** Destructive effects of an agent, by whatever tool and in whatever chain. */
  destructive: (agent: string): string => `agent:${agent} effect:destructive`,
  agentOnTool: (agent: string, tool: string): string => `agent:${agent} tool:${tool}`,
} as const;

/** A call as caps see it. */
export interface CappedCall {
  readonly agent: string;
  readonly kind: "tool" | "model";
  /** Of the tool or model. */
  readonly name: string;
  /** Of a tool's call; what is left out is none that a cap is about. */
  readonly effect?: EffectClass | "";
}

/** The caps that a call is under, in a fixed order. Names of agents and tools hold no space and no colon. */
export function capsOver(caps: Caps | undefined, { agent, kind, name, effect }: CappedCall): readonly string[] {
  if (caps === undefined) return [];
  const keys =
    kind === "tool"
      ? [
          capKey.tool(name),
          capKey.agent(agent),
          capKey.agentOnTool(agent, name),
          ...(effect === "destructive" ? [capKey.destructive(agent)] : []),
        ]
      : [capKey.model(name), capKey.agent(agent)];
  return keys.filter((key) => Object.hasOwn(caps, key));
}

/** Position of a partition in the order in which the rest of a cap is dealt out. */
function rankOf(key: string, partition: number, partitionCount: number): number {
  const start = Number.parseInt(shortHash("cap", key).slice(0, 6), 16) % partitionCount;
  return (partition + partitionCount - start) % partitionCount;
}

/** Share of a partition in a cap of `total`; over all partitions they add up to it (S1). */
export function shareOf(key: string, total: number, partition: number, partitionCount: number): number {
  const rest = total % partitionCount;
  return Math.floor(total / partitionCount) + (rankOf(key, partition, partitionCount) < rest ? 1 : 0);
}

/** Partitions on which a cap of `total` leaves room for at least one call. */
export function partitionsOfCap(key: string, total: number, partitionCount: number): readonly number[] {
  return Array.from({ length: partitionCount }, (_, partition) => partition).filter(
    (partition) => shareOf(key, total, partition, partitionCount) > 0,
  );
}

/** Where a cap stands in `busbar.yaml`. */
export function capPath(key: string): string {
  if (key.endsWith(" effect:destructive")) return `agents.${key.slice("agent:".length, key.indexOf(" "))}.destructive`;
  const [first = "", second] = key.split(" ").map((part) => part.slice(part.indexOf(":") + 1));
  if (second !== undefined) return `agents.${first}.perTool.${second}`;
  return `${key.slice(0, key.indexOf(":"))}s.${first}`;
}

/** A cap that is smaller than the number of partitions: calls of chains elsewhere find no slot. */
export interface NarrowCap {
  readonly key: string;
  /** Place in `busbar.yaml`, dotted. */
  readonly path: string;
  readonly total: number;
  /** Where it lives. */
  readonly partitions: readonly number[];
  /** What that means and what to type. */
  readonly reason: string;
}

/** Every cap that does not reach all partitions of a bus (PROTOCOL 7.3). */
export function narrowCaps(caps: Caps | undefined, partitionCount: number): readonly NarrowCap[] {
  return Object.entries(caps ?? {}).flatMap(([key, { concurrency, rate }]) => {
    const totals = [
      { path: `${capPath(key)}.concurrency`, total: concurrency },
      { path: `${capPath(key)}.rate.calls`, total: rate?.calls ?? null },
    ];
    return totals.flatMap(({ path, total }) => {
      if (total === null || total >= partitionCount) return [];
      const partitions = partitionsOfCap(key, total, partitionCount);
      return [{ key, path, total, partitions, reason: narrowReason(path, total, partitions, partitionCount) }];
    });
  });
}

function narrowReason(path: string, total: number, partitions: readonly number[], partitionCount: number): string {
  const where = `partition${partitions.length === 1 ? "" : "s"} ${partitions.join(", ")}`;
  return (
    `${path}: ${total} is less than the ${partitionCount} partitions of the bus, so it lives on ${where} only; ` +
    `calls of chains elsewhere wait until their deadline. ${partitionCount} or more reaches all of them`
  );
}
