/** The demo as a person runs it: on the broker of the test run with its own processes, and on the embedded log. */
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { commandsIn, demoFolders, inFolder, personEnv, ROOT, runProgram, type, type Typed } from "./shell.ts";

const DEMO = join(ROOT, "services/examples/src/demo/main.ts");

/** Runs the demo in a folder of its own, as `npm run demo` does after its bootstrap. */
function demo(folder: string, env: NodeJS.ProcessEnv): Promise<Typed> {
  const flags = ["--disable-warning=TimeoutNegativeWarning", "--disable-warning=ExperimentalWarning"];
  return runProgram(process.execPath, [...flags, DEMO], folder, env);
}

function expectTheStory({ code, out, err }: Typed): void {
  expect(`${out}${err}`).not.toContain("finding:");
  expect(out).toMatch(/customers 1240, orders 5180 {3}after: customers GONE, orders GONE/);
  expect(out).toMatch(/refused sql\.execute DELETE FROM customers \(BUSBAR_FREEZE_ACTIVE\)/);
  expect(out).toMatch(/chain halted: 2 errors in a row/);
  expect(out).toMatch(/"rollback is impossible" \/ backup found, 6516 rows/);
  expect(out).toMatch(/effects admitted after acknowledgement: 0 /);
  expect(out).toMatch(/effects begun after acknowledgement: {4}0 /);
  expect(out).toMatch(/4 of 4 owners acknowledged/);
  expect(out).toMatch(/0 lost, 0 done twice/);
  expect(code).toBe(0);
}

async function expectCommandsToWork(folder: string, out: string): Promise<void> {
  const commands = commandsIn(out);
  expect(commands).toHaveLength(3);
  for (const command of commands) {
    const typed = await type(command, folder, personEnv());
    expect({ command, ...typed }).toMatchObject({ command, code: 0 });
    expect(typed.out.trim()).not.toBe("");
  }
}

test("the demo on a Kafka kills the honest agent once and holds everything; what it prints works as typed [demo:harm-shown] [demo:freeze] [demo:halt-proved] [demo:resume] [demo:leaves-nothing] [cli:commands-as-typed]", async () => {
  await inFolder(async (folder) => {
    const before = demoFolders();
    const typed = await demo(folder, personEnv({ BUSBAR_BROKERS: inject("brokers").join(",") }));
    expectTheStory(typed);
    expect(typed.out).toMatch(/honest agent +5 of 5 chains completed, killed once, 1 resumed/);
    expect(typed.out).toMatch(/its refunds +5 rows, 0 done twice/);
    expect(demoFolders()).toEqual(before);
    await expectCommandsToWork(folder, typed.out);
  });
});

test("the demo on the embedded log says that it leaves the kill out, and holds everything else [demo:embedded]", async () => {
  await inFolder(async (folder) => {
    const typed = await demo(folder, personEnv({ BUSBAR_BROKER: "embedded" }));
    expectTheStory(typed);
    expect(typed.out).toMatch(/the embedded log is one process: the kill -9 of the honest agent is left out/);
    expect(typed.out).toMatch(/4 of 4 chains completed, kill left out/);
    await expectCommandsToWork(folder, typed.out);
  });
});
