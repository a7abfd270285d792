/** The verification gate (docs/guides/guards/verification-gate.md). */
export const GATE_PROMISES = {
  "gate:counts": "calls and evidence since the last gate are exactly those of the chain's records, on any history",
  "gate:passes": "a due gate is passed by evidence of the world, which its record names",
  "gate:fails": "a change without evidence at a due gate degrades its chain; a resume begins anew",
  "gate:reads-go-on": "a due gate stops no read, and the read is the verification",
  "gate:agents-word": "what an agent says of itself is no evidence",
  "gate:stale-evidence": "an attempted change makes earlier evidence stale, also one that failed",
  "gate:waits": "a change waits for the outcome of what is under way when its gate is due, which is no error",
} as const;
