import { expect, test } from "vitest";
import { ROOT } from "./layers.ts";
import { anchorsOf, deadLinks } from "./links.ts";
import { repositoryFiles, textOf } from "./repository.ts";

test("every relative link of a document leads to a file and a heading [toolchain:docs-in-step]", () => {
  const documents = repositoryFiles().filter((path) => path.endsWith(".md"));
  expect(documents.flatMap((path) => deadLinks(ROOT, path, textOf(path)))).toEqual([]);
});

test("a dead file, a dead heading and nothing else are found [toolchain:docs-in-step]", () => {
  const text = [
    "# A title, with `code`",
    "[here](#a-title-with-code) [away](https://example.org/x) [file](package.json)",
    "[gone](docs/gone.md) [no heading](#nothing)",
    "`[code](not/a/link.md)`",
    "```\n[fence](not/a/link.md)\n```",
  ].join("\n");
  expect(deadLinks(ROOT, "README.md", text)).toEqual(["README.md: docs/gone.md", "README.md: #nothing"]);
});

test("headings that repeat get numbered anchors [toolchain:docs-in-step]", () => {
  expect([...anchorsOf("## Use\n## Use\n## What it is not\n")]).toEqual(["use", "use-1", "what-it-is-not"]);
});
