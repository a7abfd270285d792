/**
 * One link of the halt path is cut, a person halts before that or while it is cut, and the link is mended. Without a
 * supervisor every door goes degraded: that is waited for. Whoever sits behind the cut link is to be found halted.
 */
import { setTimeout as delay } from "node:timers/promises";
import { rollDice } from "../../harness/dice.ts";
import type { Strike } from "../plan.ts";
import { PATIENCE_MS, type Scene } from "../scene.ts";
import type { FaultSpec, Link } from "../spec.ts";
import { acknowledged, chooseScope, countHalt } from "./halt.ts";

const RETRY_MS = 200;

/** A person whose order did not get through gives it again; the offset of the one that did. */
async function insist(give: () => Promise<bigint>): Promise<bigint> {
  for (const endMs = performance.now() + PATIENCE_MS; ;) {
    try {
      return await give();
    } catch (cause) {
      if (performance.now() > endMs) throw cause;
      await delay(RETRY_MS);
    }
  }
}

/** Every door says itself that it is not sure. */
function degraded({ bus }: Scene): Promise<void> {
  const isShut = (partition: number): boolean => bus.watch.door(partition).state !== "open";
  const all = [...Array(bus.partitions).keys()];
  return bus.watch.until(() => all.every(isShut), "every door is degraded without a supervisor", PATIENCE_MS);
}

async function hold(scene: Scene, link: Link, ms: number): Promise<void> {
  if (link === "supervisor") await degraded(scene);
  else await delay(ms);
}

export async function cut(
  scene: Scene,
  { pick }: Strike,
  { links, scopes, forMs }: Extract<FaultSpec, { kind: "cut" }>,
): Promise<string> {
  const dice = rollDice(pick);
  const link = links[dice.below(links.length)] ?? "gateway";
  const ms = forMs.from + dice.below(forMs.to - forMs.from + 1);
  const target = chooseScope(scene, dice, scopes);
  const { scope } = target;
  const isFirst = dice.below(2) === 0;
  const wires = scene.wires();
  let ordered: Promise<bigint> | null = isFirst ? insist(() => wires.orders.halt(scope)) : null;
  if (dice.below(2) === 0) await ordered;
  wires.links.cut(link);
  try {
    ordered ??= insist(() => wires.orders.halt(scope));
    ordered.catch(() => undefined);
    await hold(scene, link, ms);
  } finally {
    wires.links.mend(link);
  }
  const fence = await ordered;
  await acknowledged(scene, fence, scope);
  scene.resumes.add(String(await insist(() => wires.orders.resume(scope, fence.toString()))));
  countHalt(scene, target, fence);
  await scene.doorsOpen();
  return `cut ${link}`;
}
