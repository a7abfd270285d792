/** The demo on the broker that it chooses by itself where a Docker engine answers. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { inFolder, personEnv, ROOT, runProgram } from "../e2e/shell.ts";
import { engine, notRun } from "./engine.ts";

const DEMO = join(ROOT, "services/examples/src/demo/main.ts");

const containers = async (): Promise<string> =>
  (
    await runProgram(
      "docker",
      ["ps", "--all", "--quiet", "--filter", "label=com.docker.compose.service=kafka"],
      ROOT,
      process.env,
    )
  ).out;

const TIMEOUT_MS = 240_000;

it(
  "the demo on Kafka in Docker holds everything and leaves no container [demo:leaves-nothing] [infra:compose]",
  async ({ skip }) => {
    skip(!engine.ok, notRun);
    const before = await containers();
    await inFolder(async (folder) => {
      const { code, out, err } = await runProgram(
        process.execPath,
        [DEMO],
        folder,
        personEnv({ BUSBAR_BROKER: "docker" }),
      );
      expect({ code, err }).toMatchObject({ code: 0 });
      expect(out).toContain("Kafka in Docker");
      expect(out).toMatch(/effects admitted after acknowledgement: 0 /);
      expect(out).toMatch(/effects begun after acknowledgement: {4}0 /);
      expect(out).toMatch(/honest agent +5 of 5 chains completed, killed once, 1 resumed/);
      expect(out).toContain("Everything held.");
    });
    expect(await containers()).toBe(before);
  },
  TIMEOUT_MS,
);
