/** The ways to a bus that need no broker, with a script in place of Docker. */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BrokerChoice, chooseBroker } from "./broker-choice.ts";
import { startBus, stopBus } from "./bus.ts";
import { readBusState, writeBusState } from "./bus-state.ts";
import { isAlive } from "./process-identity.ts";
import { machineProbes } from "./probes.ts";

let home: string;
let said: string[];
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "busbar-bus-"));
  said = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** An environment without Java whose docker does `body` and notes what it is asked. */
function withDocker(body: string): NodeJS.ProcessEnv {
  const bin = path.join(home, "bin");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "docker"), `#!/bin/sh\necho "$*" >>"${home}/asked"\ncase "$*" in\n${body}\nesac\n`);
  chmodSync(path.join(bin, "docker"), 0o755);
  return { PATH: bin, JAVA_HOME: "", XDG_CACHE_HOME: path.join(home, "cache") };
}

const ENGINE = 'info*) echo 26;; "compose version"*) echo 2;;';
const asked = () => readFileSync(path.join(home, "asked"), "utf8").trim().split("\n");
const docker = (forced: boolean): BrokerChoice => ({
  kind: "docker",
  reason: "a Docker engine answers",
  forced,
  brokers: [],
  registryUrl: null,
});
const start = (choice: BrokerChoice, env: NodeJS.ProcessEnv) =>
  startBus({
    choice,
    access: null,
    env,
    stateDir: path.join(home, "state"),
    registry: true,
    onProgress: (line) => said.push(line),
  });

describe("the probes", () => {
  it.each([
    ["an engine that answers", ENGINE, "docker"],
    ["an engine that does not answer", "*) exit 1;;", "embedded"],
    ["an engine without compose", "info*) echo 26;; *) exit 1;;", "embedded"],
  ])("%s", async (_, body, kind) => {
    const env = withDocker(body);
    expect((await chooseBroker({}, machineProbes(env))).kind).toBe(kind);
  });

  it("take an engine that is silent for 2 s for none", async () => {
    const env = withDocker("info*) exec /bin/sleep 60;;");
    expect(await machineProbes(env).docker()).toEqual({ ok: false, reason: "no Docker engine answers" });
  });
});

describe("Docker that cannot bring an image", () => {
  const body = `${ENGINE} image*) exit 1;; pull*) echo "no such host" >&2; exit 1;;`;

  it("gives way to the next rung, with one line that says why [infra:broker-choice]", async () => {
    const bus = await start(docker(false), withDocker(body));
    expect(bus).toMatchObject({ kind: "embedded", brokers: [], registryUrl: null, reused: false });
    expect(said).toEqual([
      "pulling apache/kafka:4.3.1, a few hundred MB, once",
      expect.stringMatching(/^broker: the embedded log .*no such host.*java is not on the PATH$/),
    ]);
    expect(await readBusState(path.join(home, "state"))).toBeNull();
  });

  it("is an error where it was asked for by name [infra:clear-failures]", async () => {
    await expect(start(docker(true), withDocker(body))).rejects.toMatchObject({
      code: "BUSBAR_DOCKER_FAILED",
      message: "Docker cannot run the broker: no such host",
      next: "set BUSBAR_BROKER=jvm and type the command again",
    });
  });
});

describe("Docker whose services do not get healthy", () => {
  it("is taken down again", async () => {
    const env = withDocker(`${ENGINE} image*) echo id;; *" up "*) echo "unhealthy" >&2; exit 1;;`);
    await expect(start(docker(true), env)).rejects.toMatchObject({ message: expect.stringContaining("unhealthy") });
    expect(asked().at(-1)).toMatch(/^compose .* down$/);
  });
});

describe("stopping a recorded bus", () => {
  it("leaves a process alone that took over the recorded id", async () => {
    const stateDir = path.join(home, "state");
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const pid = other.pid ?? 0;
    try {
      const processes = [{ name: "kafka", pid, marker: "-Dbusbar.data=/somewhere" }];
      const state = { kind: "jvm", brokers: ["127.0.0.1:1"], registryUrl: null, processes, compose: null } as const;
      await writeBusState(stateDir, state);
      expect(await stopBus(stateDir)).toEqual([]);
      expect(isAlive(pid)).toBe(true);
      expect(await readBusState(stateDir)).toBeNull();
    } finally {
      other.kill("SIGKILL");
    }
  });

  it("ends the process that carries the marker, even one that was suspended", async () => {
    const stateDir = path.join(home, "state");
    const marker = `-Dbusbar.data=${stateDir}`;
    const ours = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", marker]);
    const pid = ours.pid ?? 0;
    const gone = new Promise((resolve) => ours.once("exit", resolve));
    ours.kill("SIGSTOP");
    const processes = [{ name: "kafka", pid, marker }];
    const state = { kind: "jvm", brokers: ["127.0.0.1:1"], registryUrl: null, processes, compose: null } as const;
    await writeBusState(stateDir, state);
    expect(await stopBus(stateDir)).toEqual(["kafka"]);
    await gone;
    expect(isAlive(pid)).toBe(false);
  });

  it("is nothing where none was started", async () => {
    expect(await stopBus(home)).toEqual([]);
  });
});

it("a given broker is used as it is and is not ours to stop", async () => {
  const choice = await chooseBroker({ BUSBAR_BROKERS: "a:1,b:2", SCHEMA_REGISTRY_URL: "http://r" }, machineProbes({}));
  const bus = await start(choice, {});
  expect(bus).toMatchObject({ kind: "given", brokers: ["a:1", "b:2"], registryUrl: "http://r" });
  await bus.stop();
});
