/** What each kind of fault does. */
import type { Strike } from "../plan.ts";
import type { Scene } from "../scene.ts";
import { diskFull, slow } from "./broker.ts";
import { clock } from "./clock.ts";
import { cut } from "./cut.ts";
import { deploy } from "./deploy.ts";
import { freeze } from "./freeze.ts";
import { halt } from "./halt.ts";
import { kill } from "./kill.ts";
import { registryDown } from "./registry.ts";

/** Strikes once; resolves, with the name of what it did, when what a service can mend by itself is mended. */
export function strikeOnce(scene: Scene, strike: Strike): Promise<string> {
  const { fault } = strike;
  switch (fault.kind) {
    case "kill":
      return kill(scene, strike, fault.target);
    case "deploy":
      return deploy(scene, strike, fault.target);
    case "freeze":
      return freeze(scene, strike, fault.at);
    case "halt":
      return halt(scene, strike, fault.scopes);
    case "cut":
      return cut(scene, strike, fault);
    case "clock":
      return clock(scene, strike, fault);
    case "slow":
      return slow(scene, strike, fault);
    case "disk-full":
      return diskFull(scene);
    case "registry-down":
      return registryDown(scene, strike);
  }
}
