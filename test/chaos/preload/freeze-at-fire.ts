/**
 * A gateway that can be frozen at the fire step: BUSBAR_CHAOS_FREEZE=before-check stops it before the bound is looked at,
 * before-send after the bound was found not over and before the tool gets the call, which no check of its own can cover.
 * SIGUSR2 arms it; the next effect that comes there stops the process.
 */
import { patchModules } from "./patch.ts";

const isBeforeCheck = process.env["BUSBAR_CHAOS_FREEZE"] === "before-check";

let isArmed = false;
process.on("SIGUSR2", () => {
  isArmed = true;
});
const hooks: { busbarStandStill?: () => boolean } = globalThis as object;
hooks.busbarStandStill = () => {
  if (isArmed) process.kill(process.pid, "SIGSTOP");
  isArmed = false;
  return true;
};

const CALL = "(globalThis as any).busbarStandStill()";
const BEFORE_CHECK = "const elapsedMs = Math.max(clock.monotonicMs() - queued.monotonicMs,";
const BEFORE_SEND = "return this.#executor.startTool(event, admitted, state.policy);";

patchModules([
  isBeforeCheck
    ? { file: "/runtime/src/door/actions.ts", find: BEFORE_CHECK, replace: `${CALL}; ${BEFORE_CHECK}` }
    : { file: "/runtime/src/door/actions.ts", find: BEFORE_SEND, replace: `{ ${CALL}; ${BEFORE_SEND} }` },
]);
