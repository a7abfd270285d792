/**
 * Every scenario on a bus in memory, with its guard and without: the harm is stopped, and it is real. What it tells is
 * what the guard's page shows.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import { SCENARIOS, tellTrial, tryScenario } from "./index.ts";

// A second or two each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 120_000 });

const GUIDES = resolve(import.meta.dirname, "../../../../docs/guides/guards");

test.each(SCENARIOS.map((scenario) => [`${scenario.guard}: ${scenario.name}`, scenario] as const))(
  "%s: the harm is stopped, without the guard it is there, and its guide says so [guards:scenarios-won] [guards:guide-is-real]",
  async (_name, scenario) => {
    const trial = await tryScenario(scenario);
    expect([trial.on.isHarmed, trial.off.isHarmed]).toEqual([false, true]);
    const guide = readFileSync(join(GUIDES, `${scenario.guard}.md`), "utf8");
    expect(guide.replaceAll(/\s+/gu, " ")).toContain(tellTrial(trial).replaceAll(/\s+/gu, " "));
  },
);
