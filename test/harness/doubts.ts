/**
 * Effects that the log names as in doubt and leaves to a person, and a person who decides: by the database's own
 * journal, and only when no sender is left whose bytes could still arrive.
 */
import { DatabaseSync } from "node:sqlite";
import type { Bus } from "./bus.ts";
import type { Watch } from "./watch.ts";

export interface Doubt {
  readonly chainId: string;
  readonly callId: string;
  readonly effectKey: string;
  /** Offset of the admission in doubt. */
  readonly admitted: string;
}

/** What was settled as unknown or disputed, and not settled since. */
export function doubtsOf(watch: Pick<Watch, "ofType">): readonly Doubt[] {
  const doubts = new Map<string, Doubt>();
  for (const { event } of watch.ofType("EffectSettled")) {
    const { callId, effectKey, admitted, meta } = event;
    if (event.outcome === "unknown") doubts.set(callId, { chainId: meta.chainId, callId, effectKey, admitted });
    else doubts.delete(callId);
  }
  for (const { event } of watch.ofType("EffectDisputed")) {
    const { callId, effectKey, admitted, meta } = event;
    const isOver = watch
      .ofType("EffectSettled")
      .some(({ event: later }) => later.callId === callId && later.meta.streamSeq > meta.streamSeq);
    if (!isOver) doubts.set(callId, { chainId: meta.chainId, callId, effectKey, admitted });
  }
  return [...doubts.values()];
}

/** When each effect of a database landed, ms, by effect key. */
export function landings(file: string): ReadonlyMap<string, readonly number[]> {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    const rows = database.prepare("SELECT effect_key, at_ms FROM journal ORDER BY id").all();
    const byKey = Map.groupBy(rows, (row) => String(row["effect_key"]));
    return new Map([...byKey].map(([key, found]) => [key, found.map((row) => Number(row["at_ms"]))]));
  } finally {
    database.close();
  }
}

/** At-most-once effects that were admitted, in doubt, and landed after the log had said so. */
export function lateLandings({ shop, watch }: Pick<Bus, "shop" | "watch">): number {
  const landed = landings(shop);
  const isLate = (effectKey: string, saidMs: number): boolean => (landed.get(effectKey)?.[0] ?? 0) > saidMs;
  return watch
    .ofType("EffectInDoubt")
    .filter(({ event }) => event.tool === "mail.send" && isLate(event.effectKey, event.meta.atMs)).length;
}

/** A person looks at each doubt in the world and says what is so. Returns how many there were. */
export async function decideDoubts(bus: Bus): Promise<number> {
  const doubts = doubtsOf(bus.watch);
  const landed = landings(bus.shop);
  for (const { chainId, callId, effectKey, admitted } of doubts) {
    await bus.orders.settle(chainId, { callId, admitted }, landed.has(effectKey) ? "committed" : "not-done");
  }
  return doubts.length;
}

/** Decides whatever is left in doubt until every acknowledged chain has ended. */
export async function decideUntilEnded(bus: Bus, open: () => readonly string[], limitMs: number): Promise<number> {
  const endMs = performance.now() + limitMs;
  const decided = new Set<string>();
  const isNew = (): boolean => doubtsOf(bus.watch).some(({ callId }) => !decided.has(callId));
  while (open().length > 0) {
    const leftMs = Math.max(1, endMs - performance.now());
    await bus.watch.until(() => open().length === 0 || isNew(), `${open().length} acknowledged chains end`, leftMs);
    if (!isNew()) continue;
    for (const { callId } of doubtsOf(bus.watch)) decided.add(callId);
    await decideDoubts(bus);
  }
  return decided.size;
}
