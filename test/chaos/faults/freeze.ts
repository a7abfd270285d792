/**
 * A gateway is frozen, replaced and woken: at any point of its work, or exactly before or after the check of the fire
 * bound. It wakes as soon as it is replaced, when its successor's doors are open, or when the
 * successor has settled what it left behind.
 */
import { readFileSync } from "node:fs";
import { until } from "@busbar/testkit";
import { type Dice, rollDice } from "../../harness/dice.ts";
import type { ServiceProcess } from "../../harness/process.ts";
import type { Strike } from "../plan.ts";
import { PATIENCE_MS, type Scene } from "../scene.ts";
import type { FreezePoint } from "../spec.ts";

const LOOK_FOR_SETTLED_MS = 8000;

/** Frozen by a signal, as Linux tells it. */
function isFrozen(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

/** One that owns something: what owns nothing is no zombie. */
function chooseOwner(scene: Scene, dice: Dice): ServiceProcess {
  for (let tries = 0; tries < 20; tries += 1) {
    const chosen = scene.choose("gateway", dice, true);
    if (scene.partitionsOf(chosen.name).length > 0) return chosen;
  }
  throw new Error("no gateway owns anything");
}

async function freezeAtFire(scene: Scene, victim: ServiceProcess): Promise<void> {
  victim.signal("SIGUSR2");
  const isThere = (): boolean => {
    for (const crowd of scene.crowds) crowd.fill();
    return isFrozen(victim.pid);
  };
  await until(isThere, `${victim.name} stops at the fire step`, PATIENCE_MS);
}

async function leftAlone(scene: Scene, dice: Dice): Promise<void> {
  const { watch } = scene.bus;
  const moment = dice.below(3);
  if (moment === 0) return;
  await scene.doorsOpen();
  if (moment === 1) return;
  const settled = watch.ofType("EffectSettled").length;
  const isSettled = (): boolean => watch.ofType("EffectSettled").length > settled;
  // Nothing may be left behind: then it wakes after the while in which it would have been settled.
  await watch.until(isSettled, "something is settled", LOOK_FOR_SETTLED_MS).catch(() => undefined);
}

export async function freeze(scene: Scene, { pick }: Strike, at: FreezePoint): Promise<string> {
  const dice = rollDice(pick);
  const zombie = chooseOwner(scene, dice);
  if (at !== "anywhere") await freezeAtFire(scene, zombie);
  else zombie.signal("SIGSTOP");
  const owned = scene.partitionsOf(zombie.name);
  try {
    await scene.takenOver(owned, zombie.name);
    await leftAlone(scene, dice);
  } finally {
    zombie.signal("SIGCONT");
  }
  await scene.doorsOpen();
  return `freeze ${at}`;
}
