/**
 * A gateway that can be frozen at the fire step: BUSBAR_CHAOS_FREEZE=before-check stops it before the bound is looked at,
 * before-send after the bound was found not over and before the tool gets the call, which no check of its own can cover.
 * SIGUSR2 arms it; the next effect that comes there stops the process.
 */
import { FREEZE_PATCHES } from "./freeze-patches.ts";
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

patchModules([FREEZE_PATCHES[isBeforeCheck ? "before-check" : "before-send"]]);
