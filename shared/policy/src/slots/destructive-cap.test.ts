/** The cap of an agent's destructive effects: over all of its chains and tools, and over nothing else. */
import { describe, expect, it } from "vitest";
import { createScene, only, POLICY, type Scene, types } from "../door/testing.ts";
import { capKey, narrowCaps, type Caps } from "./caps.ts";

const PER_MS = 3_600_000;
const caps: Caps = { [capKey.destructive("support")]: { concurrency: null, rate: { calls: 2, perMs: PER_MS } } };
const drop = POLICY.tools["db.drop"];
if (drop === undefined) throw new Error("the policy has no destructive tool");
const scene = (): Scene => createScene({ ...POLICY, tools: { ...POLICY.tools, "db.purge": drop }, caps });

/** One destructive call in a fresh chain, done where it is admitted. */
function once(on: Scene, n: number, tool = "db.drop") {
  const chain = on.submit(`t${n}`);
  const events = on.door.turn(on.call(chain, 1, tool, { table: n }));
  if (types(events).includes("EffectAdmitted")) on.door.turn(on.outcome(chain, 1, { kind: "committed", result: "{}" }));
  return events;
}

describe("destructive effects of one agent", () => {
  it("in fresh chains and by other tools are counted together; the next one waits for its window [blast:across-chains]", () => {
    const on = scene();
    expect(types(once(on, 1))).toEqual(["EffectAdmitted"]);
    expect(types(once(on, 2, "db.purge"))).toEqual(["EffectAdmitted"]);
    const deferred = only(once(on, 3), "CommandDeferred");
    expect(deferred).toMatchObject({ code: "BUSBAR_SLOTS_TAKEN", waitsFor: [capKey.destructive("support")] });
    on.door.atMs += PER_MS + PER_MS / 32;
    expect(types(once(on, 4))).toContain("EffectAdmitted");
  });

  it("are counted, and its writes and reads are not [blast:across-chains]", () => {
    const on = scene();
    once(on, 1);
    once(on, 2);
    const chain = on.submit("others");
    expect(types(on.door.turn(on.call(chain, 1, "db.write", { id: 1 })))).toEqual(["EffectAdmitted"]);
    expect(types(on.door.turn(on.call(chain, 2, "db.read")))).toEqual(["EffectAdmitted"]);
  });

  it("stand in the policy under the agent [blast:across-chains]", () => {
    expect(narrowCaps(caps, 4).map(({ path }) => path)).toEqual(["agents.support.destructive.rate.calls"]);
  });
});
