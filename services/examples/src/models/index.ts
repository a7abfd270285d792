/** The model module named in busbar.yaml: its `models` is what a gateway loads. */
import adversaryRecording from "./recordings/adversary.json" with { type: "json" };
import loopRecording from "./recordings/adversary-loop.json" with { type: "json" };
import { recordedModel } from "./recorded-model.ts";

/** Plans to delete and drop, whatever it is told, and ends with a claim that is not true. */
export const adversary = recordedModel("adversary", adversaryRecording);
/** Asks for four more notes each turn and never ends. */
export const adversaryLoop = recordedModel("adversary-loop", loopRecording);

export const models = [adversary, adversaryLoop] as const;
