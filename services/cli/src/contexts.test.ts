import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findBus } from "./bus.ts";
import { contextsFile, readContexts, writeContexts } from "./contexts.ts";
import { run } from "./program.ts";

let folder: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-contexts-"));
  env = { XDG_CONFIG_HOME: folder };
  vi.stubEnv("XDG_CONFIG_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function typed(...args: readonly string[]) {
  const said = { out: "", err: "" };
  const streams = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
    width: null,
    hasColour: false,
  };
  return { code: await run(args, streams), ...said };
}

describe("contexts", () => {
  it("lie in the user's configuration folder, readable by nobody else [cli:contexts]", async () => {
    expect(contextsFile({ XDG_CONFIG_HOME: "/x" })).toBe("/x/busbar/contexts.json");
    expect(contextsFile({ XDG_CONFIG_HOME: "relative", HOME: "/home/ann" })).toBe(
      "/home/ann/.config/busbar/contexts.json",
    );
    expect(contextsFile({ HOME: "/home/ann" })).toBe("/home/ann/.config/busbar/contexts.json");
    await writeContexts(env, { current: "", contexts: { a: { brokers: "h:1" } } });
    expect(statSync(contextsFile(env)).mode & 0o777).toBe(0o600);
  });

  it("are added, used, listed and removed [cli:contexts]", async () => {
    expect(
      await typed("context", "add", "prod", "--brokers", "k1:9092,k2:9092", "--keys", "keys", "--use"),
    ).toMatchObject({ code: 0 });
    expect(await typed("context", "add", "lab", "--embedded", "/lab/log.db", "--topic-prefix", "lab")).toMatchObject({
      code: 0,
    });
    expect(JSON.parse((await typed("-o", "json", "context")).out)).toEqual([
      { name: "lab", current: false, embedded: "/lab/log.db", prefix: "lab" },
      // From any folder it is the same key folder.
      { name: "prod", current: true, brokers: "k1:9092,k2:9092", keys: join(process.cwd(), "keys") },
    ]);
    expect((await typed("context")).out).toMatch(/^ +context +bus/);
    await typed("context", "use", "lab");
    expect((await readContexts(env)).current).toBe("lab");
    await typed("context", "rm", "lab");
    expect(await readContexts(env)).toMatchObject({ current: "", contexts: { prod: {} } });
  });

  it("take no address that holds a password, and nothing that is none [cli:contexts]", async () => {
    const added = (...more: readonly string[]) => typed("context", "add", ...more);
    expect(await added("a", "--brokers", "k:1", "--registry", "http://ann:secret@r:8081")).toMatchObject({
      code: 2,
      err: expect.stringContaining("a context stores none") as string,
    });
    expect((await added("a", "--brokers", "user:secret@k:1")).err).toContain("is not host:port");
    expect((await added("a")).err).toContain("it takes either --brokers or --embedded");
    expect((await added("a b", "--brokers", "k:1")).err).toContain('"a b" is no name');
    expect(await readContexts(env)).toEqual({ current: "", contexts: {} });
    await added("a", "--brokers", "k:1");
    expect((await added("a", "--brokers", "k:2")).err).toContain("there is a context a already");
    expect((await added("a", "--brokers", "k:2", "--replace")).code).toBe(0);
  });

  it("of a name that is not there, or of a broken file, are told [cli:contexts]", async () => {
    await typed("context", "add", "a", "--brokers", "k:1");
    for (const line of [
      ["context", "use", "b"],
      ["context", "rm", "b"],
      ["--context", "b", "topics"],
    ]) {
      expect(await typed(...line)).toMatchObject({
        code: 2,
        err: expect.stringContaining("there is no context b; there are a") as string,
      });
    }
    mkdirSync(join(folder, "busbar"), { recursive: true });
    for (const text of ["{", "[]", '{"contexts":{"a":{"password":"x"}}}', '{"contexts":{"a":{"brokers":7}}}']) {
      writeFileSync(contextsFile(env), text);
      expect(await typed("context"), text).toMatchObject({
        code: 2,
        err: expect.stringContaining(contextsFile(env)) as string,
      });
      expect(readFileSync(contextsFile(env), "utf8")).toBe(text);
    }
  });

  it("stand behind the environment, and the one in use behind the folder's own bus [cli:contexts]", async () => {
    const contexts = { one: { brokers: "one:1", prefix: "p1" }, two: { embedded: "/two.db" } };
    await writeContexts(env, { current: "two", contexts });
    const state = join(folder, "project", ".busbar");
    const bus = async (more: NodeJS.ProcessEnv = {}) => {
      const found = await findBus({ ...env, ...more }, state);
      return [found["BUSBAR_BROKERS"] || found["BUSBAR_EMBEDDED"], found["BUSBAR_PREFIX"], found["BUSBAR_CONTEXT"]];
    };
    expect(await bus()).toEqual(["/two.db", undefined, "two"]);
    expect(await bus({ BUSBAR_CONTEXT: "one" })).toEqual(["one:1", "p1", "one"]);
    expect(await bus({ BUSBAR_CONTEXT: "one", BUSBAR_PREFIX: "mine" })).toEqual(["one:1", "mine", "one"]);
    expect(await bus({ BUSBAR_CONTEXT: "one", BUSBAR_BROKERS: "given:1" })).toEqual(["given:1", undefined, ""]);
    mkdirSync(state, { recursive: true });
    writeFileSync(
      join(state, "bus.json"),
      '{"kind":"embedded","brokers":[],"registryUrl":null,"processes":[],"compose":null}',
    );
    expect(await bus()).toEqual([join(state, "log.db"), undefined, undefined]);
    expect(await bus({ BUSBAR_CONTEXT: "two" })).toEqual(["/two.db", undefined, "two"]);
    // A registry that belongs to another bus is not asked.
    const found = await findBus({ ...env, BUSBAR_CONTEXT: "one", SCHEMA_REGISTRY_URL: "http://other" }, state);
    expect(found["SCHEMA_REGISTRY_URL"]).toBe("");
  });
});
