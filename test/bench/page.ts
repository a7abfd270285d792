/** docs/benchmarks.md: what a run publishes, between its markers. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const PAGE = resolve(import.meta.dirname, "../../docs/benchmarks.md");

/** Replaces what stands between the markers; throws where the page has lost them. */
export function writeBetween([begin, end]: readonly [string, string], text: string): void {
  const page = readFileSync(PAGE, "utf8");
  const [head = "", rest = ""] = page.split(begin);
  const tail = rest.split(end)[1];
  if (tail === undefined) throw new Error(`${PAGE} has lost its markers ${begin} and ${end}`);
  writeFileSync(PAGE, `${head}${begin}\n${text}\n${end}${tail}`);
  process.stderr.write(`bench: written: ${PAGE}\n`);
}
