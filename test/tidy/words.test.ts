import { expect, test } from "vitest";
import { repositoryFiles, textOf } from "./repository.ts";
import { findBanned, readBannedWords } from "./words.ts";

const SKIPPED = new Set(["package-lock.json", "test/tidy/banned-words.json", "test/tidy/words.test.ts"]);
const BINARY = /\.(png|jpg|gz|sqlite|jar|ico)$/u;

test("no file of the repository holds a banned word [toolchain:docs-in-step]", () => {
  const words = readBannedWords();
  const files = repositoryFiles().filter((path) => !SKIPPED.has(path) && !BINARY.test(path));
  const found = files.flatMap((path) => findBanned(words, path, textOf(path)));
  expect(found).toEqual([]);
});

test("a banned word is found with its line, and an allowed file may hold it [toolchain:docs-in-step]", () => {
  const words = readBannedWords();
  expect(findBanned(words, "a.ts", "one\n// FIXME later\n")).toEqual([
    "a.ts:2: FIXME: write an issue, or the change itself",
  ]);
  expect(findBanned(words, "README.md", "see ../shared/data")).toHaveLength(1);
  expect(findBanned(words, ".ci/run", "see ../shared/data")).toEqual([]);
  expect(findBanned(words, "schemas/load.ts", 'from "../shared/events/src/x.ts"')).toEqual([]);
  expect(findBanned(words, "a.ts", "see STYLE 5")).toHaveLength(1);
});
