/** What results are worth: claims, checks, labels of untrusted text, reconciliation. */
export const EVIDENCE_PROMISES = {
  "evidence:claims":
    "what a result says of subjects, as its tool declares it, stands on the record of its outcome, also where the result stands aside",
  "evidence:claims-kept": "a chain knows the latest claim of each subject; what it keeps of claims is bounded",
  "evidence:said": "a chain knows what its person has said: a root task's text and the results of tools of the person",
  "evidence:counted": "a chain knows how often each tool was done; what is told again counts once",
  "evidence:declared": "what a row declares of results is checked when it is read, with the place of each fault",
} as const;
