/** What people decide: approvals (PROTOCOL 4.2, 5.5). */
export const PEOPLE_PROMISES = {
  "approvals:waits":
    "a call that a person has to approve waits, with its exact arguments on the log; nothing of it runs, other calls go on",
  "approvals:knobs": "the policy names tools and effect classes whose calls are approved, and how long they wait",
  "approvals:last": "no person is asked about what is refused anyhow",
  "approvals:asked-once": "a call that waits takes its effect: the same one, asked for again, waits with it",
  "approvals:bound":
    "an approval is of one request and the digest of its arguments; the admission is of these and names the approval",
  "approvals:single-use": "an approval admits one call, once",
  "approvals:signed": "only a person's signed order on the control topic approves or denies",
  "approvals:lifts-only-the-hold": "what is approved is asked about everything else again when it is admitted",
  "approvals:waits-for-the-door": "what is approved and cannot begin now is tried until its time is over",
  "approvals:expires": "a call that nobody decided about is denied at its time, by a record of the owner's timer",
  "approvals:deadline": "a call that waits ends with its chain's deadline",
  "approvals:no-error": "a call that waits is no error for any rule; a denial is one",
  "approvals:survives": "what waits outlives agent, gateway and owner: it is state of the partition",
  "approvals:webhook":
    "people are told beside the bus: bounded, tried again, without arguments, and nothing waits for it",
  "approvals:shown":
    "approvals ls and show name arguments, what is in doubt, rule, evidence, deadline and digest; grant and deny name what they bind to",
  "approvals:agreement": "an admission of a held call without its approval is reported as a defect of the door",
} as const;
