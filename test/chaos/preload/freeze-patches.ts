/** Where a gateway can be frozen at the fire step: `standStill()` is put there as the module is loaded. */
import type { Patch } from "./patch.ts";

const CALL = "(globalThis as any).busbarStandStill()";

const CHECK = "const elapsedMs = Math.max(clock.monotonicMs() - queued.monotonicMs,";
const SEND =
  'if (dependsOn?.check !== "gateway" || unresolved) return this.#executor.startTool(event, admitted, policy);';

export const FREEZE_PATCHES: Readonly<Record<"before-check" | "before-send", Patch>> = {
  "before-check": { file: "/runtime/src/door/fire-step.ts", find: CHECK, replace: `${CALL}; ${CHECK}` },
  "before-send": { file: "/runtime/src/door/actions.ts", find: SEND, replace: `${CALL}; ${SEND}` },
};
