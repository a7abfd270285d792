/** Several verdicts on one call (docs/guides/guards/multi-path.md). */
export const QUORUM_PROMISES = {
  "quorum:k-of-n": "a high-stakes call begins only when k of its n judges agree, each by its first word, on record",
  "quorum:high-stakes": "what is high-stakes is what the policy names: effect classes, tools, amounts; never a read",
  "quorum:otherwise": "where too few judges agree a person is asked or the call is refused, as the policy says",
  "quorum:independent":
    "judges that share a model or endpoint, with each other or with an agent, are a fault of the policy",
  "quorum:silence-is-no": "a judge that says nothing, is late or cannot be read has not agreed",
  "quorum:blind": "a judge sees the call, the task and what the chain knows, and no other verdict",
} as const;
