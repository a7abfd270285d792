/** What results are worth: claims, checks, labels of untrusted text, reconciliation. */
export const EVIDENCE_PROMISES = {
  "evidence:claims":
    "what a result says of subjects, as its tool declares it, stands on the record of its outcome, also where the result stands aside",
  "evidence:claims-kept": "a chain knows the latest claim of each subject; what it keeps of claims is bounded",
  "evidence:said": "a chain knows what its person has said: a root task's text and the results of tools of the person",
  "evidence:counted": "a chain knows how often each tool was done; what is told again counts once",
  "evidence:declared": "what a row declares of results is checked when it is read, with the place of each fault",
  "evidence:checks":
    "a call whose arguments do not hold a check of its tool is refused, put to a person, or refused with its chain left to reads, as the check says",
  "evidence:checks-cel":
    "checks are CEL over arguments, result, task, claims, what was said, what was done and the time; what cannot be evaluated is not held",
  "evidence:checks-faults": "a broken expression is told with its line and column, and the names that there are",
  "evidence:shadow":
    "a check or the rule of untrusted text in shadow mode records what it would have done, and does nothing else",
  "evidence:results":
    "a result that a check does not hold is invalid: a change is not made again; a model's answer is asked for again",
  "evidence:plausible": "a result may be bounded in range and in its distance from the last claim of its subject",
  "evidence:answers":
    "an answer that a check does not hold completes no task: it is one error, and the task fails with the reason or is left to a person",
  "evidence:bounded": "what a check may take is bounded before it is evaluated, by the size of what it names",
  "evidence:deterministic": "checks decide by what they are given and by nothing else",
  "evidence:untrusted":
    "an argument derives from untrusted text where it occurs in one and in nothing that the person, the task or a trusted claim said",
  "evidence:untrusted-spelling":
    "another spelling is the same text: case, accents, gaps, punctuation, widths, invisible characters, forms of numbers, pieces",
  "evidence:untrusted-held":
    "an outbound, destructive or sensitive call with an argument that derives from untrusted text waits for a person",
  "evidence:untrusted-carried":
    "the label of untrusted text goes through models' answers, into sub-tasks and back with their answers",
  "evidence:untrusted-bounded":
    "what is kept of untrusted text is bounded; what has fallen out, or is too long to be looked at, counts as derived",
  "evidence:reconciled":
    "a read's claim about a subject with a declared authority is compared with what the authority says, and resolved by authority, freshness or quorum as declared",
  "evidence:disputed-told":
    "an agent whose result was contradicted is told who says what instead of the result; what cannot be resolved leaves its chain to a person",
  "evidence:cites": "each answer on the log cites the claims that stand in it",
  "evidence:answers-grounded":
    "an answer that tells what lost, what is over, or nothing of what it had to rest on is not emitted",
} as const;
