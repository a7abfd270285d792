/** SIGKILL at any point of the work, and what takes the place of what is gone. */
import { setTimeout as delay } from "node:timers/promises";
import { type Dice, rollDice } from "../../harness/dice.ts";
import type { Strike } from "../plan.ts";
import type { Scene } from "../scene.ts";
import type { Role } from "../spec.ts";

const MAX_AWAY_MS = 1500;

export async function kill(scene: Scene, { pick }: Strike, target: Role | "broker"): Promise<string> {
  const dice = rollDice(pick);
  if (target === "broker") await killBroker(scene, dice);
  else await killProcess(scene, dice, target);
  return `kill ${target}`;
}

async function killBroker({ brokers }: Scene, dice: Dice): Promise<void> {
  const broker = brokers.nodes[dice.below(brokers.nodes.length)];
  if (broker === undefined) throw new Error("there is no broker");
  await broker.kill("SIGKILL");
  await delay(dice.below(MAX_AWAY_MS));
  await broker.restart();
}

async function killProcess(scene: Scene, dice: Dice, role: Role): Promise<void> {
  const victim = scene.choose(role, dice);
  const owned = scene.partitionsOf(victim.name);
  await victim.kill();
  const successor = scene.start(role);
  if (role === "gateway") await scene.takenOver(owned, victim.name);
  await successor;
  if (role === "gateway") await scene.doorsOpen();
}
