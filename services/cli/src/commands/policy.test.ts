import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../program.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-policy-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function check(...more: readonly string[]) {
  const file = join(folder, "busbar.yaml");
  writeFileSync(file, "version: 1\nagents:\n  support: { concurrency: 2 }\n");
  let [out, err] = ["", ""];
  const streams = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: null,
    hasColour: false,
  };
  const exitCode = await run(["policy", "check", file, ...more], streams);
  return { exitCode, out, err };
}

describe("the check of a policy with a cap below the number of partitions", () => {
  it("is no fault, and its author is told where it lives and what reaches all partitions [caps:named-partitions]", async () => {
    const { exitCode, out, err } = await check("--partitions", "3");
    expect([exitCode, out]).toEqual([0, expect.stringContaining("nothing is wrong")]);
    expect(err).toMatch(/agents\.support\.concurrency: 2 is less than the 3 partitions .* partitions \d, \d only/u);
    expect((await check("--partitions", "2")).err).toBe("");
    const value = JSON.parse((await check("--partitions", "3", "-o", "json")).out) as object;
    expect(value).toMatchObject({ faults: [], caps: [{ key: "agent:support", total: 2 }] });
  });
});
