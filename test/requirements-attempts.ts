/** Promises about attempts, HTTP tools and models; a part of requirements.ts, which says what they are. */

export const ATTEMPT_PROMISES = {
  attempts: {
    "attempts:throttled-is-no-error":
      "who asks to be called later is called again at that time and not before, as a new attempt, and no rule or breaker counts it",
    "attempts:throttled-takes-no-attempt": "being throttled takes none of a call's attempts",
    "attempts:not-started-again":
      "an attempt that was never started because it came too late is followed by another one, ever later, within the same bounds; it is no error and takes no attempt",
    "attempts:throttled-within-deadline":
      "a call is put off no longer than its chain's deadline and the limit of its policy allow; then it ends as throttled",
    "attempts:delayed-effect-stays-taken": "while an effect waits for its next attempt, a second call of it waits too",
    "attempts:delayed-obeys-halts":
      "a halted chain makes no further attempt until it is resumed; a freeze refuses the attempt when it is due",
    "attempts:delay-survives-takeover": "a new owner waits for the same moment as the former one",
    "attempts:lost-answer-in-doubt":
      "an answer lost after the request had gone out leaves an at-most-once change in doubt, never failed, and is one error; a read has failed",
    "attempts:exact-fired-again":
      "an exact change whose answer was lost is fired again under its key, ever more rarely, and a bounded number of times",
    "attempts:doubt-asks-for-probe":
      "an exact effect in doubt behind an open breaker asks for its probe and is fired again with it",
    "attempts:one-end-per-attempt": "an attempt has one end; what its process tells after that changes nothing",
    "attempts:model-asked-again":
      "a model call without an answer is asked again as a recorded attempt, within its attempts, and the tokens it used are counted",
  },
  http: {
    "http:lost-before-or-after":
      "an HTTP call that fails before its first byte is sent has not started; one whose answer is lost after that is in doubt where it is an at-most-once change",
    "http:status-classified":
      "what a status means depends on what the tool does: 4xx is final, 429 and 503 with a time ask to come later, 5xx puts a change in doubt and lets a read try again",
    "http:server-errors-declared":
      "a 5xx is a failure of a change only where the tool declares that its endpoint did nothing",
    "http:retry-after-read": "Retry-After is read as seconds or as a date, and bounded",
    "http:ends-classified":
      "every way in which a server ends an attempt has one meaning for a read, an at-most-once and an exact change; one attempt is one request",
    "http:url-fixed": "no argument changes host, path shape or query of a call, and none that tries is sent",
    "http:call-mapped": "arguments, the effect's key and secrets go where the declaration says and nowhere else",
    "http:secrets-by-name":
      "a call names its secrets and so declares them; their values come from the gateway's secrets, not from the bare environment, and reach no reason or answer",
    "http:definition-checked": "a declaration that can never work is refused when it is loaded",
    "http:call-in-digest":
      "the call of an HTTP tool is a part of its digest: one that points elsewhere is another tool",
    "http:declared-in-project": "busbar.yaml declares HTTP tools without code",
    "http:redirects-bounded":
      "a redirect of a change is not followed; one of a read within its own origin, three times at most",
    "http:abort-closes": "a time-out ends the attempt wherever it is and closes its socket",
    "http:pool-bounded": "connections to one origin are bounded; a call that waits for one has not started",
    "http:own-connection": "a change that must not be repeated never goes over a connection that was kept open",
    "http:effects-once":
      "over cut connections, lost answers, slow servers and throttling, the tool server's own journal holds each effect once, and the log says what it knew",
  },
  models: {
    "models:history-by-digest":
      "a model call writes its new messages and refers to the earlier ones by one digest; model and readers get all of them",
    "models:history-missing": "messages that are referred to and not there are a refusal or a failure, never left out",
    "models:conversation-linear": "the records of a conversation grow with its messages, not with their square",
    "models:broken-tool-call-is-an-answer":
      "a tool call that a model wrote wrongly is kept as it was written, told to the agent and counted as one error; it ends nothing by itself",
    "models:tools-from-manifests": "a model is offered tools of the bus by name; the gateway fills in their manifests",
    "models:environment-suffices":
      "OPENAI_BASE_URL and OPENAI_API_KEY in the gateway's environment are all that a declared model needs",
    "models:declared-in-project": "busbar.yaml declares models without code",
    "models:stream-gathered":
      "a streamed answer becomes one answer, however it is cut into pieces; names of tools go out as endpoints allow them and come back",
    "models:finish-reason-told": "an answer that was cut off for its length or its content is an answer that says so",
    "models:tokens-estimated":
      "tokens that the endpoint does not tell, also those of an attempt that broke off, are estimated and counted",
    "models:ends-classified":
      "every way in which an endpoint ends an attempt is asked again, throttled or final, and one attempt is one request",
    "models:answer-bounded": "an answer without end is stopped at a bound",
    "models:first-token-bound": "the time to the first token has a bound of its own",
    "models:request-bounded":
      "which model is asked, how many answers it gives and in which form is not the agent's to say",
    "models:refusals-reach-the-model": "what the door refuses and what fails is told to the model, which may go on",
    "models:timeout-of-definition":
      "a model call has the time-out of its model's definition, unless busbar.yaml gives another",
  },
} as const;
