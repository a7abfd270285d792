import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isBusbarError } from "@busbar/kernel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agentKey, clientKey, ensureKeys, openKeyring, ORDER_ROLES } from "./keys.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const order = (principal: string, value = "stop") => ({
  topic: "busbar.directives",
  principal,
  value: Buffer.from(value),
});
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return isBusbarError(error) ? error.code : String(error);
  }
  return "";
};

describe("the key folder", () => {
  it("holds a key per agent and client, a pair per role, a password for each, readable by their owner only", () => {
    ensureKeys(folder, ["clerk", "helper"]);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map((entry) => entry.name).toSorted()).toEqual([
      "admin.sasl",
      "clerk.key",
      "clerk.sasl",
      "cli.key",
      "cli.sasl",
      "gateway.key",
      "gateway.pem",
      "gateway.pub.pem",
      "gateway.sasl",
      "helper.key",
      "helper.sasl",
      "operator.pem",
      "operator.pub.pem",
      "operator.sasl",
      "registry.sasl",
      "supervisor.pem",
      "supervisor.pub.pem",
      "supervisor.sasl",
    ]);
    for (const entry of files) expect(statSync(join(entry.parentPath, entry.name)).mode & 0o077).toBe(0);
  });

  it("is made once: nothing in it is ever overwritten", () => {
    ensureKeys(folder, ["clerk"]);
    const before = [agentKey(folder, "clerk"), readFileSync(join(folder, "operator.pem"))];
    ensureKeys(folder, ["clerk", "helper"]);
    expect([agentKey(folder, "clerk"), readFileSync(join(folder, "operator.pem"))]).toEqual(before);
    expect(agentKey(folder, "helper")).not.toEqual(agentKey(folder, "clerk"));
    expect(agentKey(folder, "clerk").length).toBe(32);
  });

  it("says which key is missing [cli:error-says-next]", () => {
    ensureKeys(folder, []);
    expect(codeOf(() => agentKey(folder, "clerk"))).toBe("BUSBAR_CONFIG_INVALID");
    unlinkSync(join(folder, "operator.pub.pem"));
    expect(codeOf(() => openKeyring(folder, "gateway"))).toBe("BUSBAR_CONFIG_INVALID");
  });
});

describe("a keyring", () => {
  it("knows the keys of agents and gateway, and nobody else's [door:authentication-checked]", () => {
    ensureKeys(folder, ["clerk"]);
    const keyring = openKeyring(folder, "gateway");
    expect(keyring.commandKeys("agent:clerk")).toEqual([agentKey(folder, "clerk")]);
    expect(keyring.commandKeys("client:cli")).toEqual([clientKey(folder, "cli")]);
    expect(keyring.commandKeys("gateway")[0]?.length).toBe(32);
    for (const principal of [
      "agent:other",
      "agent:../gateway",
      "agent:",
      "client:clerk",
      "operator:clerk",
      "clerk",
      "",
    ]) {
      expect(keyring.commandKeys(principal)).toEqual([]);
    }
  });

  it("finds the key of an agent that came later, without a restart", () => {
    ensureKeys(folder, []);
    const keyring = openKeyring(folder, "gateway");
    expect(keyring.commandKeys("agent:clerk")).toEqual([]);
    ensureKeys(folder, ["clerk"]);
    expect(keyring.commandKeys("agent:clerk")).toEqual([agentKey(folder, "clerk")]);
  });

  it("an order is its role's, its topic's, its principal's and its bytes' [door:orders-signed]", () => {
    ensureKeys(folder, []);
    const operator = openKeyring(folder, "operator");
    const gateway = openKeyring(folder, "gateway");
    const sig = operator.signOrder(order("operator:ann"));
    expect(gateway.isOrderSigned(order("operator:ann"), sig)).toBe(true);
    const forged = [
      order("operator:bob"),
      order("supervisor:ann"),
      order("operator:ann", "go"),
      { ...order("operator:ann"), topic: "busbar.control" },
      order("agent:ann"),
      order(""),
    ];
    for (const one of forged) expect(gateway.isOrderSigned(one, sig)).toBe(false);
    for (const bad of ["", "AAAA", "no base64!", sig.slice(2)])
      expect(gateway.isOrderSigned(order("operator:ann"), bad)).toBe(false);
    expect(gateway.isOrderSigned(order("operator:ann"), gateway.signOrder(order("operator:ann")))).toBe(false);
  });

  it("the roles that give orders are these", () => {
    expect(ORDER_ROLES).toEqual(["operator", "supervisor", "gateway"]);
  });
});
