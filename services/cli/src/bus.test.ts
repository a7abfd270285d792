import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findBus } from "./bus.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "busbar-cli-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const record = (state: object) => writeFile(join(folder, "bus.json"), JSON.stringify(state));
const kafkaAt = (port: number) => ({
  kind: "jvm",
  brokers: [`127.0.0.1:${port}`],
  registryUrl: "http://127.0.0.1:1/apis",
  processes: [],
  compose: null,
});

describe("the bus of a command", () => {
  it("is the one that the environment names", async () => {
    await record(kafkaAt(9));
    const env = { BUSBAR_BROKERS: "a:1" };
    expect(await findBus(env, folder)).toBe(env);
    expect(await findBus({ BUSBAR_EMBEDDED: "x.db" }, folder)).toEqual({ BUSBAR_EMBEDDED: "x.db" });
  });

  it("is else the one that the folder records, when it answers", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await record(kafkaAt(port));
    expect(await findBus({ BUSBAR_BROKERS: "" }, folder)).toEqual({
      BUSBAR_BROKERS: `127.0.0.1:${port}`,
      SCHEMA_REGISTRY_URL: "http://127.0.0.1:1/apis",
      BUSBAR_SECURITY: "none",
    });
    await record({ ...kafkaAt(port), secured: true });
    expect(await findBus({}, folder)).toMatchObject({ BUSBAR_SECURITY: "scram" });
    await new Promise((resolve) => void server.close(resolve));
    await expect(findBus({}, folder)).rejects.toMatchObject({ code: "BUSBAR_BUS_MISSING" });
  });

  it("is the embedded log where that was chosen", async () => {
    await record({ kind: "embedded", brokers: [], registryUrl: null, processes: [], compose: null });
    expect(await findBus({}, folder)).toEqual({ BUSBAR_EMBEDDED: join(folder, "log.db") });
  });

  it("is an error that says where it was looked for when there is none [cli:error-says-next]", async () => {
    const missing = findBus({}, folder);
    await expect(missing).rejects.toMatchObject({ code: "BUSBAR_BUS_MISSING", next: "npx busbar up" });
    await expect(missing).rejects.toThrow(folder);
  });
});
