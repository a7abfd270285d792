/**
 * What a call of an agent can end with other than a result. Each is a class of its own with a `kind`, so that a
 * handler that forgets to look gets an exception: a refusal can never be read as a success.
 *
 * They are answers of the log, not faults of the program: replaying the chain throws the same ones again.
 */
import type { Json } from "@busbar/kernel";

const BRAND = Symbol.for("dev.busbar.call-error");

export type CallErrorKind = "refused" | "halted" | "failed" | "in-doubt" | "stopped";

/** What is common to all: a code of the error table (or the tool's own), the reason, and the call. */
export interface CallErrorDetail {
  readonly code: string;
  readonly reason: string;
  /** `chain:step` of the call; empty where the whole run is meant. */
  readonly callId?: string;
  /** The rule that spoke, empty where none did. */
  readonly rule?: string;
  /** Of a stale change (BUSBAR_STALE): `{subject, read: {version, offset}, now}`, what was read and what is there. */
  readonly freshness?: Json;
}

export class CallError extends Error {
  readonly kind: CallErrorKind;
  readonly code: string;
  readonly reason: string;
  readonly callId: string;
  readonly rule: string;
  /** Of a stale change: what was read and what is there now; else null. */
  readonly freshness: Json;
  readonly [BRAND] = true;

  constructor(kind: CallErrorKind, name: string, detail: CallErrorDetail) {
    super(`${detail.code}: ${detail.reason}`);
    this.name = name;
    this.kind = kind;
    this.code = detail.code;
    this.reason = detail.reason;
    this.callId = detail.callId ?? "";
    this.rule = detail.rule ?? "";
    this.freshness = detail.freshness ?? null;
  }
}

/** The door said no, before anything happened. Asking again with the same arguments is allowed and counted. */
export class RefusedError extends CallError {
  constructor(detail: CallErrorDetail) {
    super("refused", "RefusedError", detail);
  }
}

/** A halt covers this chain. The run is over; what the handler does after it reaches nobody. */
export class HaltedError extends CallError {
  constructor(detail: CallErrorDetail) {
    super("halted", "HaltedError", detail);
  }
}

/** The tool, model or sub-task answered that it failed, or answered what its schema does not allow. */
export class ToolFailedError extends CallError {
  /** True where the effect did happen and only its result is unusable: never call it again for that. */
  readonly happened: boolean;

  constructor(detail: CallErrorDetail & { readonly happened?: boolean }) {
    super("failed", "ToolFailedError", detail);
    this.happened = detail.happened ?? false;
  }
}

/** Nobody could establish whether the effect happened. Never call it again on your own. */
export class InDoubtError extends CallError {
  constructor(detail: CallErrorDetail) {
    super("in-doubt", "InDoubtError", detail);
  }
}

/** This process no longer runs the chain (another one does, or it is shutting down). Never catch it to go on. */
export class StoppedError extends CallError {
  constructor(reason: string) {
    super("stopped", "StoppedError", { code: "BUSBAR_INCARNATION_OLD", reason });
  }
}

/** True for every error class of this file, across copies of the package. */
export function isCallError(value: unknown): value is CallError {
  return typeof value === "object" && value !== null && BRAND in value;
}
