import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loginOf, passwordFile, securityMode } from "./credentials.ts";
import { ensureKeys } from "./keys.ts";

const keys = mkdtempSync(join(tmpdir(), "busbar-credentials-"));
beforeAll(() => ensureKeys(keys, ["clerk"]));
afterAll(() => rmSync(keys, { recursive: true, force: true }));

const login = (env: NodeJS.ProcessEnv, principal: Parameters<typeof loginOf>[0]["principal"]) =>
  loginOf({ env, keys, prefix: "p", principal });

describe("how a process logs in to its broker", () => {
  it("not at all where nothing asks for it", () => {
    expect(login({}, "gateway")).toEqual({});
    expect(login({ BUSBAR_SECURITY: "none" }, "gateway")).toEqual({});
  });

  it("as its own principal, with its own password [security:one-principal-per-agent]", () => {
    const env = { BUSBAR_SECURITY: "scram" };
    const clerk = login(env, "agent:clerk").sasl?.();
    expect(clerk).toMatchObject({ mechanism: "scram-sha-512", username: "p.agent.clerk" });
    expect(login(env, "gateway").sasl?.()).toMatchObject({ username: "p.gateway" });
    expect(login(env, "gateway").sasl?.()).not.toMatchObject({ password: (clerk as { password: string }).password });
    expect(login(env, "admin").sasl?.()).toMatchObject({ mechanism: "plain", username: "admin" });
  });

  it("with a password that was changed while it runs", () => {
    const { sasl } = login({ BUSBAR_SECURITY: "scram" }, "agent:clerk");
    writeFileSync(passwordFile(keys, "agent:clerk"), "another");
    expect(sasl?.()).toMatchObject({ password: "another" });
  });

  it("as a user that others manage, where it is given", () => {
    const env = { BUSBAR_SECURITY: "scram", BUSBAR_SASL_USERNAME: "u", BUSBAR_SASL_PASSWORD: "x" };
    expect(login(env, "agent:stranger").sasl?.()).toEqual({ mechanism: "scram-sha-512", username: "u", password: "x" });
  });

  it("says what is missing or misspelt [cli:error-says-next]", () => {
    const config = expect.objectContaining({ code: "BUSBAR_CONFIG_INVALID" });
    expect(() => login({ BUSBAR_SECURITY: "scram" }, "agent:stranger")).toThrow(config);
    expect(() => securityMode({ BUSBAR_SECURITY: "kerberos" }, "none")).toThrow(config);
    expect(() => login({ BUSBAR_TLS_CA: "/no/such/file" }, "gateway")).toThrow(config);
  });

  it("over TLS where an authority is named", () => {
    expect(login({ BUSBAR_TLS_CA: "system" }, "gateway")).toEqual({ ssl: true });
    const ca = join(keys, "ca.pem");
    writeFileSync(ca, "PEM");
    expect(login({ BUSBAR_TLS_CA: ca }, "gateway")).toEqual({ ssl: { ca: "PEM" } });
  });
});
