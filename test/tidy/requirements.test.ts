/**
 * Promises and tests keep step: each cited id exists, and each id is cited.
 */
import { expect, test } from "vitest";
import { REQUIREMENTS } from "../requirements.ts";
import { citedIds } from "./citations.ts";
import { repositoryFiles, textOf } from "./repository.ts";

const known = new Set(REQUIREMENTS.map(({ id }) => id));
const citations = repositoryFiles()
  .filter((path) => path.endsWith(".test.ts"))
  .flatMap((path) => citedIds(textOf(path)).map((id) => ({ id, path })));

test("every id is written once, in the form area:rule, under its own area", () => {
  expect(known.size).toBe(REQUIREMENTS.length);
  const misplaced = REQUIREMENTS.filter(
    ({ id, source }) => !/^[a-z]+:[a-z0-9-]+$/u.test(id) || !id.startsWith(`${source}:`),
  );
  expect(misplaced).toEqual([]);
});

test("every id that a test cites exists", () => {
  expect(citations.filter(({ id }) => !known.has(id)).map(({ id, path }) => `${path}: ${id}`)).toEqual([]);
});

test("every id is cited by a test", () => {
  const cited = new Set(citations.map(({ id }) => id));
  const uncited = [...known].filter((id) => !cited.has(id));
  expect(uncited).toEqual([]);
});

test("ids are read from strings, several to a name, and from nowhere else", () => {
  const id = (name: string): string => `[${name}]`;
  const source = `test("a rule ${id("log:order")} ${id("log:read-range")}", f);\nx${id("y:z")};\n`;
  expect(citedIds(source)).toEqual(["log:order", "log:read-range"]);
});
