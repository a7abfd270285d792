import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { isBusbarError } from "@busbar/kernel";
import { afterAll, describe, expect, it } from "vitest";
import { type Line, readLines } from "./read-lines.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function all(lines: AsyncIterable<Line>): Promise<readonly Line[]> {
  const found: Line[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

async function linesOf(content: string | Uint8Array, limitBytes?: number): Promise<readonly Line[]> {
  const file = join(folder, "file.jsonl");
  writeFileSync(file, content);
  return all(readLines(file, limitBytes));
}

async function failureOf(file: string): Promise<unknown> {
  try {
    await all(readLines(file));
  } catch (error) {
    return isBusbarError(error) ? error.fields["reason"] : error;
  }
  return "no failure";
}

describe("the lines of a file", () => {
  it("keep their numbers over blank lines, carriage returns and a missing last newline [play:bad-line]", async () => {
    const lines = await linesOf("\uFEFFa\n\n  \nb\r\n{é}");
    expect(lines.map(({ number, text }) => [number, text])).toEqual([
      [1, "a"],
      [4, "b\r"],
      [5, "{é}"],
    ]);
  });

  it("are told to be gzip by the first bytes, whatever the name, in several members too [play:recorded-runs]", async () => {
    const packed = Buffer.concat([gzipSync("a\nb"), gzipSync("c\nd\n")]);
    expect((await linesOf(packed)).map(({ text }) => text)).toEqual(["a", "bc", "d"]);
  });

  it("that are too long are dropped while they are read, and the next one is read [play:bad-line]", async () => {
    const lines = await linesOf(`ok\n${"x".repeat(300_000)}\n12345\n123456`, 5);
    expect(lines).toEqual([
      { number: 1, text: "ok" },
      { number: 2, text: null },
      { number: 3, text: "12345" },
      { number: 4, text: null },
    ]);
  });

  it("survive a character that is split between two reads [play:recorded-runs]", async () => {
    const text = "é".repeat(100_000);
    expect((await linesOf(`a${text}\nb`)).map((line) => line.text)).toEqual([`a${text}`, "b"]);
  });

  it("of a file that is absent or cut off end with its name, the line and the reason [play:bad-line]", async () => {
    expect(await failureOf(join(folder, "absent"))).toBe("there is no such file");
    expect(await failureOf(folder)).toMatch(/^it cannot be read/);
    const file = join(folder, "cut.gz");
    writeFileSync(file, gzipSync(`a\n${Math.random()}\n`).subarray(0, -9));
    expect(await failureOf(file)).toMatch(/^it cannot be read beyond line \d+: unexpected end of file/);
  });
});
