/** What happens to a tool that asks to be called later (429, 503 with Retry-After). */
export const PACE_PROMISES = {
  "pace:all-wait":
    "what one call is told by a tool or model that asks to be called later holds for the calls of all agents",
  "pace:in-order": "they come one after the other, in the order of their first asking; who was told first goes first",
  "pace:learned":
    "each partition learns the pace that the tool takes: slower once for each round of refusals, a little quicker with each success, and forgotten when it holds nobody up",
  "pace:off": "limits.learnPace: false turns it off: each call goes by its own answer",
} as const;
