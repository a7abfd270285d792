/** The registry is gone; whoever starts meanwhile goes on with the ids that were remembered. */
import type { Strike } from "../plan.ts";
import type { Scene } from "../scene.ts";
import { kill } from "./kill.ts";

const WITHOUT = 20;

export async function registryDown(scene: Scene, strike: Strike): Promise<string> {
  const registry = scene.registry();
  await registry.kill("SIGKILL");
  try {
    for (const role of ["agent", "supervisor", "gateway"] as const) scene.count(await kill(scene, strike, role));
    // More than is under way: done by those who have never seen the registry.
    await scene.admitted(WITHOUT);
  } finally {
    await registry.restart();
  }
  return "registry down";
}
