import type { MessageOf } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { metaWith } from "./meta.ts";
import { GatewayLives, Takeovers } from "./takeover.ts";

const SETTINGS = { silenceMs: 1000, stepMs: 500 };
const BEAT_MS = 200;

const beat = (gateway: string, partitions: readonly number[]): MessageOf<"GatewayHeartbeat"> => {
  const doors = partitions.map((partition) => ({
    partition,
    claimOffset: "1",
    lifecycle: "active",
    failure: "",
    next: "",
  }));
  return { type: "GatewayHeartbeat", meta: metaWith({ eventId: "b", atMs: 1 }), gateway, doors, sentAtMs: 1 };
};

describe("silence", () => {
  it("is measured by what others go on to say: where nothing is heard at all, nobody is silent [ownership:silence-by-the-log]", () => {
    const lives = new GatewayLives();
    lives.take(beat("a", [0]), 10_000);
    lives.take(beat("b", []), 10_000);
    const takeovers = new Takeovers(lives, "b", SETTINGS);
    // An hour passes on our clock, and no record comes.
    expect([lives.silenceMs(0), takeovers.isDue(0, false, 3_600_000)]).toEqual([0, false]);
    lives.take(beat("b", []), 10_999);
    expect([lives.isGone("c", 1000), takeovers.isDue(0, false, 1)]).toEqual([false, false]);
    lives.take(beat("b", []), 11_000);
    expect([lives.isGone("a", 1000), takeovers.isDue(0, false, 1)]).toEqual([true, true]);
    // Of what was never held nobody is the successor; who was never heard while others were for so long is gone.
    expect([takeovers.isDue(7, true, 1), lives.isGone("c", 1000)]).toEqual([false, true]);
  });

  it("of our own beats keeps us from judging others [ownership:silence-by-the-log]", () => {
    const lives = new GatewayLives();
    lives.take(beat("a", [0]), 0);
    lives.take(beat("b", []), 0);
    lives.passed(5000);
    expect(new Takeovers(lives, "b", SETTINGS).isDue(0, true, 1)).toBe(false);
  });

  it("while an owner drains, loads or is shut it says so, and keeps the partition [ownership:silence-by-the-log]", () => {
    const lives = new GatewayLives();
    for (let atMs = 0; atMs <= 9000; atMs += BEAT_MS) {
      lives.take(beat("a", [0]), atMs);
      lives.take(beat("b", []), atMs);
    }
    expect(new Takeovers(lives, "b", SETTINGS).isDue(0, true, 1)).toBe(false);
  });
});

describe("the successor", () => {
  it("is the same for all that live: who has fewest; the next one waits a step longer [ownership:successors-in-order]", () => {
    const lives = new GatewayLives();
    const say = (atMs: number): void => {
      lives.take(beat("b", [1, 2]), atMs);
      lives.take(beat("c", []), atMs);
      lives.take(beat("d", [3]), atMs);
    };
    lives.take(beat("a", [0]), 0);
    for (let atMs = 0; atMs <= 1000; atMs += BEAT_MS) say(atMs);
    expect(lives.successors(0, 1000)).toEqual(["c", "d", "b"]);
    const due = (): readonly string[] =>
      ["a", "b", "c", "d"].filter((self) => new Takeovers(lives, self, SETTINGS).isDue(0, false, 1));
    expect(due()).toEqual(["c"]);
    say(1500);
    expect(due()).toEqual(["c", "d"]);
    say(2000);
    expect(due()).toEqual(["b", "c", "d"]);
    // The first one says that it has it: nobody else is due.
    lives.take(beat("c", [0]), 2100);
    expect(due()).toEqual([]);
  });

  it("takes the same partition ever more slowly [ownership:no-duel]", () => {
    const lives = new GatewayLives();
    lives.take(beat("a", [0]), 0);
    const takeovers = new Takeovers(lives, "b", SETTINGS);
    const patience = (nowMs: number): number => {
      for (let silence = 0; ; silence += 100) {
        const one = new GatewayLives();
        one.take(beat("a", [0]), 0);
        one.take(beat("b", []), silence);
        const asked = new Takeovers(one, "b", SETTINGS);
        for (const atMs of taken) asked.took(0, atMs);
        if (asked.isDue(0, false, nowMs)) return silence;
      }
    };
    const taken: number[] = [];
    const found = [0, 1, 2, 3, 4, 5, 6].map((round) => {
      const silence = patience(round);
      taken.push(round);
      takeovers.took(0, round);
      return silence;
    });
    expect(found).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 32_000]);
    // A minute later it is forgotten.
    expect(patience(70_000)).toBe(1000);
  });
});

interface World {
  readonly holders: string[];
  readonly log: { readonly beat: MessageOf<"GatewayHeartbeat">; readonly atMs: number }[];
  readonly yields: boolean;
  claims: number;
}

const PARTITIONS = [0, 1, 2, 3];

/** A model of a gateway: it reads the log of heartbeats, and a claim names a holder. */
class Modelled {
  readonly name: string;
  readonly #lives = new GatewayLives();
  readonly #takeovers: Takeovers;
  readonly #mine: Set<number>;
  #read = 0;

  constructor(name: string, { holders }: World) {
    this.name = name;
    this.#takeovers = new Takeovers(this.#lives, name, SETTINGS);
    this.#mine = new Set(PARTITIONS.filter((partition) => holders[partition] === name));
  }

  step(world: World, ms: number): void {
    for (const { beat: said, atMs } of world.log.slice(this.#read)) this.#lives.take(said, atMs);
    this.#read = world.log.length;
    for (const partition of PARTITIONS) this.#look(world, partition, ms);
    if (ms % BEAT_MS === 0) world.log.push({ beat: beat(this.name, [...this.#mine]), atMs: ms });
  }

  #look(world: World, partition: number, ms: number): void {
    const holder = world.holders[partition] ?? "";
    const isMine = this.#mine.has(partition);
    const isLost = isMine && holder !== this.name;
    if (isLost && world.yields && this.#lives.isLive(holder, SETTINGS.silenceMs)) {
      this.#mine.delete(partition);
      return;
    }
    const isDue = !isMine && this.#takeovers.isDue(partition, false, ms);
    if (isDue) this.#takeovers.took(partition, ms);
    if (!isLost && !isDue) return;
    this.#mine.add(partition);
    world.holders[partition] = this.name;
    world.claims += 1;
  }
}

/** Gateways on one log of heartbeats for `seconds`; asleep ones neither read nor write. */
function run(
  seconds: number,
  names: readonly string[],
  isAsleep: (name: string, ms: number) => boolean,
  yields = true,
): World {
  const holders = PARTITIONS.map((partition) => names[partition % names.length] ?? "");
  const world: World = { holders, log: [], yields, claims: 0 };
  const gateways = names.map((name) => new Modelled(name, world));
  for (let ms = 0; ms < seconds * 1000; ms += 50) {
    for (const gateway of gateways) if (!isAsleep(gateway.name, ms)) gateway.step(world, ms);
  }
  return world;
}

describe("gateways that see each other as dead", () => {
  const flapping = (name: string, ms: number): boolean => name === "a" && ms % 3000 >= 1500;

  it("a peer that falls asleep again and again loses its partitions once, and starts no duel; without yielding it would [ownership:no-duel]", () => {
    const { claims, holders } = run(120, ["a", "b"], flapping);
    expect(holders).toEqual(["b", "b", "b", "b"]);
    expect(claims).toBe(2);
    expect(run(120, ["a", "b"], flapping, false).claims).toBeGreaterThan(20);
  });

  it("two that fall asleep in turn pass the partitions on at a falling rate [ownership:no-duel]", () => {
    const inTurn = (name: string, ms: number): boolean => {
      const phase = ms % 6000;
      return name === "a" ? phase < 1600 : phase >= 3000 && phase < 4600;
    };
    const first = run(30, ["a", "b"], inTurn).claims;
    const later = run(120, ["a", "b"], inTurn).claims - run(90, ["a", "b"], inTurn).claims;
    expect(first).toBeLessThanOrEqual(4 * 6);
    expect(later).toBeLessThan(first);
  });

  it("that all live take nothing from each other; of one that dies all is taken, once [ownership:no-duel]", () => {
    expect(run(60, ["a", "b", "c"], () => false).claims).toBe(0);
    const { claims, holders } = run(60, ["a", "b", "c"], (name, ms) => name === "a" && ms > 5000);
    expect([claims, holders.includes("a")]).toEqual([2, false]);
  });
});
