/** Bulkheads and rates (PROTOCOL 5.2, 7.3). */
export const CAP_PROMISES = {
  "caps:bulkhead":
    "an admission of a capped tool, model or agent is appended only when its slot is free, else the call is deferred, which is no error",
  "caps:rate":
    "no window sees more calls begin than its rate says; a call counts from the last moment at which it can have begun",
  "caps:attempts-take-slots": "each further attempt of a call is an admission that needs a slot of its own",
  "caps:doubt-holds":
    "a call in doubt holds its slot while it may be under way, and no longer; a capped read is not asked again beside its former self",
  "caps:shares-add-up": "the static shares of a cap add up to it over all partitions",
  "caps:named-partitions":
    "a cap below the number of partitions lives on named ones; elsewhere its calls are deferred with what to type, until the deadline, and the author of the policy is told",
  "caps:totals-are-hard":
    "the calls under way and those begun in a window, over all partitions and by the tool's own journal, never exceed the cap",
  "caps:order":
    "calls that wait for a slot are served in the order of the first asking; further attempts of calls that were served go first",
  "caps:pauses-fit":
    "a deferred call is told to ask again when its turn should come, by how fast calls end and when the window has room",
  "caps:policy-changes": "a policy that comes into force counts the calls that are out, and keeps what was counted",
  "caps:bounded": "what a partition remembers of its caps is bounded",
  "caps:shown": "caps, what is taken of them and where calls wait are shown in /doors, status and trace",
  "caps:deferral-is-quiet": "while a deferred command waits for its time, its sender sends nothing after it",
} as const;
