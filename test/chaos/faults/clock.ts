/** The wall clock of one gateway jumps, and after a while it is right again. */
import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { rollDice } from "../../harness/dice.ts";
import type { Strike } from "../plan.ts";
import type { Scene } from "../scene.ts";
import type { FaultSpec } from "../spec.ts";

export async function clock(
  scene: Scene,
  { pick }: Strike,
  { jumpMs, forMs }: Extract<FaultSpec, { kind: "clock" }>,
): Promise<string> {
  const dice = rollDice(pick);
  const victim = scene.choose("gateway", dice, true);
  const byMs = jumpMs[dice.below(jumpMs.length)] ?? 0;
  const set = (ms: number): void => {
    writeFileSync(scene.clockFile(victim.name), String(ms));
    victim.signal("SIGUSR2");
  };
  set(byMs);
  await delay(forMs.from + dice.below(forMs.to - forMs.from + 1));
  set(0);
  await scene.doorsOpen();
  return `clock ${byMs > 0 ? "+" : ""}${byMs / 1000} s`;
}
