/** The evaluation on recorded runs: that labels are no input, that its command works, and what its guards come to. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { race } from "./concurrent/race.ts";
import { readDataSets } from "./eval/data-set.ts";
import { playFile, playLines } from "./eval/play.ts";
import { scoreAll, stoppedOf, wilson } from "./eval/score.ts";

const FOLDER = process.env["BUSBAR_REAL_DATA"] ?? "";
const AIRLINE = "tau1-airline-gpt4o.jsonl.gz";
const isThere = FOLDER !== "" && readdirSync(FOLDER).includes(AIRLINE);
const MAIN = resolve(import.meta.dirname, "eval/main.ts");

/** Types the command; what it printed, and its exit code. */
async function evaluate(args: readonly string[], folder: string): Promise<{ code: number | null; text: string }> {
  const env = { ...process.env, BUSBAR_REAL_DATA: folder };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return { code, text };
}

describe.skipIf(!isThere)("the evaluation (not run where the data is absent)", () => {
  it("runs without labels, ground truth and ids get the decisions that the whole files get [evaluation:labels-unseen]", async () => {
    const set = readDataSets(FOLDER).sets.find(({ name }) => name.includes("airline"));
    if (set === undefined) throw new Error("no airline runs");
    expect(set.lines.join("\n")).not.toMatch(/"(?:label|gt_actions|gt_outputs|user_instruction|task_id|incident)"/);
    const [bare, whole] = [await playLines(set.lines, set.policy), await playFile(join(FOLDER, AIRLINE), set.policy)];
    expect(bare).toEqual(whole);
    const score = scoreAll("all", set, bare);
    const stopped = stoppedOf(score);
    expect(stopped.part / stopped.whole).toBeGreaterThanOrEqual(0.5);
    expect(score.halted.part / score.halted.whole).toBeLessThanOrEqual(2 / 37);
  });

  it("the command of the published figures plays a data set beside the three baselines [evaluation:figures]", async () => {
    const { code, text } = await evaluate(["--only", "airline"], FOLDER);
    expect({ code, text }).toMatchObject({ code: 0 });
    for (const name of ["allow-all", "approve-all", "refuse-all", "default rules, no policy", "all rules"])
      expect(text).toContain(name);
  });
});

describe("the evaluation's own parts", () => {
  it("says that it was not run where the data is absent [evaluation:figures]", async () => {
    expect(await evaluate([], "")).toMatchObject({
      code: 2,
      text: expect.stringContaining("not run: data absent") as string,
    });
  });

  it("intervals are Wilson's [evaluation:figures]", () => {
    expect(wilson({ part: 0, whole: 0 })).toBeNull();
    const [low, high] = wilson({ part: 8, whole: 10 }) ?? [0, 0];
    expect([low.toFixed(4), high.toFixed(4)]).toEqual(["0.4902", "0.9433"]);
    expect(wilson({ part: 0, whole: 37 })?.[1].toFixed(4)).toBe("0.0941");
  });

  it("of chains that really run at once no update is lost with the guard, and many without [evaluation:concurrent]", async () => {
    const options = { chains: 150, atOnce: 32, seed: 11 };
    const on = await race({ ...options, guard: true });
    expect(on).toMatchObject({ completed: 150, lostUpdates: 0, broken: 0, falseAlarms: 0 });
    expect(on.stale).toBeGreaterThan(10);
    expect(on.staleRefused).toBe(on.stale);
    const off = await race({ ...options, guard: false });
    expect(off.lostUpdates).toBeGreaterThan(10);
    expect(off.staleRefused).toBe(0);
  });
});
