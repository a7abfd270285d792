import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isBusbarError } from "@busbar/kernel";
import { afterAll, describe, expect, it } from "vitest";
import { connect, DEFAULT_KEYS, DEFAULT_PREFIX, openCodec, openLog } from "./connect.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-connect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "log.sqlite");

describe("how a process reaches the bus", () => {
  it("without a bus it says so, and what to type [cli:error-says-next]", () => {
    for (const env of [{}, { BUSBAR_BROKERS: " , " }, { BUSBAR_EMBEDDED: "" }]) {
      expect(() => openLog(env, "test", "gateway")).toThrow(/npx busbar/u);
    }
  });

  it("by a file: the embedded log, with the names and keys that the environment gives [infra:broker-choice]", async () => {
    const notices: string[] = [];
    const plain = await connect({
      env: { BUSBAR_EMBEDDED: file },
      clientId: "test",
      principal: "gateway",
      onNotice: (text) => notices.push(text),
    });
    expect([plain.log.capabilities.adapter, plain.prefix, plain.keys]).toEqual([
      "embedded",
      DEFAULT_PREFIX,
      DEFAULT_KEYS,
    ]);
    await plain.close();
    const named = await connect({
      env: { BUSBAR_EMBEDDED: file, BUSBAR_PREFIX: "p", BUSBAR_KEYS: "k" },
      clientId: "test",
      principal: "gateway",
      onNotice: () => undefined,
    });
    expect([named.prefix, named.keys]).toEqual(["p", "k"]);
    await named.close();
    expect(notices).toEqual([]);
  });

  it("by brokers: Kafka, and nothing is asked of it yet [infra:broker-choice]", async () => {
    const log = openLog({ BUSBAR_BROKERS: "localhost:1, localhost:2", BUSBAR_EMBEDDED: file }, "test", "gateway");
    expect(log.capabilities.adapter).toBe("kafka");
    await log.close();
  });

  it("a registry that does not answer is said once, and the built-in ids are used [schemas:offline-start]", async () => {
    const notices: string[] = [];
    const codec = await openCodec({ SCHEMA_REGISTRY_URL: "http://127.0.0.1:1" }, (text) => notices.push(text));
    expect(notices.length).toBe(1);
    expect(notices[0]).toMatch(/^the schema registry .+ built-in schema ids are used$/u);
    expect(codec.decode(new Uint8Array([1, 2, 3]), "event").ok).toBe(false);
  });

  it("a broken file is an error of the table, not a stack of SQLite", () => {
    const thrown = (() => {
      try {
        return openLog({ BUSBAR_EMBEDDED: join(folder, "no", "such", "folder", "x.sqlite") }, "test", "gateway");
      } catch (error) {
        return error;
      }
    })();
    expect(isBusbarError(thrown) && thrown.code).toBe("BUSBAR_LOG_UNAVAILABLE");
  });
});
