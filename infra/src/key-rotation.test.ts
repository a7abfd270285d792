import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keysOf, listKeys, retireKeys, rotateKeys } from "./key-rotation.ts";
import { agentKey, ensureKeys, openKeyring } from "./keys.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-rotation-"));
  ensureKeys(folder, ["clerk"]);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const states = (principal: string) => keysOf(folder, principal).map(({ kind, state }) => `${kind} ${state}`);
const order = { topic: "busbar.directives", principal: "operator:ann", value: Buffer.from("halt") };

describe("a key that is replaced", () => {
  it("an agent's: the old one is accepted until it is retired, and the gateway need not be started again [security:rotation]", async () => {
    const keyring = openKeyring(folder, "gateway");
    const old = agentKey(folder, "clerk");
    expect(keyring.commandKeys("agent:clerk")).toEqual([old]);
    await rotateKeys(folder, "agent:clerk");
    const fresh = agentKey(folder, "clerk");
    expect(fresh).not.toEqual(old);
    await expect.poll(() => keyring.commandKeys("agent:clerk")).toEqual([fresh, old]);
    expect(states("agent:clerk")).toEqual(["hmac signs", "hmac accepted"]);
    retireKeys(folder, "agent:clerk", 0n);
    await expect.poll(() => keyring.commandKeys("agent:clerk")).toEqual([fresh]);
    expect(statSync(join(folder, "agents/clerk.key")).mode & 0o077).toBe(0);
  });

  it("is known to whoever verifies before anyone signs with it [security:rotation]", async () => {
    const verifier = openKeyring(folder, "gateway");
    const signer = openKeyring(folder, "operator");
    const before = signer.signOrder(order);
    const refused: string[] = [];
    const until = rotateKeys(folder, "operator").then(() => true);
    for (let isDone = false; !isDone;) {
      if (!verifier.isOrderSigned(order, signer.signOrder(order))) refused.push("refused");
      isDone = await Promise.race([until, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 10))]);
    }
    expect(refused).toEqual([]);
    // A running signer takes the new key up by itself.
    await expect.poll(() => signer.signOrder(order), { timeout: 4000 }).not.toBe(before);
    expect(verifier.isOrderSigned(order, signer.signOrder(order))).toBe(true);
  });

  it("an operator's: after its end it signs nothing, and what it signed before stands where it stood [security:rotation] [halt:left-by-person-only]", async () => {
    const verifier = openKeyring(folder, "gateway");
    const old = openKeyring(folder, "operator").signOrder(order);
    await rotateKeys(folder, "operator");
    expect(verifier.isOrderSigned(order, old)).toBe(true);
    retireKeys(folder, "operator", 7n);
    await expect.poll(() => verifier.isOrderSigned(order, old)).toBe(false);
    expect(verifier.isOrderSigned({ ...order, offset: 6n }, old)).toBe(true);
    expect(verifier.isOrderSigned({ ...order, offset: 7n }, old)).toBe(false);
    expect(states("operator")).toEqual(["ed25519 signs", "ed25519 retired"]);
    // The next one leaves the older end as it is.
    await rotateKeys(folder, "operator");
    retireKeys(folder, "operator", 9n);
    await expect.poll(() => verifier.isOrderSigned({ ...order, offset: 7n }, old)).toBe(false);
    expect(verifier.isOrderSigned({ ...order, offset: 6n }, old)).toBe(true);
  });

  it("is named by a digest that tells nothing about it [security:rotation]", () => {
    const rows = listKeys(folder);
    expect(rows.map(({ principal, kind }) => `${principal} ${kind}`)).toEqual([
      "operator ed25519",
      "supervisor ed25519",
      "gateway hmac",
      "gateway ed25519",
      "agent:clerk hmac",
      "client:cli hmac",
    ]);
    const secret = readFileSync(join(folder, "agents/clerk.key"), "utf8").trim();
    for (const { id } of rows) expect(id).toMatch(/^[0-9a-f]{8}$/);
    expect(rows.every(({ id }) => !secret.includes(id))).toBe(true);
    expect(() => keysOf(folder, "agent:nobody")).toThrow(expect.objectContaining({ code: "BUSBAR_NOT_FOUND" }));
  });
});
