import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { playAll, scan } from "./player.ts";
import { progressLine } from "../progress.ts";
import type { Verdict } from "./verdict.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-player-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COMPLETED: Verdict = {
  end: "completed",
  rule: "",
  reason: "",
  call: -1,
  admitted: new Set(),
  refused: 0,
  alreadyDone: 0,
  asked: [],
  shadowed: [],
};

function fileOf(lines: readonly string[]): string {
  const file = join(folder, `${lines.length}.jsonl`);
  writeFileSync(file, lines.join("\n"));
  return file;
}

const tool = (name: string, rw: string) => ({ kind: "tool", tool: name, args: {}, result: 1, rw });
const lineOf = (...events: readonly object[]): string => JSON.stringify({ events });

describe("a play", () => {
  it("looks at the file first: its runs, its tools, each bad line with its number [play:bad-line]", async () => {
    const file = fileOf([lineOf(tool("a", "r")), "{", "", lineOf(tool("a", "w"), tool("b", "r")), "7"]);
    const bad: number[] = [];
    const found = await scan(file, (line) => bad.push(line));
    expect(bad).toEqual([2, 5]);
    expect(found).toEqual({
      runs: 2,
      skipped: 2,
      tools: new Map([
        ["a", "write"],
        ["b", "read"],
      ]),
    });
  });

  it("has at most as many runs in flight as it was told, and plays each one once [play:recorded-runs]", async () => {
    const file = fileOf(Array.from({ length: 40 }, () => lineOf()));
    let open = 0;
    let most = 0;
    const seen: number[] = [];
    await playAll({
      file,
      concurrency: 7,
      play: async () => {
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setImmediate(resolve));
        open -= 1;
        return COMPLETED;
      },
      onVerdict: ({ line }) => seen.push(line),
    });
    expect(most).toBe(7);
    expect(seen.toSorted((left, right) => left - right)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  it("ends at the first error and says that one [play:recorded-runs]", async () => {
    const file = fileOf(Array.from({ length: 41 }, () => lineOf()));
    let played = 0;
    const ended = playAll({
      file,
      concurrency: 2,
      play: ({ line }) => {
        played += 1;
        return line === 3 ? Promise.reject(new Error("the broker is gone")) : Promise.resolve(COMPLETED);
      },
      onVerdict: () => undefined,
    });
    await expect(ended).rejects.toThrow("the broker is gone");
    expect(played).toBeLessThan(6);
  });

  it("tells rate and time left [cli:output-forms]", () => {
    expect(progressLine("runs", 20, 80, 2000)).toBe("20 of 80 runs, 10.0 a second, about 6 s left");
    expect(progressLine("runs", 0, 80, 2000)).toBe("0 of 80 runs, 0.0 a second");
  });
});
