/** What people decide: approvals, hand-offs, and what leads to them (PROTOCOL 4.2, 5.5). */
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

export const DEGRADATION_PROMISES = {
  "degradation:rung-by-rung":
    "each sign of doubt narrows a chain by one rung of the policy's list: reads only, each effect approved, halted, handed off",
  "degradation:signs": "signs are the agent's own low confidence, refuted statements and repeated refusals",
  "degradation:no-way-around": "a chain whose each effect is approved hands nothing on to other agents",
  "degradation:agreement": "a rung that is left out, or that no sign asked for, is reported as a defect of the door",
  "degradation:left-by-person": "a rung is left by a person's resume alone",
  "degradation:hand-off-on-halt": "where the policy says so, whatever a rule halts is handed to a person",
} as const;

export const HANDOFF_PROMISES = {
  "handoffs:answered":
    "a hand-off names all that led to it; its answer is a record of the chain, and reaches a handler started anew meanwhile",
  "handoffs:taken": "a hand-off that somebody has taken is answered by nobody else",
  "handoffs:signed": "only a person's signed word takes or answers a hand-off, and it names which one",
  "handoffs:no-error": "a hand-off is no error, and keeps no task from ending",
} as const;

export const ROLLBACK_PROMISES = {
  "rollback:plan":
    "the plan of a rollback undoes the latest effect first, from what tools declare, arguments and results; what cannot be undone is named",
  "rollback:undoes":
    "each undo is an effect by the door, one at a time, under a key of its own, read back where declared, recorded with what it undoes",
  "rollback:halted-chain":
    "a halted chain, and one of a halted agent, is rolled back by a person's signed plan; it stays halted",
  "rollback:once": "a rollback that is told twice is one",
  "rollback:stops":
    "the first undo that cannot be done ends the rollback and names what is left; the next one does only that",
  "rollback:signed":
    "only the plan that a person has signed is carried out, of declared undos and their exact arguments",
  "rollback:other-guards": "halts of everything or of the tool, freezes, breakers and caps stand against undos",
  "rollback:by-policy":
    "with rollbackOnHalt what a rule halts is rolled back without a person, but for undos that are to be approved",
} as const;
