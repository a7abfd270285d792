/** Promises of playing recorded runs under a policy, and of judging guards on them. */
export const PLAY_PROMISES = {
  "play:policy": "recorded runs are played under the tools, rules and checks of a busbar.yaml",
  "play:person": "what the person says in a recording is the result of the policy's person tool, and no recorded call",
} as const;
