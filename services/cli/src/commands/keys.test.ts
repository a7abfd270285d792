/** `busbar keys` as it is typed, against a bus in a file. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentKey, clientKey, ensureKeys, type KeyRow } from "@busbar/infra";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../program.ts";

let folder: string;
let keys: string;
let before: NodeJS.ProcessEnv;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "busbar-keys-"));
  keys = join(folder, "keys");
  mkdirSync(keys, { mode: 0o700 });
  ensureKeys(keys, ["support"], ["billing"]);
  const file = join(folder, "log.db");
  const log = createEmbeddedLog({ file });
  await log.ensureTopics(
    ["events", "directives"].map((name) => ({ name: `busbar.${name}`, partitions: 1, config: {} })),
  );
  await log.close();
  before = { ...process.env };
  const none = { BUSBAR_BROKERS: "", SCHEMA_REGISTRY_URL: "", BUSBAR_SECURITY: "none", BUSBAR_CONTEXT: "" };
  Object.assign(process.env, none, { BUSBAR_KEYS: keys, BUSBAR_EMBEDDED: file, BUSBAR_PREFIX: "busbar" });
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  rmSync(folder, { recursive: true, force: true });
});

async function typed(...args: readonly string[]) {
  let [out, err] = ["", ""];
  const streams = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: null,
    hasColour: false,
  };
  const exitCode = await run(["keys", ...args], streams);
  return { exitCode, out, err };
}

/** Rows as a program reads them. */
async function rows(...args: readonly string[]): Promise<readonly KeyRow[]> {
  const { exitCode, out, err } = await typed(...args, "-o", "json");
  if (exitCode !== 0) throw new Error(err);
  return JSON.parse(out) as readonly KeyRow[];
}

const of = (found: readonly KeyRow[], principal: string): readonly string[] =>
  found.filter((row) => row.principal === principal).map(({ kind, state }) => `${kind} ${state}`);

/** Everything that is secret in the folder: private halves and shared secrets, whole and line by line. */
function secrets(): readonly string[] {
  const files = readdirSync(keys, { recursive: true, encoding: "utf8" }).map((name) => join(keys, name));
  const secret = files.filter((path) => statSync(path).isFile() && !path.endsWith(".pub.pem"));
  const lines = secret.flatMap((path) => readFileSync(path, "utf8").split(/\s+/));
  return lines.filter((line) => line.length >= 24);
}

describe("busbar keys", () => {
  it("lists who has a key and of which kind, and prints no part of any [security:rotation]", async () => {
    const found = await rows("ls");
    expect(of(found, "agent:support")).toEqual(["hmac signs"]);
    expect(of(found, "client:billing")).toEqual(["hmac signs"]);
    for (const role of ["operator", "supervisor", "gateway"]) expect(of(found, role)).toContain("ed25519 signs");
    const { out } = await typed();
    expect(out).toContain("client:billing");
    expect(secrets().length).toBeGreaterThan(4);
    expect(secrets().filter((secret) => out.includes(secret))).toEqual([]);
  });

  it("adds the key of one more agent or client, for its owner alone, and of nobody else [security:rotation]", async () => {
    expect(of(await rows("add", "client:shipping"), "client:shipping")).toEqual(["hmac signs"]);
    expect(of(await rows("add", "agent:clerk"), "agent:clerk")).toEqual(["hmac signs"]);
    expect(clientKey(keys, "shipping").length).toBeGreaterThanOrEqual(32);
    const files = readdirSync(keys, { recursive: true, encoding: "utf8" }).filter((name) =>
      /clerk|shipping/.test(name),
    );
    const modes = files.map((name) => statSync(join(keys, name)).mode & 0o077);
    expect([files.length > 0, modes.every((mode) => mode === 0)]).toEqual([true, true]);
    const refused = await typed("add", "operator");
    expect(refused).toMatchObject({
      out: "",
      err: expect.stringContaining("npx busbar keys add client:billing") as string,
    });
    expect(refused.exitCode).not.toBe(0);
  });

  it("a second add changes no key [security:rotation]", async () => {
    const key = agentKey(keys, "support");
    await rows("add", "agent:support");
    expect(agentKey(keys, "support")).toEqual(key);
  });

  it("rotates: the new key signs, the older one is accepted until it is retired, and it says what is next [security:rotation]", async () => {
    const old = clientKey(keys, "billing");
    const rotated = await typed("rotate", "client:billing");
    expect(rotated.exitCode).toBe(0);
    expect(rotated.err).toContain(
      "start the processes of client:billing again, then npx busbar keys retire client:billing",
    );
    expect(clientKey(keys, "billing")).not.toEqual(old);
    expect(of(await rows("ls"), "client:billing")).toEqual(["hmac signs", "hmac accepted"]);
    expect(of(await rows("retire", "client:billing"), "client:billing")).toEqual(["hmac signs"]);
  });

  it("rotates the operator's: what the retired key signed before stands, so it stays listed as retired [security:rotation]", async () => {
    expect(of(await rows("rotate", "operator"), "operator")).toEqual(["ed25519 signs", "ed25519 accepted"]);
    const after = of(await rows("retire", "operator"), "operator");
    expect(after[0]).toBe("ed25519 signs");
    expect(after).not.toContain("ed25519 accepted");
  });

  it("says so where there is nothing to retire, and names whom it does not know [security:rotation]", async () => {
    const nothing = await typed("retire", "agent:support");
    expect(nothing).toMatchObject({ exitCode: 0, err: expect.stringContaining("no key but the one") as string });
    const unknown = await typed("rotate", "agent:nobody");
    expect([unknown.exitCode === 0, unknown.out]).toEqual([false, ""]);
    expect(unknown.err).toContain("nobody");
  });
});
