/** Promises of playing recorded runs under a policy, and of judging guards on them. */
export const PLAY_PROMISES = {
  "play:policy": "recorded runs are played under the tools, rules and checks of a busbar.yaml",
  "play:person": "what the person says in a recording is the result of the policy's person tool, and no recorded call",
  "play:approved": "a call that is put to a person is approved, so that the recording goes on, and is told",
} as const;

export const EVALUATION_PROMISES = {
  "evaluation:labels-unseen": "runs without their labels and ground truth get the same decisions",
  "evaluation:figures": "npm run eval plays the data and writes its figures beside the three baselines",
  "evaluation:concurrent":
    "of chains that run at once on one database no change from a stale or torn view lands; without the guard many do",
} as const;
