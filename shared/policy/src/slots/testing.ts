/** For tests of slots: doors under caps, and chains that ask one call each. */
import { createScene, POLICY, type Scene } from "../door/testing.ts";
import type { Caps } from "./caps.ts";

export const cap = (concurrency: number | null, calls = 0, perMs = 1000) => ({
  concurrency,
  rate: calls === 0 ? null : { calls, perMs },
});
export const sceneWith = (caps: Caps, partitionCount = 1, partition = 0): Scene =>
  createScene({ ...POLICY, caps }, { partitionCount, partition });

/** One chain for each call, so that no sequence stands between them. */
export function asking(scene: Scene, tool = "db.read") {
  const chains = new Map<string, string>();
  const ask = (name: string, sent = 1): string => {
    const chain = chains.get(name) ?? scene.submit(name);
    chains.set(name, chain);
    const [event] = scene.door.turn(scene.call(chain, sent, tool, { n: sent }, { sequence: sent }));
    if (event?.type === "EffectAdmitted") return "in";
    if (event?.type === "CommandDeferred") return event.code === "BUSBAR_SLOTS_TAKEN" ? "waits" : event.code;
    return event?.type ?? "nothing";
  };
  const end = (name: string, step = 1) =>
    scene.door.turn(scene.outcome(chains.get(name) ?? "", step, { kind: "committed", result: "{}" }));
  return { ask, end, chainOf: (name: string): string => chains.get(name) ?? "" };
}

/** Opens a door that a claim has closed. */
export const open = (scene: Scene): void => {
  const { end: eventsThrough, through: directivesEnd } = scene.door.state;
  scene.door.turn({ kind: "open", opening: { supervisor: "s", heartbeatAtMs: 1, eventsThrough, directivesEnd } });
};
