/** What the checker reports: one broken promise each. */
import type { Position } from "./log-facts.ts";

const FINDING_KINDS = [
  "no-acknowledgement",
  "admitted-after-acknowledgement",
  "effect-after-acknowledgement",
  "admitted-in-halted-chain",
  "effect-twice",
  "effect-lost",
  "effect-without-admission",
  "row-changed-outside-effect",
  "unreadable-record",
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** Empty where the finding is not about one effect. */
  readonly effectKey: string;
  readonly detail: string;
  /** `partition/offset` of the record that shows it; empty where the database alone does. */
  readonly evidence: string;
}

export function finding(
  kind: FindingKind,
  effectKey: string,
  detail: string,
  position?: Pick<Position, "partition" | "offset">,
): Finding {
  const evidence = position === undefined ? "" : `${position.partition}/${position.offset}`;
  return { kind, effectKey, detail, evidence };
}
