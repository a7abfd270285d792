/**
 * Totals over partitions, by a journal that the tool keeps and that shares nothing with the doors: whatever agents,
 * delays, retries and takeovers do, no more calls are under way than the cap says, and no window of time sees more begin.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partitionOf } from "@busbar/events";
import { createScene, POLICY, type Scene } from "../door/testing.ts";
import { taskChainId } from "../door/tasks.ts";

const PARTITIONS = 3;
const CONCURRENCY = 4;
const RATE = { calls: 5, perMs: 700 };
const FIRE_BOUND_MS = 200;
const TIMEOUT_MS = 400;
const TOOL = "db.read";
const NOTHING_STARTED = {
  kind: "failed",
  code: "BUSBAR_EFFECT_NOT_STARTED",
  reason: "busy",
  beforeEffect: true,
} as const;

const tool = {
  ...POLICY.tools["db.read"],
  effect: "read",
  fireBoundMs: FIRE_BOUND_MS,
  timeoutMs: TIMEOUT_MS,
  attempts: 3,
} as (typeof POLICY.tools)[string];
const policy = {
  ...POLICY,
  tools: { [TOOL]: tool },
  rules: { consecutiveErrors: 0, contradictions: 0, destructiveRun: 0 },
  caps: { [`tool:${TOOL}`]: { concurrency: CONCURRENCY, rate: RATE } },
};

interface Run {
  readonly beginMs: number;
  readonly endMs: number;
}
interface Admitted extends Run {
  readonly partition: number;
  readonly chain: string;
  readonly step: number;
  readonly admitted: string;
  readonly fails: boolean;
}
interface Op {
  readonly kind: "ask" | "takeover" | "pass";
  readonly chain: number;
  readonly beginAfterMs: number;
  readonly lastsMs: number;
  readonly gapMs: number;
  readonly fails: boolean;
}

const ops = fc.array(
  fc.record<Op>({
    kind: fc.constantFrom("ask", "ask", "ask", "ask", "ask", "ask", "pass", "takeover"),
    chain: fc.nat(11),
    beginAfterMs: fc.integer({ min: 0, max: FIRE_BOUND_MS }),
    lastsMs: fc.integer({ min: 1, max: TIMEOUT_MS }),
    gapMs: fc.constantFrom(0, 0, 1, 30, 90, 250),
    fails: fc.boolean(),
  }),
  { minLength: 40, maxLength: 120 },
);

/** Three doors under one clock, the tool with its journal, and agents that ask again what is put off. */
class World {
  readonly journal: Run[] = [];
  readonly #doors: readonly Scene[];
  readonly #chains: readonly { readonly id: string; readonly partition: number; step: number }[];
  #running: Admitted[] = [];
  #nowMs: number;

  /** `shared`: each door knows of the others. Else each takes the cap for its own. */
  constructor(shared: boolean) {
    const at = (partition: number) =>
      createScene(policy, shared ? { partition, partitionCount: PARTITIONS } : { partition: 0, partitionCount: 1 });
    this.#doors = Array.from({ length: PARTITIONS }, (_, partition) => at(partition));
    this.#nowMs = this.#doors[0]?.door.atMs ?? 0;
    this.#chains = Array.from({ length: 12 }, (_, index) => {
      const id = taskChainId(`t${index}`);
      const partition = partitionOf(id, PARTITIONS);
      this.#doors[partition]?.submit(`t${index}`);
      return { id, partition, step: 1 };
    });
  }

  #door(partition: number): Scene {
    const found = this.#doors[partition];
    if (found === undefined) throw new Error(`no door ${partition}`);
    return found;
  }

  /** Time goes on to the next moment at which something ends, again and again. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#running.toSorted((left, right) => left.endMs - right.endMs)[0];
      if (next === undefined || next.endMs > untilMs) break;
      this.#moveTo(next.endMs);
      this.#running = this.#running.filter((one) => one !== next);
      const { partition, chain, step, admitted, fails } = next;
      const outcome = fails ? NOTHING_STARTED : ({ kind: "committed", result: "{}" } as const);
      this.#note(
        partition,
        this.#door(partition).door.turn(this.#door(partition).outcome(chain, step, outcome, admitted)),
      );
    }
    this.#moveTo(untilMs);
    for (const [partition, scene] of this.#doors.entries()) this.#note(partition, scene.door.turn({ kind: "tick" }));
  }

  #moveTo(atMs: number): void {
    this.#nowMs = atMs;
    for (const { door } of this.#doors) door.atMs = atMs;
  }

  #next: Pick<Op, "beginAfterMs" | "lastsMs" | "fails"> = { beginAfterMs: 0, lastsMs: 1, fails: false };

  /** What is admitted is handed to the tool after a while, and the tool writes down when it began and ended. */
  #note(partition: number, events: ReturnType<Scene["door"]["turn"]>): void {
    for (const event of events) {
      if (event.type !== "EffectAdmitted") continue;
      const { beginAfterMs, lastsMs, fails } = this.#next;
      const run = { beginMs: this.#nowMs + beginAfterMs, endMs: this.#nowMs + beginAfterMs + lastsMs };
      this.journal.push(run);
      const admitted = event.meta.eventId.slice(event.meta.eventId.lastIndexOf("/") + 1);
      this.#running.push({ ...run, partition, chain: event.meta.chainId, step: event.step, admitted, fails });
    }
  }

  do(op: Op): void {
    this.#next = op;
    const chain = this.#chains[op.chain];
    if (chain !== undefined && op.kind === "ask") this.#ask(chain);
    if (op.kind === "takeover") this.#takeOver(op.chain % PARTITIONS);
    this.pass(op.gapMs);
  }

  #ask(chain: { readonly id: string; readonly partition: number; step: number }): void {
    const { id, partition, step } = chain;
    const scene = this.#door(partition);
    const call = scene.door.state.chains[id]?.calls[`${id}:${step}`];
    if (call !== undefined && call.status !== "answered") return;
    const asked = call === undefined ? step : step + 1;
    chain.step = asked;
    this.#note(partition, scene.door.turn(scene.call(id, asked, TOOL, { n: asked }, { sequence: asked })));
  }

  /** The former owner's calls run on, and nobody hears of their ends. */
  #takeOver(partition: number): void {
    const scene = this.#door(partition);
    this.#running = this.#running.filter((one) => one.partition !== partition);
    scene.door.claim();
    const calls = Object.values(scene.door.state.chains).flatMap(({ chainId, calls: all }) =>
      Object.entries(all).flatMap(([callId, { status }]) => (status === "open" ? [{ chainId, callId }] : [])),
    );
    scene.door.turn({ kind: "inherit", calls });
    const { end: eventsThrough, through: directivesEnd } = scene.door.state;
    scene.door.turn({ kind: "open", opening: { supervisor: "s", heartbeatAtMs: 1, eventsThrough, directivesEnd } });
  }
}

/** Most runs that were under way at one moment. */
const mostAtOnce = (journal: readonly Run[]): number =>
  Math.max(
    0,
    ...journal.map(({ beginMs }) => journal.filter((one) => one.beginMs <= beginMs && one.endMs > beginMs).length),
  );

/** Most runs that began in one window. */
const mostInWindow = (journal: readonly Run[]): number =>
  Math.max(
    0,
    ...journal.map(
      ({ beginMs: fromMs }) =>
        journal.filter(({ beginMs }) => beginMs >= fromMs && beginMs < fromMs + RATE.perMs).length,
    ),
  );

function play(all: readonly Op[], shared: boolean): readonly Run[] {
  const world = new World(shared);
  for (const op of all) world.do(op);
  world.pass(5000);
  return world.journal;
}

describe("a cap over three partitions, by the tool's own journal", () => {
  it("is never exceeded, at once or in any window [caps:totals-are-hard]", () => {
    let calls = 0;
    fc.assert(
      fc.property(ops, (all) => {
        const journal = play(all, true);
        calls += journal.length;
        expect(mostAtOnce(journal)).toBeLessThanOrEqual(CONCURRENCY);
        expect(mostInWindow(journal)).toBeLessThanOrEqual(RATE.calls);
      }),
      { numRuns: 60 },
    );
    expect(calls).toBeGreaterThan(300);
  });

  it("is exceeded in both ways by the same runs where the doors do not share it [caps:totals-are-hard]", () => {
    const exceeds = (most: (journal: readonly Run[]) => number, total: number): boolean =>
      fc.check(
        fc.property(ops, (all) => most(play(all, false)) <= total),
        { numRuns: 60, endOnFailure: true },
      ).failed;
    expect([exceeds(mostAtOnce, CONCURRENCY), exceeds(mostInWindow, RATE.calls)]).toEqual([true, true]);
  });
});

describe("who waits", () => {
  const asks = fc.array(fc.record({ chain: fc.nat(7), gapMs: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 30,
    maxLength: 90,
  });

  it("is served in the order of the first asking, whoever asks in between and how often [caps:order]", () => {
    fc.assert(
      fc.property(asks, (all) => {
        const scene = createScene({ ...policy, caps: { [`tool:${TOOL}`]: { concurrency: 1, rate: null } } });
        const chains = Array.from({ length: 8 }, (_, index) => scene.submit(`t${index}`));
        const first: string[] = [];
        const served: string[] = [];
        let out: string | null = null;
        for (const { chain, gapMs } of all) {
          scene.door.atMs += gapMs;
          const id = chains[chain] ?? "";
          if (served.includes(id)) {
            // Somebody who has been served ends what is out instead.
            if (out !== null) scene.door.turn(scene.outcome(out, 1, { kind: "committed", result: "{}" }));
            out = null;
            continue;
          }
          if (!first.includes(id)) first.push(id);
          const events = scene.door.turn(scene.call(id, 1, TOOL, {}, { sequence: 1 }));
          if (events[0]?.type !== "EffectAdmitted") continue;
          served.push(id);
          out = id;
        }
        expect(served).toEqual(first.slice(0, served.length));
      }),
      { numRuns: 100 },
    );
  });
});
