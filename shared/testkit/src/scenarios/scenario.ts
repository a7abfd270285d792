/**
 * A scenario: a failure that really happens, as a small world of agents and tools on a whole bus in memory. It runs
 * twice, with the guard on and with it off, and nothing else differs.
 *
 * S1 What harm is, is judged by the world's own journal (what its tools and models did), never by the bus's records.
 * S2 What it tells is the same each time it runs: it stands in the guard's page, and a test compares.
 */
import { createTestBus, type TestBus, type TestBusOptions } from "../bus/test-bus.ts";

/** What the world's journal shows. */
export interface Finding {
  readonly isHarmed: boolean;
  /** One line, in plain words. */
  readonly told: string;
}

/** A world in which nothing has happened yet. */
export interface Scene {
  readonly bus: TestBusOptions;
  /** Everything that happens, to its end. */
  play(bus: TestBus): Promise<void>;
  look(): Finding;
}

export interface Scenario {
  /** Name of the guard that has to win it. */
  readonly guard: string;
  /** In kebab-case; its own among those of the guard. */
  readonly name: string;
  /** What happens, one sentence. */
  readonly story: string;
  /** What is taken away in the second run, as a clause after "without". */
  readonly without: string;
  scene(isGuarded: boolean): Scene;
}

/** Plays one run on a bus of its own. `over` puts another log, clock or bound in. Nothing of it is left. */
export async function playScenario(
  scenario: Scenario,
  isGuarded: boolean,
  over: Partial<TestBusOptions> = {},
): Promise<Finding> {
  const scene = scenario.scene(isGuarded);
  const bus = await createTestBus({ limitMs: 30_000, ...scene.bus, ...over });
  try {
    await scene.play(bus);
    return scene.look();
  } finally {
    await bus.stop();
  }
}

export interface Trial {
  readonly scenario: Scenario;
  readonly on: Finding;
  readonly off: Finding;
  /** The guard stops the harm, and without it there is harm. */
  readonly isWon: boolean;
}

/** Both runs, one after the other, each with what `over` puts in for it. */
export async function tryScenario(
  scenario: Scenario,
  over: () => Partial<TestBusOptions> = () => ({}),
): Promise<Trial> {
  const on = await playScenario(scenario, true, over());
  const off = await playScenario(scenario, false, over());
  return { scenario, on, off, isWon: !on.isHarmed && off.isHarmed };
}

function verdictOf({ isHarmed, told }: Finding, isGuarded: boolean): string {
  const words = isHarmed ? "HARM SHOWN" : "harm stopped";
  return isHarmed === isGuarded ? `${words}, which is wrong: ${told}` : `${words}: ${told}`;
}

/** Both runs in plain words; the same lines stand in the guard's page. */
export function tellTrial({ scenario, on, off }: Trial): string {
  const { guard, name, story, without } = scenario;
  return [
    `${guard}: ${name}`,
    `  ${story}`,
    `  on:  ${verdictOf(on, true)}`,
    `  off: ${verdictOf(off, false)} (without ${without})`,
  ].join("\n");
}
