/** The README as a newcomer types it: `npm start`, then every other command of the page, in the order of the page. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ERRORS } from "@busbar/kernel";
import { commandsIn, inFolder, personEnv, ROOT, start, type } from "./shell.ts";

const BIN = join(ROOT, "services/cli/bin/busbar.mjs");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const READY_BOUND_MS = 60_000;

/** Commands in the shell blocks of a page. */
const blocksOf = (page: string): string =>
  [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? "").join("\n");

interface Dev {
  text(): string;
  stop(): Promise<number | null>;
}

/** `npm start` without its bootstrap; resolves when it says what to type next. */
async function startDev(folder: string): Promise<Dev> {
  const child = start(process.execPath, [BIN, "dev"], folder, personEnv({ BUSBAR_BROKER: "embedded" }));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exited = once(child, "exit");
  exited.catch(() => undefined);
  const endMs = performance.now() + READY_BOUND_MS;
  while (!text.includes("npx busbar submit") && child.exitCode === null && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(text).toContain("npx busbar submit");
  return {
    text: () => text,
    stop: async () => {
      child.kill("SIGINT");
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

test("every command of the README and of what npm start prints works as typed [cli:commands-as-typed]", async () => {
  await inFolder(async (folder) => {
    const dev = await startDev(folder);
    onTestFinished(async () => void (await dev.stop()));
    const page = commandsIn(blocksOf(README));
    const printed = commandsIn(dev.text()).filter((line) => !line.includes("events tail"));
    expect(page.length).toBeGreaterThanOrEqual(4);
    const env = personEnv();
    for (const command of [...page, ...printed]) {
      // Files of the repository are named from its root.
      const typed = await type(command, command.includes(" services/") ? ROOT : folder, env);
      // `doctor` on the embedded log warns of what is not there; it must not fail or be unknown.
      expect({ command, code: typed.code, err: typed.err }).toMatchObject({ command, code: 0 });
    }
    expect(await dev.stop()).toBe(0);
  });
});

test("the commands that errors name exist [cli:error-says-next]", async () => {
  const named = new Set(
    Object.values(ERRORS).flatMap(({ next }) =>
      [...next.matchAll(/npx busbar ([a-z]+)/g)].map((match) => match[1] ?? ""),
    ),
  );
  expect(named.size).toBeGreaterThan(5);
  for (const command of named) {
    const typed = await type(`npx busbar ${command} --help`, ROOT, personEnv());
    expect({ command, code: typed.code }).toEqual({ command, code: 0 });
    expect(typed.out).toContain("Usage: busbar");
  }
});

test("a wrong line gets a code, a reason and the next thing to type [cli:error-says-next]", async () => {
  await inFolder(async (folder) => {
    const unknown = await type("npx busbar stattus", folder, personEnv());
    expect(unknown.code).toBe(2);
    expect(unknown.err).toMatch(/status/);
    const nowhere = await type("npx busbar status", folder, personEnv());
    expect(nowhere.code).not.toBe(0);
    expect(nowhere.err).toMatch(/BUSBAR_BUS_MISSING/);
    expect(nowhere.err).toMatch(/npx busbar (up|dev)/);
  });
});
