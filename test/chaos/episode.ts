/**
 * One episode: a spec, a seed, so many rounds, on a broker and a bus of its own. Whatever happens, a finding tells it,
 * and nothing of the episode is left when it ends.
 */
import { setTimeout as delay } from "node:timers/promises";
import { decideUntilEnded, lateLandings } from "../harness/doubts.ts";
import { rollDice } from "../harness/dice.ts";
import { type Brokers, openBrokers } from "./brokers.ts";
import { type Facts, factsOf, type Finding, findingsOf } from "./checks.ts";
import { strikeOnce } from "./faults/index.ts";
import { planOf, type Strike } from "./plan.ts";
import type { Patch } from "./preload/patch.ts";
import { Scene } from "./scene.ts";
import type { ChaosSpec } from "./spec.ts";

export interface Episode {
  readonly spec: ChaosSpec;
  readonly seed: number;
  readonly rounds: number;
  /** A guard that is taken out of every process. */
  readonly patches?: readonly Patch[];
}

export interface EpisodeResult {
  readonly spec: string;
  readonly seed: number;
  readonly rounds: number;
  /** Faults that struck. */
  readonly struck: number;
  readonly tally: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly ms: number;
}

export interface EpisodePorts {
  readonly say: (line: string) => void;
  /** The run is broken off: the episode ends as fast as it can clean up. */
  readonly signal: AbortSignal;
}

/** Bytes of a sender that has just been woken are in the world after this, ms: more than any tool's latency. */
const STRAY_MS = 1000;
const DECIDE_MS = 300_000;

const textOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

type Say = EpisodePorts["say"];

async function runLane(scene: Scene, lane: readonly Strike[], say: Say): Promise<void> {
  for (const strike of lane) {
    const { round, after, waitMs } = strike;
    await scene.admitted(after);
    await delay(waitMs);
    const beganMs = performance.now();
    const what = await strikeOnce(scene, strike);
    scene.count("struck");
    scene.count(what);
    say(`round ${round}: ${what}, ${Math.round(performance.now() - beganMs)} ms`);
  }
}

/** The load ends: a person decides what is left in doubt, until every acknowledged chain has ended. */
async function windDown(scene: Scene): Promise<void> {
  await Promise.all(scene.crowds.map((crowd) => crowd.settled()));
  // A chain that a hostile agent has garbled need not end: its work is broken off.
  if (scene.spec.stage.agents.hostile === true) await scene.endAgents();
  await delay(STRAY_MS);
  if (scene.spec.stage.agents.hostile !== true) await decideAll(scene);
  await scene.caughtUp();
}

async function decideAll(scene: Scene): Promise<void> {
  scene.count("decided by a person", await decideUntilEnded(scene.bus, () => scene.open(), DECIDE_MS));
}

function countFacts({ scene, report, fires }: Facts): void {
  const { watch } = scene.bus;
  scene.count("chains", scene.acknowledged().length);
  scene.count("effects", report.effects.effects);
  scene.count("lost", report.effects.lost);
  scene.count("duplicated", report.effects.duplicated);
  scene.count("named in doubt", watch.ofType("EffectInDoubt").length);
  scene.count("late landings", lateLandings(scene.bus));
  scene.count("late fires", fires.late.length);
  scene.count("exact fired again", watch.ofType("EffectAdmitted").filter(({ event }) => event.attempt > 1).length);
  scene.count("assigned again", watch.ofType("TaskAssigned").filter(({ event }) => event.incarnation > 1).length);
  scene.count("doors degraded", watch.ofType("DoorDegraded").length);
  scene.count("claims", watch.ofType("PartitionClaimed").length);
  scene.count("void records", watch.voids());
  const inFlight = report.halts.reduce((sum, halt) => sum + halt.namedInFlight, 0);
  if (report.halts.length > 0) {
    scene.count("named in flight", inFlight);
    scene.count("refused", watch.ofType("EffectRefused").length);
    scene.count(
      "acknowledgements",
      report.halts.reduce((sum, halt) => sum + halt.windows.length, 0),
    );
  }
}

async function play(scene: Scene, { spec, seed, rounds }: Episode, say: Say): Promise<readonly Finding[]> {
  await scene.begin();
  await Promise.all(planOf(spec, seed, rounds).map((lane) => runLane(scene, lane, say)));
  say("the load ends");
  await windDown(scene);
  const facts = await factsOf(scene);
  countFacts(facts);
  return findingsOf(facts);
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(new Error("broken off"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });

async function playOn(episode: Episode, ports: EpisodePorts, brokers: Brokers) {
  const scene = await Scene.open({
    spec: episode.spec,
    brokers,
    dice: rollDice(episode.seed),
    patches: episode.patches ?? [],
  });
  try {
    const playing = play(scene, episode, ports.say);
    playing.catch(() => undefined);
    const findings = await Promise.race([playing, aborted(ports.signal)]);
    return { findings, tally: scene.tally() };
  } catch (cause) {
    const report = await scene.bus.report();
    return { findings: [{ check: "engine" as const, text: `${textOf(cause)}\n${report}` }], tally: scene.tally() };
  } finally {
    await scene.close();
  }
}

/** Plays it; never rejects for what a fault did, only where the machine cannot start a broker. */
export async function playEpisode(episode: Episode, ports: EpisodePorts): Promise<EpisodeResult> {
  const beganMs = performance.now();
  const brokers = await openBrokers(episode.spec.stage.brokers);
  try {
    const { findings, tally } = await playOn(episode, ports, brokers);
    const { spec, seed, rounds } = episode;
    const ms = Math.round(performance.now() - beganMs);
    return { spec: spec.name, seed, rounds, struck: tally["struck"] ?? 0, tally, findings, ms };
  } finally {
    await brokers.stop();
  }
}
