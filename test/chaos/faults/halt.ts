/** One halt: ordered while the agents work, acknowledged by every partition, defied, and lifted again. */
import { type Dice, rollDice } from "../../harness/dice.ts";
import type { SeenEvent } from "../../harness/watch.ts";
import type { Strike } from "../plan.ts";
import { PATIENCE_MS, type Scene } from "../scene.ts";
import type { HaltScope } from "../spec.ts";

const KILLED_ONE_IN = 10;
/** How the door answers what an agent asks for. */
const ANSWERS = ["EffectRefused", "EffectAdmitted", "EffectAlreadyDone", "CommandRejected"] as const;

export interface Target {
  readonly kind: HaltScope;
  readonly scope: string;
  /** Of a halted chain. */
  readonly victim: string;
}

export function chooseScope(scene: Scene, dice: Dice, scopes: readonly HaltScope[]): Target {
  const open = scene.open();
  const kind = scopes[dice.below(scopes.length)] ?? "fleet";
  const victim = open[dice.below(open.length)] ?? "";
  if (kind === "chain" && victim !== "") return { kind, scope: `chain:${victim}`, victim };
  return kind === "chain" ? { kind: "fleet", scope: "fleet", victim } : { kind, scope: kind, victim };
}

/** Acknowledged by every partition; the offsets of the acknowledgements. */
export async function acknowledged({ bus }: Scene, fence: bigint, scope: string): Promise<ReadonlyMap<number, bigint>> {
  const found = new Map<number, bigint>();
  const isWhole = (): boolean => {
    for (const { partition, offset, event } of bus.watch.ofType("HaltAcknowledged"))
      if (BigInt(event.through) > fence && !found.has(partition)) found.set(partition, offset);
    return found.size === bus.partitions;
  };
  await bus.watch.until(isWhole, `every partition acknowledges the halt of ${scope}`, PATIENCE_MS);
  return found;
}

/** An answer of any kind behind the acknowledgement: should the door let an agent through, the checker is to find it. */
export async function defied(scene: Scene, target: Target, after: ReadonlyMap<number, bigint>): Promise<void> {
  const { kind, scope, victim } = target;
  const { watch } = scene.bus;
  const isDefiance = ({ partition, offset, event }: SeenEvent): boolean =>
    offset > (after.get(partition) ?? 0n) && (kind !== "chain" || event.meta.lineage.includes(victim));
  const isDefied = (): boolean => ANSWERS.some((type) => watch.ofType(type).some(isDefiance));
  const isOver = (): boolean => kind === "chain" && !scene.open().includes(victim);
  await watch.until(() => isDefied() || isOver(), `an agent defies the halt of ${scope}`, PATIENCE_MS);
}

/** Keeps what the checkers ask for; the halt's name. */
export function countHalt(scene: Scene, { kind, scope }: Target, fence: bigint): string {
  scene.scopes.add(scope);
  scene.halts.add(fence.toString());
  scene.count("halts ordered");
  return `halt ${kind}`;
}

export async function halt(scene: Scene, { pick }: Strike, scopes: readonly HaltScope[]): Promise<string> {
  const dice = rollDice(pick);
  const target = chooseScope(scene, dice, scopes);
  const { scope } = target;
  const { orders } = scene.bus;
  const fence = await orders.halt(scope);
  // Where it is halted it may be killed as well; it comes back by itself.
  if (dice.below(KILLED_ONE_IN) === 0) {
    await scene.killHostile();
    scene.count("hostile agents killed");
  }
  const after = await acknowledged(scene, fence, scope);
  await defied(scene, target, after);
  scene.resumes.add(String(await orders.resume(scope, fence.toString())));
  return countHalt(scene, target, fence);
}
