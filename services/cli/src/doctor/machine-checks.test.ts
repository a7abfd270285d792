/** Misconfigured machines: real folders, ports and programs on a PATH of their own. */
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureKeys } from "@busbar/infra";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { nextOf } from "./catalog.ts";
import { createOutput } from "../output.ts";
import { checkBus, checkReach } from "./bus-checks.ts";
import { checkKeys } from "./key-checks.ts";
import { checkDisk, checkMachine, checkNode } from "./machine-checks.ts";
import { checkProjectFile } from "./project-checks.ts";

const run = promisify(execFile);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-doctor-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A PATH with these programs and no others; each is a shell script. */
function pathWith(programs: Readonly<Record<string, string>>): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync("/bin/sh", join(bin, "sh"));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

/** An environment of a machine that has only these programs, and nothing fetched yet. */
const machine = (programs: Readonly<Record<string, string>>, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: pathWith(programs),
  HOME: folder,
  XDG_CACHE_HOME: join(folder, "cache"),
  ...more,
});
const JAVA_17 = `echo 'openjdk version "17.0.15"' >&2`;
const findings = async (env: NodeJS.ProcessEnv, brokerPort?: number) =>
  (await checkMachine({ env, folder, brokerPort })).filter(({ state }) => state !== "ok");

/** A port that is taken until the test ends. */
function takenPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { readonly port: number }).port));
    onTestFinished(() => new Promise((done) => server.close(() => done())));
  });
}

describe("a machine", () => {
  it("with an old Node is told which one to install [doctor:node-version]", () => {
    expect([checkNode("24.0.0"), checkNode("22.22.0"), checkNode("22.22.3")].map(({ id }) => id)).toEqual([
      "node",
      "node",
      "node",
    ]);
    for (const version of ["20.20.2", "22.21.9", "18.0.0"]) {
      expect(checkNode(version)).toMatchObject({ id: "node-version", state: "fail", next: "nvm install 24" });
    }
  });

  it("without a Java, or with an old one, is told how to get one [doctor:java-missing]", async () => {
    const next = "apt-get install openjdk-17-jre-headless";
    expect(await findings(machine({}))).toMatchObject([{ id: "java-missing", state: "warn", next }]);
    rmSync(join(folder, "bin"), { recursive: true });
    const old = machine({ java: `echo 'java version "1.8.0_292"' >&2` }, { BUSBAR_BROKER: "jvm" });
    expect(await findings(old)).toMatchObject([{ id: "java-missing", state: "fail", next }]);
  });

  it("with a Java and no Maven is told how to get it [doctor:maven-missing]", async () => {
    const next = "apt-get install maven";
    expect(await findings(machine({ java: JAVA_17 }))).toMatchObject([{ id: "maven-missing", state: "warn", next }]);
    rmSync(join(folder, "bin"), { recursive: true });
    expect(await findings(machine({ java: JAVA_17, mvn: "exit 0" }))).toEqual([]);
  });

  it("without the Docker that is asked for is told what to ask for instead [doctor:docker-missing]", async () => {
    const [found] = await findings(machine({ java: JAVA_17, mvn: "exit 0" }, { BUSBAR_BROKER: "docker" }));
    expect(found).toMatchObject({ id: "docker-missing", state: "fail", next: "BUSBAR_BROKER=jvm npx busbar up" });
  });

  it("on which a port is taken is told who has it, or a free one [doctor:port-in-use]", async () => {
    const port = await takenPort();
    const env = machine({ java: JAVA_17, mvn: "exit 0" });
    const [broker] = await findings(env, port);
    expect(broker).toMatchObject({ id: "port-in-use", subject: "--port", state: "fail" });
    const free = Number(/^npx busbar up --port (\d+)$/.exec(broker?.next ?? "")?.[1]);
    expect([free === port, await findings(env, free)]).toEqual([false, []]);
    const [http] = await findings({ ...env, BUSBAR_HTTP_PORT: String(port) });
    expect(http).toMatchObject({ id: "port-in-use", next: `ss -ltnp 'sport = :${port}'` });
  });

  it("whose disk is nearly full is told where the space is [doctor:disk-nearly-full]", async () => {
    const disk = (bavail: number) => () => Promise.resolve({ bavail, blocks: 1_000_000, bsize: 4096 });
    const next = `du -xh --max-depth=2 ${folder} | sort -h | tail`;
    const at = join(folder, "not", "made", "yet");
    expect(await checkDisk(at, disk(500_000))).toMatchObject({ id: "disk", state: "ok" });
    expect(await checkDisk(at, disk(80_000))).toMatchObject({ id: "disk-nearly-full", state: "warn", next });
    expect(await checkDisk(at, disk(10))).toMatchObject({ id: "disk-nearly-full", state: "fail", next });
    const { stdout } = await run("sh", ["-c", next]);
    expect(stdout).toContain(folder);
  });

  it("that cannot reach the broker is told how to get one, or to look at the way [doctor:broker-unreachable]", async () => {
    const port = await takenPort();
    const at = (brokers: string) => checkReach({ BUSBAR_BROKERS: brokers });
    expect(await at(`127.0.0.1:${port}`)).toEqual([]);
    const found = { id: "broker-unreachable", state: "fail", text: "ECONNREFUSED" };
    expect(await at("127.0.0.1:1")).toMatchObject([{ ...found, next: "unset BUSBAR_BROKERS && npx busbar up" }]);
    expect(await at("127.0.0.2:1")).toMatchObject([{ ...found, next: "nc -vz 127.0.0.2 1" }]);
  });
});

it("without a bus is told how to get one [doctor:bus-missing]", async () => {
  const streams = { out: () => undefined, err: () => undefined, width: null, hasColour: false };
  expect(await checkBus(createOutput("json", streams), false)).toMatchObject([
    { id: "bus-missing", state: "fail", next: "npx busbar up" },
  ]);
});

describe("the project", () => {
  const inFile = async (text: string) => {
    const file = join(folder, "busbar.yaml");
    writeFileSync(file, text);
    const checks = await checkProjectFile({ file, isExample: false });
    return { file, checks };
  };

  it("that is no valid file is told with every place [doctor:project-invalid]", async () => {
    const { file, checks } = await inFile("version: 1\nagents: 3\nmore: 1\n");
    expect(checks).toMatchObject([
      { id: "project-invalid", subject: `${file}:2:1`, next: `npx busbar policy check ${file}` },
      { id: "project-invalid", subject: `${file}:3:1` },
    ]);
    expect((await inFile("version: 1\nagents: {}\n")).checks).toMatchObject([{ id: "project", state: "ok" }]);
  });

  it("whose agent names a tool that is not there is told which is meant [doctor:project-unknown-name]", async () => {
    writeFileSync(join(folder, "tools.ts"), `export const tools = [{ name: "orders.read", effect: "read" }];`);
    const { checks } = await inFile(
      "version: 1\nmodules: { tools: [./tools.ts] }\nagents:\n  clerk: { tools: [orders.raed] }\n",
    );
    expect(checks).toMatchObject([
      { id: "project-unknown-name", text: expect.stringContaining("is orders.read meant?") as string },
    ]);
  });
});

describe("the key folder", () => {
  const keys = (): string => join(folder, "keys");
  const found = () => checkKeys(keys(), ["clerk"]).filter(({ state }) => state !== "ok");
  beforeEach(() => {
    ensureKeys(keys(), ["clerk"]);
  });

  it("that lacks a key is told how they are made [doctor:keys-missing]", () => {
    expect(found()).toEqual([]);
    rmSync(join(keys(), "agents", "clerk.key"));
    expect(found()).toMatchObject([{ id: "keys-missing", state: "warn", next: "npx busbar up" }]);
    ensureKeys(keys(), ["clerk"]);
    rmSync(join(keys(), "operator.pem"));
    const half = join(keys(), "operator.pub.pem");
    expect(found()).toMatchObject([{ id: "keys-missing", state: "fail", next: `rm ${half} && npx busbar up` }]);
    rmSync(half);
    ensureKeys(keys(), ["clerk"]);
    expect(found()).toEqual([]);
    expect(checkKeys(join(folder, "nowhere"), [])).toMatchObject([{ id: "keys-missing", state: "fail" }]);
  });

  it("that others may read is closed by the command [doctor:keys-readable]", async () => {
    const file = join(keys(), "agents", "clerk.key");
    chmodSync(file, 0o644);
    const [finding] = found();
    expect(finding).toMatchObject({ id: "keys-readable", state: "fail", next: `chmod 600 ${file}` });
    await run("sh", ["-c", finding?.next ?? "false"]);
    expect(found()).toEqual([]);
  });

  it("whose halves do not belong together is mended by the command [doctor:keys-mismatch]", async () => {
    const other = join(folder, "other");
    ensureKeys(other, []);
    await run("cp", [join(other, "gateway.pub.pem"), join(keys(), "gateway.pub.pem")]);
    rmSync(join(keys(), "supervisor.pub.pem"));
    const findings = found();
    expect(findings.map(({ id, text }) => [id, text])).toEqual([
      ["keys-mismatch", "the public half is missing"],
      ["keys-mismatch", "the public half belongs to another private half"],
    ]);
    for (const { next } of findings) await run("sh", ["-c", next ?? "false"]);
    expect(found()).toEqual([]);
  });
});

it("a value that a row does not have stays as it is written", () => {
  expect(nextOf("keys-readable")).toBe("chmod 600 {file}");
});
