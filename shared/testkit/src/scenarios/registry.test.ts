import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MESSAGE_TYPES } from "@busbar/events";
import { GUARD_METRIC, GUARDS } from "@busbar/policy";
import { createMetrics } from "@busbar/telemetry";
import { expect, test } from "vitest";
import { SCENARIOS } from "./index.ts";

const GUIDES = resolve(import.meta.dirname, "../../../../docs/guides/guards");
/** Lines of a page that fit on one screen. */
const SCREEN = 50;

const names = GUARDS.map(({ name }) => name);
const guideOf = (name: string): string => readFileSync(join(GUIDES, `${name}.md`), "utf8");

test("each guard has a scenario and a guide, and each of these has its guard [guards:registry-whole]", () => {
  expect(new Set(names).size).toBe(names.length);
  expect([...new Set(SCENARIOS.map(({ guard }) => guard))].toSorted()).toEqual(names.toSorted());
  const pages = readdirSync(GUIDES).filter((file) => file !== "README.md");
  expect(pages.toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted());
  const keys = SCENARIOS.map(({ guard, name }) => `${guard}/${name}`);
  expect(new Set(keys).size).toBe(keys.length);
});

test.each(GUARDS.map((guard) => [guard.name, guard] as const))(
  "the guide of %s fits on one screen and names its knobs and records, which exist [guards:registry-whole] [guards:guide-is-real]",
  (name, { knobs, acts }) => {
    const guide = guideOf(name);
    expect(guide.split("\n").length).toBeLessThanOrEqual(SCREEN);
    expect(knobs.length).toBeGreaterThan(0);
    expect(knobs.filter((knob) => !guide.includes(knob))).toEqual([]);
    const records = [...new Set(acts.map(({ on }) => on))];
    expect(records.filter((on) => !MESSAGE_TYPES.includes(on))).toEqual([]);
    expect(records.filter((on) => !guide.includes(on))).toEqual([]);
  },
);

test("the metric of the registry is one that every process registers [guards:counted]", () => {
  expect(createMetrics().registry.getSingleMetric(GUARD_METRIC)).toBeDefined();
});
