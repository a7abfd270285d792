/** How a run of a chain ends, and what is told of it. */
import { isBusbarError, reasonOf } from "@busbar/kernel";
import { HaltedError, isCallError, StoppedError } from "./errors.ts";

/** How a run ended. Only `completed` and `failed` close the task. */
export type RunEnd =
  | { readonly kind: "completed"; readonly output: string }
  | { readonly kind: "failed"; readonly code: string; readonly reason: string }
  | { readonly kind: "diverged"; readonly step: number; readonly expected: string; readonly actual: string }
  | { readonly kind: "halted"; readonly reason: string }
  | { readonly kind: "stopped"; readonly reason: string };

/** What a call after the end is rejected with. */
export function errorOfEnd(end: RunEnd): Error {
  if (end.kind === "halted") return new HaltedError({ code: "BUSBAR_HALT_ACTIVE", reason: end.reason });
  return new StoppedError(end.kind === "stopped" ? end.reason : `the run has ended: ${end.kind}`);
}

/** Code and reason of what a handler threw. */
export function failureOf(thrown: unknown): { readonly code: string; readonly reason: string } {
  const code = isCallError(thrown) || isBusbarError(thrown) ? thrown.code : "BUSBAR_HANDLER_FAILED";
  return { code, reason: isCallError(thrown) ? thrown.reason : reasonOf(thrown) };
}
