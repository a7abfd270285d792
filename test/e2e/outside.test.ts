/**
 * A project outside of the repository, as a newcomer types it: init, npm install, npm test, npx busbar dev, Ctrl-C.
 * Typed in a shell with the machine's own Node and npm; npm asks its registry for other people's packages only.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { outsideEnv, runProgram, ROOT, type, type Typed } from "./shell.ts";

const BOUND_MS = 90_000;

let parent = "";
let project = "";
const typed = (line: string): Promise<Typed> => runProgram("sh", ["-c", line], project, outsideEnv());

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "busbar-outside-"));
  project = join(parent, "my-agent");
  const made = await type(`npx busbar init ${project}`, ROOT, outsideEnv());
  expect(made).toMatchObject({ code: 0, out: "made my-agent: 12 packages in vendor/\n" });
  const installed = await typed("npm install --prefer-offline --no-audit --no-fund");
  expect(installed).toMatchObject({ code: 0 });
}, 2 * BOUND_MS);

afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

/** Processes that work in the project or run something of it. */
function processesOfProject(): readonly string[] {
  const found = readdirSync("/proc").filter((pid) => {
    try {
      const isThere = readlinkSync(`/proc/${pid}/cwd`).startsWith(project);
      return /^\d+$/u.test(pid) && (isThere || readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(project));
    } catch {
      return false;
    }
  });
  return found.map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
}

interface Running {
  readonly child: ChildProcess;
  text(): string;
}

/** `npx busbar dev` in a process group of its own, as in a terminal; resolves when it says that it stays. */
async function startDev(): Promise<Running> {
  const env = outsideEnv({ BUSBAR_BROKER: "embedded" });
  const child = spawn("sh", ["-c", "npx busbar dev"], { cwd: project, env, detached: true });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  onTestFinished(() => {
    const isRunning = child.exitCode === null && child.signalCode === null;
    if (isRunning && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  });
  await expect.poll(() => text, { timeout: BOUND_MS }).toContain("Ctrl-C ends everything");
  return { child, text: () => text };
}

test("a new project has Busbar from its own tarballs, and its types and tests hold [outside:runs]", async () => {
  const lock = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string }>>;
  };
  const ours = Object.entries(lock.packages).filter(([path]) => path.startsWith("node_modules/@busbar/"));
  expect(ours).toHaveLength(12);
  for (const [, { resolved }] of ours) expect(resolved).toMatch(/^file:vendor\//u);

  expect(await typed("npm test")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/pass 2\n[^]*fail 0/u) as string,
  });
  // With the types of our packages checked as well.
  expect(await typed("npx tsc --skipLibCheck false")).toMatchObject({ code: 0, out: "" });
});

/** `npx busbar dev`, a task from another terminal, Ctrl-C. */
async function answerAndEnd(name: string): Promise<void> {
  const { child, text } = await startDev();
  expect(text()).toContain(`npx busbar submit hello '{"name":"world"}' --wait`);

  const answer = await typed(`npx busbar submit hello '{"name":"${name}"}' --wait`);
  expect(answer).toMatchObject({ code: 0, out: expect.stringContaining(`"greeting": "hello, ${name}"`) as string });
  expect(readFileSync(join(project, "guestbook.txt"), "utf8").split("\n")).toContain(name);
  expect(await typed("npx busbar status")).toMatchObject({ code: 0 });
  expect(processesOfProject()).not.toEqual([]);

  const ended = new Promise<number | null>((done) => child.once("close", done));
  if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
  await ended;
  expect(text()).toContain("stopped; nothing of it runs any more");
  expect(processesOfProject()).toEqual([]);
  expect(existsSync(join(project, ".busbar/dev.json"))).toBe(false);
}

test("npx busbar dev answers there, and Ctrl-C leaves nothing [outside:runs]", async () => {
  await answerAndEnd("world");
});

test("the project makes another one, from the same tarballs [outside:runs]", async () => {
  expect(await typed("npx busbar init ../second")).toMatchObject({ code: 0 });
  const second = join(parent, "second");
  expect(readdirSync(join(second, "vendor"))).toEqual(readdirSync(join(project, "vendor")));
  const manifest = readFileSync(join(second, "package.json"), "utf8");
  expect(manifest).toBe(readFileSync(join(project, "package.json"), "utf8").replace('"my-agent"', '"second"'));
});

// Last of those that run something: it leaves the project on another Node. Its packages have one name for each platform.
test.runIf(process.platform === "linux")(
  "the oldest Node that the packages name runs all of it [outside:oldest-node]",
  async () => {
    const manifest = readFileSync(join(project, "node_modules/@busbar/cli/package.json"), "utf8");
    const { engines } = JSON.parse(manifest) as { readonly engines: { readonly node: string } };
    const oldest = `${engines.node.replace(/^>=/u, "")}.0`;
    const one = `node-linux-${process.arch}@${oldest}`;
    expect(await typed(`npm install --no-save --prefer-offline --no-audit --no-fund ${one}`)).toMatchObject({
      code: 0,
    });
    expect((await typed("npm exec -- node --version")).out).toBe(`v${oldest}\n`);

    expect(await typed("npm test")).toMatchObject({ code: 0, out: expect.stringMatching(/ fail 0\n/u) as string });
    await answerAndEnd("22");
  },
);

test("a Node that is too old is told what to do [outside:runs]", async () => {
  const bin = join(project, "node_modules/@busbar/cli/bin/installed.mjs");
  expect(statSync(bin).mode & 0o111).not.toBe(0);
  const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.21.9" } });`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`, bin, "help"];
  const { code, err } = await runProgram(process.execPath, args, project, outsideEnv());
  expect(code).toBe(1);
  expect(err).toMatch(/Node 22\.21\.9 is too old\n {2}why: {2}.*22\.22 or newer.*\n {2}next: npm install/u);
});

test("init leaves a folder that is not empty as it is [outside:init-refuses] [cli:error-says-next]", async () => {
  const before = readdirSync(project);
  const again = await type(`npx busbar init ${project}`, ROOT, outsideEnv());
  expect(again).toMatchObject({ code: 2, out: "" });
  expect(again.err).toMatch(/is not empty[^]*next: +npx busbar init \.\.\/another-folder/u);
  expect(readdirSync(project)).toEqual(before);
});

test("init that cannot pack says why, and leaves nothing behind [outside:init-refuses] [cli:error-says-next]", async () => {
  const failed = await type(`npx busbar init ${join(parent, "third")}`, ROOT, outsideEnv({ PATH: parent }));
  expect(failed).toMatchObject({ code: 1, out: "" });
  expect(failed.err).toMatch(/could not be packed: npm pack did not start: .*\n[^]*next: +npm run pack\n/u);
  expect(readdirSync(parent)).not.toContain("third");
});
