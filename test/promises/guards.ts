/** The guards as a whole: the registry, its scenarios and pages (docs/guides/guards). */
export const GUARD_PROMISES = {
  "guards:scenarios-won":
    "each guard has scenarios in which the harm is stopped with it and is there without it, by the world's own journal",
  "guards:scenarios-on-broker": "the scenarios are won on a real broker as well",
  "guards:registry-whole":
    "each guard of the registry has knobs, acts, a scenario and a guide, and each scenario and guide has its guard",
  "guards:guide-is-real": "the guide of a guard shows what `busbar guards test` prints for it, and fits on one screen",
  "guards:listed": "busbar guards lists state under the policy in force and the acts that the log shows",
  "guards:test-command": "busbar guards test says both runs in plain words and ends with 1 where one is not won",
  "guards:counted": "the gateway counts the acts of each guard under one metric",
} as const;
