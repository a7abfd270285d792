import { busbarError } from "@busbar/kernel";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it } from "vitest";
import { type Lifecycle, Loop, type LoopWork, type TurnResult } from "./loop.ts";
import { SYSTEM_TIMERS } from "./ports.ts";

/** Work that is scripted: what each load and turn does. Everything that happens is in `seen`. */
function harness(
  script: {
    readonly loads?: readonly (Error | "ok")[];
    readonly turns?: readonly (TurnResult | Error)[];
    readonly mayLoad?: () => boolean;
  } = {},
) {
  const loads = [...(script.loads ?? [])];
  const turns = [...(script.turns ?? [])];
  const seen: string[] = [];
  const states: Lifecycle[] = [];
  let waiting = turns.length;
  let running = 0;
  const alone = async (name: string, work: () => void): Promise<void> => {
    running += 1;
    if (running > 1) seen.push(`${name} runs beside another`);
    seen.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    work();
  };
  const work: LoopWork = {
    name: "p",
    load: () =>
      alone("load", () => {
        const next = loads.shift() ?? "ok";
        if (next !== "ok") throw next;
      }),
    turn: async () => {
      let result: TurnResult | Error = "done";
      await alone("turn", () => {
        waiting -= 1;
        result = turns.shift() ?? "done";
      });
      if ((result as unknown) instanceof Error) throw result as unknown as Error;
      return result;
    },
    hasWork: () => waiting > 0,
    mayLoad: script.mayLoad ?? (() => true),
    unload: () => alone("unload", () => undefined),
  };
  const loop = new Loop(work, {
    logger: SILENT_LOGGER,
    reloadWaitMs: [0, 1],
    timers: SYSTEM_TIMERS,
    random: () => 0,
    onState: (state) => states.push(state),
  });
  const more = (count: number): void => {
    waiting += count;
    loop.poke();
  };
  return { loop, seen, states, more };
}

async function until(holds: () => boolean): Promise<void> {
  for (let look = 0; look < 400 && !holds(); look += 1) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(holds()).toBe(true);
}

/** From which states each state is entered, as the loop goes through them. A literal. */
const ENTERED_FROM: Readonly<Record<Lifecycle, readonly string[]>> = {
  initial: [],
  loading: ["active", "initial"],
  active: ["loading"],
  failed: ["loading"],
  closed: ["active", "failed", "initial", "loading"],
};

describe("the life of a partition's loop", () => {
  it("each state is entered only from the states that the table names [ownership:loaded-after-own-claim]", async () => {
    const entered = new Map<string, Set<string>>();
    const note = (states: readonly Lifecycle[]): void => {
      for (const [index, state] of states.entries()) {
        const from = states[index - 1] ?? "initial";
        entered.set(state, new Set([...(entered.get(state) ?? []), from]));
      }
    };
    const fatal = busbarError("BUSBAR_LOG_TRUNCATED", {});
    const runs = [
      harness(),
      harness({ turns: ["lost"] }),
      harness({ loads: [fatal] }),
      harness({ turns: ["lost"], loads: ["ok", fatal] }),
    ];
    for (const run of runs) {
      run.loop.start();
      await until(
        () =>
          (run.states.at(-1) === "active" && run.seen.length > 0 && !run.loop.isTurning()) ||
          run.states.at(-1) === "failed",
      );
      await run.loop.stop();
      note(run.states);
    }
    const never = harness();
    await never.loop.stop();
    note(never.states);
    const unassigned = harness({ mayLoad: () => false });
    unassigned.loop.start();
    await unassigned.loop.stop();
    note(unassigned.states);
    const found = Object.fromEntries(
      Object.keys(ENTERED_FROM).map((state) => [state, [...(entered.get(state) ?? [])].toSorted()]),
    );
    expect(found).toEqual(ENTERED_FROM);
  });

  it("loads, then takes turns while there is work, and none of them beside another [ownership:handler-only-enqueues]", async () => {
    const { loop, seen, more } = harness({ turns: ["done", "done"] });
    loop.start();
    loop.poke();
    await until(() => seen.length === 3);
    more(1);
    more(1);
    await until(() => seen.length === 5);
    expect(seen).toEqual(["load", "turn", "turn", "turn", "turn"]);
    await loop.stop();
  });

  it("a turn that says lost drops the memory: the next thing is a load [door:unknown-drops-queue]", async () => {
    const { loop, seen, states } = harness({ turns: ["lost", "done"] });
    loop.start();
    await until(() => seen.length === 4);
    expect(seen).toEqual(["load", "turn", "load", "turn"]);
    await loop.stop();
    expect(states).toEqual(["loading", "active", "loading", "active", "closed"]);
  });

  it("a turn that throws counts as lost: memory may be ahead of the log [door:unknown-drops-queue]", async () => {
    const { loop, seen } = harness({ turns: [new Error("bug"), "done"] });
    loop.start();
    await until(() => seen.length === 4);
    expect(seen).toEqual(["load", "turn", "load", "turn"]);
    await loop.stop();
  });

  it("evidence from outside drops the memory as well, without work [ownership:superseded-stops]", async () => {
    const { loop, seen } = harness();
    loop.start();
    await until(() => loop.state() === "active" && !loop.isTurning());
    loop.lose("a higher claim");
    loop.lose("a higher claim");
    await until(() => seen.length === 2 && loop.state() === "active");
    expect(seen).toEqual(["load", "load"]);
    await loop.stop();
  });

  it("what is known to be superseded takes no turn, so it fires nothing, even with work waiting [effects:fire-step-sees-epoch]", async () => {
    const { loop, seen, more } = harness();
    loop.start();
    await until(() => loop.state() === "active" && !loop.isTurning());
    loop.lose("a higher claim");
    more(1);
    await until(() => seen.length === 3);
    expect(seen).toEqual(["load", "load", "turn"]);
    await loop.stop();
  });

  it("a load that fails is tried again; a fatal one shuts the partition until a person acts [log:truncated-fails-closed]", async () => {
    const again = harness({ loads: [new Error("busy"), busbarError("BUSBAR_LOG_UNAVAILABLE", {}), "ok"] });
    again.loop.start();
    await until(() => again.loop.state() === "active");
    expect(again.seen).toEqual(["load", "load", "load"]);
    const shut = harness({ loads: [busbarError("BUSBAR_LOG_GAP", {})], turns: ["done"] });
    shut.loop.start();
    await until(() => shut.loop.state() === "failed");
    shut.more(1);
    shut.loop.lose("again");
    expect(shut.seen).toEqual(["load"]);
    await Promise.all([again.loop.stop(), shut.loop.stop()]);
    expect(shut.states.at(-1)).toBe("closed");
  });

  it("a turn that can only fail again shuts the partition, and says why, instead of going round for ever [append:size-checked-first]", async () => {
    const refused = busbarError("BUSBAR_APPEND_REFUSED", { what: "a test" });
    const { loop, seen, states } = harness({ turns: [refused, "done"] });
    loop.start();
    await until(() => loop.state() === "failed");
    expect(seen).toEqual(["load", "turn"]);
    expect(loop.failure()?.code).toBe("BUSBAR_APPEND_REFUSED");
    loop.poke();
    await loop.stop();
    expect(states.slice(-2)).toEqual(["failed", "closed"]);
  });

  it("is shut by other evidence too: no turn begins after it, not even one that waits [log:gap-fails-closed]", async () => {
    const { loop, seen, more } = harness();
    loop.start();
    await until(() => loop.state() === "active" && !loop.isTurning());
    loop.fail(busbarError("BUSBAR_INPUT_GAP", { topic: "t" }));
    more(1);
    await until(() => loop.state() === "failed");
    loop.lose("and again");
    loop.fail(busbarError("BUSBAR_LOG_GAP", {}));
    expect([seen, loop.failure()?.code]).toEqual([["load"], "BUSBAR_INPUT_GAP"]);
    await loop.stop();
  });

  it("loads only when it may [ownership:release-then-claim]", async () => {
    let mine = false;
    const { loop, seen } = harness({ mayLoad: () => mine });
    loop.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    mine = true;
    await until(() => seen.length === 1);
    await loop.stop();
  });

  it("stops after the turn at hand, unloads once, and starts nothing more", async () => {
    const { loop, seen, more } = harness({ turns: ["done", "done", "done"] });
    loop.start();
    await until(() => seen.includes("turn"));
    await loop.stop();
    await loop.stop();
    const after = [...seen];
    more(5);
    loop.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(after);
    expect(seen.filter((one) => one === "unload")).toEqual(["unload"]);
    expect(seen.at(-1)).toBe("unload");
  });
});
