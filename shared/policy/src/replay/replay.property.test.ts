/**
 * The key test: whatever agents, tools, people, clocks and owners do, the state after live decisions is the state that
 * anybody folds from the records, and going on from JSON at any prefix changes nothing.
 */
import type { BusEvent, MessageOf } from "@busbar/events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Input } from "../door/inputs.ts";
import { canChain } from "../machines/chain.ts";
import { initialPartitionState, type PartitionState } from "../partition-state.ts";
import { disagreement } from "../breaker/signals.ts";
import { type LoggedEvent, replay } from "./replay.ts";
import { Driver, type Step, steps, upgrades } from "./testing.ts";

interface Ran {
  readonly log: readonly LoggedEvent[];
  readonly live: PartitionState;
  /** State after each record, as JSON: what a checkpoint there would hold. */
  readonly prefixes: readonly string[];
  /** Version that each command said, by the command's position. */
  readonly spoken: ReadonlyMap<string, string>;
}

function play(all: readonly Step[], restoreEach: boolean): Ran {
  const driver = new Driver();
  const { door } = driver.scene;
  let waiting: Input[] = [];
  const flush = (): void => {
    door.turn(...waiting);
    waiting = [];
    if (restoreEach) door.restore();
  };
  for (const one of all) {
    if (one.kind === "submit" || one.kind === "takeover" || one.gapMs > 0) flush();
    door.atMs += one.gapMs;
    if (one.kind === "submit") driver.submit(one);
    else if (one.kind === "takeover") driver.takeover();
    else {
      const input = driver.inputOf(one);
      if (input !== null) waiting.push(input);
    }
    if (one.flush) flush();
  }
  flush();
  const folded = initialPartitionState(0);
  const prefixes = door.log.map((logged) => {
    replay(folded, logged);
    return JSON.stringify(folded);
  });
  return { log: door.log, live: door.state, prefixes, spoken: driver.spoken };
}

const rest = (from: PartitionState, log: readonly LoggedEvent[]): PartitionState => {
  for (const logged of log) replay(from, logged);
  return from;
};

describe("replay, after any run", () => {
  it("folding the records gives the state of the live decisions [halt:door-is-a-function]", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { log, live } = play(all, false);
        expect(rest(initialPartitionState(0), log)).toEqual(live);
      }),
      { numRuns: 200 },
    );
  });

  it("restoring from JSON at each prefix and going on gives the same state [ownership:restore-equals-replay]", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { log, live, prefixes } = play(all, false);
        for (const [index, text] of prefixes.entries()) {
          if (index % 7 !== all.length % 7) continue;
          expect(rest(JSON.parse(text) as PartitionState, log.slice(index + 1))).toEqual(live);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("the accepted commands of a pinned chain come from one version [deploy:version-pinned]", () => {
    const order = (variant: number, chain: number): Step => {
      return { kind: "deploy", variant, chain, step: 1, tool: "", id: 0, gapMs: 0, flush: true };
    };
    const twoVersions = [order(0, 0), order(2, 0), order(0, 1)];
    fc.assert(
      fc.property(upgrades, (all) => {
        const { log, spoken } = play([...twoVersions, ...all], false);
        const found = new Map<string, Set<string>>();
        for (const { event } of log) {
          const { chainId, commandSeq, codeVersion, causationId } = event.meta;
          const version = spoken.get(causationId);
          if (commandSeq === 0 || codeVersion === "" || version === undefined) continue;
          found.set(chainId, (found.get(chainId) ?? new Set()).add(version));
        }
        for (const [chainId, versions] of found) expect([chainId, ...versions]).toHaveLength(2);
      }),
      { numRuns: 300 },
    );
  });

  it("decisions from a restored state are the same decisions [rules:deterministic]", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const straight = play(all, false);
        const restored = play(all, true);
        expect(restored.log).toEqual(straight.log);
      }),
      { numRuns: 60 },
    );
  });

  it("the log keeps its promises: sequences without a hole, time forward, legal events, agreement, no held call without its yes [approvals:bound] [rules:machines-decide] [placement:sequence-counts-valid]", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const observer = new Observer();
        for (const logged of play(all, false).log) observer.see(logged);
      }),
      { numRuns: 150 },
    );
  });

  it("an event of an unknown type moves positions only [rules:unknown-event]", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { live } = play(all, false);
        const before = structuredClone(live);
        const chain = Object.keys(live.chains)[0] ?? "";
        const meta = {
          chainId: chain,
          atMs: live.atMs,
          streamSeq: 1,
          commandSeq: 0,
          progress: null,
          eventId: `busbar.events/0/${live.end}`,
        };
        replay(live, {
          offset: BigInt(live.end),
          event: { type: "SomethingNew", meta } as unknown as BusEvent,
          digest: live.digest,
        });
        const same = (state: PartitionState) => ({
          ...state,
          end: "",
          events: 0,
          chains: Object.values(state.chains).map((one) => ({ ...one, streamSeq: 0 })),
        });
        expect(same(live)).toEqual(same(before));
      }),
      { numRuns: 40 },
    );
  });
});

/** An observer that shares nothing with the door but the machine's table. */
class Observer {
  readonly #sequences = new Map<string, number>();
  readonly #open = new Set<string>();
  readonly #happened = new Set<string>();
  readonly #state = initialPartitionState(0);
  /** What was asked of a person, and the yes to it, by call. */
  readonly #asked = new Map<string, string>();
  readonly #approved = new Map<string, string>();
  #atMs = 0;

  see(logged: LoggedEvent): void {
    const { event } = logged;
    expect(event.meta.atMs).toBeGreaterThanOrEqual(this.#atMs);
    this.#atMs = event.meta.atMs;
    expect(disagreement(this.#state, event)).toBeNull();
    this.#sequence(event);
    if (event.type === "ApprovalRequested") this.#asked.set(event.callId, event.argsHash);
    if (event.type === "ApprovalGranted") {
      expect(this.#asked.get(event.callId)).toBe(event.argsHash);
      expect(this.#approved.has(event.callId)).toBe(false);
      this.#approved.set(event.callId, event.meta.eventId);
    }
    if (event.type === "EffectAdmitted") this.#admitted(event);
    if ("callId" in event) this.#ended(event);
    replay(this.#state, logged);
  }

  #sequence(event: BusEvent): void {
    const { chainId, streamSeq } = event.meta;
    const isNew = event.type === "TaskSubmitted";
    if (!isNew && this.#state.chains[chainId] === undefined) return;
    expect(streamSeq).toBe(isNew ? 1 : (this.#sequences.get(chainId) ?? 0) + 1);
    this.#sequences.set(chainId, streamSeq);
  }

  #admitted(event: MessageOf<"EffectAdmitted">): void {
    const { chainId } = event.meta;
    const known = this.#state.chains[chainId];
    expect(known?.halted).toBeNull();
    expect(canChain(known?.status ?? "failed", "EffectAdmitted", event.effectClass)).toBe(true);
    // Nothing of a tool that a person approves without a yes to this call and these arguments.
    expect(event.approval).toBe(this.#approved.get(event.callId) ?? "");
    if (event.tool === "db.held")
      expect([event.approval === "", event.argsHash]).toEqual([false, this.#asked.get(event.callId)]);
    // One attempt at a time per call, and never one more of an effect that is known to have happened.
    expect(this.#open.has(event.callId)).toBe(false);
    if (event.effectKey !== "") expect(this.#happened.has(`${chainId} ${event.effectKey}`)).toBe(false);
    this.#open.add(event.callId);
  }

  #ended(event: BusEvent & { readonly callId: string }): void {
    const ends = ["EffectCommitted", "EffectCommittedInvalid", "EffectFailed", "EffectAbandoned", "EffectInDoubt"];
    if (ends.includes(event.type)) this.#open.delete(event.callId);
    const happened = event.type === "EffectCommitted" || event.type === "EffectCommittedInvalid";
    if (happened && event.effectKey !== "") this.#happened.add(`${event.meta.chainId} ${event.effectKey}`);
  }
}
