/** One process is replaced as a deploy does it: asked to stop, and another one in its place, before or after. */
import { rollDice } from "../../harness/dice.ts";
import type { Strike } from "../plan.ts";
import type { Scene } from "../scene.ts";
import type { Role } from "../spec.ts";

export async function deploy(scene: Scene, { pick }: Strike, role: Role): Promise<string> {
  const dice = rollDice(pick);
  const old = scene.choose(role, dice);
  const owned = scene.partitionsOf(old.name);
  if (dice.below(2) === 0) {
    await scene.start(role);
    await old.stop();
  } else {
    await old.stop();
    await scene.start(role);
  }
  if (role === "gateway") await scene.takenOver(owned, old.name);
  await scene.doorsOpen();
  return `deploy ${role}`;
}
