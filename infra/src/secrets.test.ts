import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { secretsOf, toolSecrets, withoutSecrets } from "./secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("secrets of tools", () => {
  it("come by name from the environment and from files [security:secrets-by-name]", () => {
    writeFileSync(join(folder, "MAIL_PASSWORD"), "from a file\n");
    writeFileSync(join(folder, ".hidden"), "x");
    const env = {
      BUSBAR_SECRET_DB: "from a variable",
      BUSBAR_SECRETS: folder,
      BUSBAR_SECRET_EMPTY: "",
      OTHER: "not a secret",
    };
    expect([...toolSecrets(env)]).toEqual([
      ["DB", "from a variable"],
      ["MAIL_PASSWORD", "from a file"],
    ]);
  });

  it("the key of models that name none is one of them, also where it is short [http:secrets-by-name]", () => {
    expect([...toolSecrets({ OPENAI_API_KEY: "x" })]).toEqual([["OPENAI_API_KEY", "x"]]);
    expect([...toolSecrets({ OPENAI_API_KEY: "" })]).toEqual([]);
    expect(secretsOf({ OPENAI_API_KEY: "x" })).toEqual([]);
  });

  it("are known as secrets together with the credentials that have other names [security:redacted]", () => {
    const names = secretsOf({ BUSBAR_SECRET_DB: "12345678", OPENAI_API_KEY: "sk-12345678" }).map(({ name }) => name);
    expect(names).toEqual(["DB", "OPENAI_API_KEY"]);
  });

  it("do not go on to processes that call no tool [security:secrets-in-gateway-only]", () => {
    const env = { BUSBAR_SECRET_DB: "12345678", BUSBAR_SECRETS: folder, OPENAI_API_KEY: "sk-12345678", PATH: "/bin" };
    expect(withoutSecrets(env)).toEqual({ PATH: "/bin" });
  });

  it("too short to be found again, or in a folder that is not there: an error that says so [cli:error-says-next]", () => {
    const config = expect.objectContaining({ code: "BUSBAR_CONFIG_INVALID" });
    expect(() => toolSecrets({ BUSBAR_SECRET_PIN: "1234" })).toThrow(config);
    expect(() => toolSecrets({ BUSBAR_SECRETS: join(folder, "no") })).toThrow(config);
  });
});
