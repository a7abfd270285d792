/** What comes to the owner of a partition; each input is decided in a turn and yields at least one event, or none
 * where it changes nothing. */
import type {
  AppliedDirective,
  BusCommand,
  ClaimCheck,
  Reconciliation,
  SubjectClaim,
  ToolCallProblem,
  ToolDigest,
} from "@busbar/events";
import type { ErrorCode } from "@busbar/kernel";
import type { Shadow } from "../checks.ts";

/** Content put aside in the blobs topic of the same partition. */
export type ClaimCheckRef = Omit<ClaimCheck, "field">;

/** What a tool or model call came to, as the process that ran it saw it. */
export type CallOutcome = {
  readonly chainId: string;
  readonly callId: string;
  /** Offset of the admission that it belongs to. */
  readonly admitted: string;
  readonly durationMs: number;
  /** Where the result or response is, when it is too large for the record; its text is empty then. */
  readonly claimCheck?: ClaimCheckRef | null;
} &
  /** `readBack`: the look that is due now (read-back.ts), canonical JSON; absent or empty: none. */
  (
    | {
        readonly kind: "committed";
        readonly result: string;
        readonly readBack?: string;
        readonly version?: string;
        /** What the result says of subjects; absent: nothing. */
        readonly claims?: readonly SubjectClaim[];
        /** What became of claims about subjects with an authority; absent: there are none. */
        readonly reconciled?: readonly Reconciliation[];
        /** What checks of the result in shadow mode would have done; absent: nothing. */
        readonly shadows?: readonly Shadow[];
      }
    /** Another version is there than the change expects: nothing was done. `now`: what is there, canonical JSON. */
    | { readonly kind: "stale"; readonly now: string; readonly reason: string }
    /** The tool answered, but not what its result schema allows: it happened. */
    | { readonly kind: "invalid"; readonly result: string; readonly reason: string }
    | { readonly kind: "failed"; readonly code: ErrorCode; readonly reason: string; readonly beforeEffect: boolean }
    | { readonly kind: "timeout"; readonly reason: string }
    /** The answer was lost after the request had gone out: it may have happened. */
    | { readonly kind: "unknown"; readonly reason: string }
    /** Nothing happened; the tool asks to be called later. */
    | { readonly kind: "throttled"; readonly reason: string; readonly retryAfterMs: number }
    /** Never started. `again`: nothing stands against another attempt but that this one came too late. */
    | { readonly kind: "abandoned"; readonly reason: string; readonly again?: boolean }
    | {
        readonly kind: "model-completed";
        readonly response: string;
        readonly inputTokens: number;
        readonly outputTokens: number;
        readonly estimated: boolean;
        readonly finishReason: string;
        readonly problems: readonly ToolCallProblem[];
      }
    | {
        readonly kind: "model-failed";
        readonly code: ErrorCode;
        readonly reason: string;
        /** Another attempt may bring an answer. */
        readonly retryable: boolean;
        readonly inputTokens: number;
        readonly outputTokens: number;
      }
    | { readonly kind: "model-throttled"; readonly reason: string; readonly retryAfterMs: number }
    | {
        readonly kind: "checked";
        readonly fact: string;
        readonly source: string;
        readonly agrees: boolean;
        readonly evidence: readonly string[];
      }
    /** A void record of a former owner that tells what came of its call (PROTOCOL 2.5): evidence, never state. */
    | {
        readonly kind: "evidence";
        readonly happened: boolean;
        readonly result: string;
        readonly evidenceOffset: string;
      }
    /** What a judge said of a call that is not admitted yet; `admitted` is where it was asked. */
    | { readonly kind: "verdict"; readonly judge: string; readonly agrees: boolean; readonly reason: string }
    /** What a look at the world came to; `failed`: nobody could look. `result`: what was seen, "" for nothing. */
    | {
        readonly kind: "read-back";
        readonly shown: boolean;
        readonly failed: boolean;
        readonly result: string;
        readonly reason: string;
      }
  );

export interface DoorOpening {
  readonly supervisor: string;
  readonly heartbeatAtMs: number;
  readonly eventsThrough: string;
  readonly directivesEnd: string;
  /** What this process has loaded, which need not be what the policy in force is about; absent: it does not say. */
  readonly tools?: readonly ToolDigest[];
}

export type Input =
  | {
      readonly kind: "command";
      readonly source: "commands" | "control";
      readonly topic: string;
      readonly offset: bigint;
      readonly command: BusCommand;
      readonly principal: string;
      /** Why the sender is not who it says, or null. */
      readonly authProblem: string | null;
      /** Why the content that it refers to is not there; absent or null: it is, and stands in its field. */
      readonly contentProblem?: string | null;
    }
  | {
      readonly kind: "undecodable";
      readonly source: "commands" | "control";
      readonly topic: string;
      readonly offset: bigint;
      readonly code: ErrorCode;
      readonly reason: string;
    }
  | {
      readonly kind: "gap";
      readonly source: "commands" | "control";
      readonly topic: string;
      readonly expected: bigint;
      readonly found: bigint;
    }
  | {
      readonly kind: "directives";
      readonly applied: readonly AppliedDirective[];
      readonly through: string;
      /** An acknowledgement whose names fill more than one append, and how far it has come. */
      readonly acknowledging?: Acknowledging;
    }
  | { readonly kind: "outcome"; readonly outcome: CallOutcome }
  | { readonly kind: "open"; readonly opening: DoorOpening }
  | { readonly kind: "degrade"; readonly reason: string }
  | { readonly kind: "reassign"; readonly chainId: string; readonly reason: string }
  /** Effects that a former owner admitted and that this process does not run. */
  | { readonly kind: "inherit"; readonly calls: readonly InheritedCall[] }
  | { readonly kind: "tick" }
  | { readonly kind: "release"; readonly owner: string; readonly reason: string };

export interface InheritedCall {
  readonly chainId: string;
  readonly callId: string;
}

/** A halt that takes effect when all that is in flight has been named (PROTOCOL 6.2). */
export interface Acknowledging {
  readonly chunk: readonly AppliedDirective[];
  /** Position that is reached when the chunk is applied. */
  readonly reached: string;
  readonly abandoned: readonly string[];
  /** Calls in flight that are named already, in the order of the state. */
  readonly named: number;
}
