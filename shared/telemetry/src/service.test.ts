/** A service as a process of its own, because its signals and its end are what is tested. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const SERVICE = join(import.meta.dirname, "service.ts");

/** Says what it does on standard output; its start waits for a line on standard input, or for ever. */
const program = (stopBoundMs: number): string => `
  import { once } from "node:events";
  import { runService } from ${JSON.stringify(SERVICE)};
  const logger = { error: (fields, text) => process.stdout.write("error " + text + "\\n") };
  await runService(logger, async () => {
    process.stdout.write("starting\\n");
    await once(process.stdin, "data");
    return { stop: async () => { process.stdout.write("stopped\\n"); } };
  }, ${stopBoundMs});`;

interface Service {
  readonly child: ChildProcess;
  text(): string;
  /** Until it has said so. */
  said(word: string): Promise<void>;
  readonly ended: Promise<readonly unknown[]>;
}

function startService(stopBoundMs = 10_000, env: NodeJS.ProcessEnv = {}): Service {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program(stopBoundMs)], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const said = async (word: string): Promise<void> => {
    while (!text.includes(word)) await once(child.stdout, "data");
  };
  return { child, text: () => text, said, ended };
}

test("a signal during the start lets it finish and stops what it started [cli:signal-during-start]", async () => {
  const { child, text, said, ended } = startService();
  await said("starting");
  child.kill("SIGTERM");
  // A process that the signal had ended would never read this.
  child.stdin?.write("go\n");
  expect(await ended).toEqual([0, null]);
  expect(text()).toBe("starting\nstopped\n");
});

test("a start that hangs is given up after a signal, or when the parent is gone [cli:signal-during-start]", async () => {
  const signalled = startService(50);
  await signalled.said("starting");
  signalled.child.kill("SIGINT");
  expect(await signalled.ended).toEqual([1, null]);
  const orphan = startService(50, { BUSBAR_EXIT_WITH_PARENT: "1" });
  await orphan.said("starting");
  orphan.child.stdin?.end();
  expect(await orphan.ended).toEqual([1, null]);
});

test("a second signal ends it at once [cli:signal-during-start]", async () => {
  const { child, said, ended } = startService();
  await said("starting");
  child.kill("SIGINT");
  child.kill("SIGTERM");
  expect(await ended).toEqual([130, null]);
});
