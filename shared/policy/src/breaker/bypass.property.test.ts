import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScene, POLICY } from "../door/testing.ts";
import { breakerKeys } from "./keys.ts";

const stand = fc.constantFrom("closed", "open", "isolated", "half-open", "half-open elsewhere", "half-open spent");
const [AGENT = "", TOOL = "", PAIR = ""] = breakerKeys("support", "db.read");

type Stand = "closed" | "open" | "isolated" | "half-open" | "half-open elsewhere" | "half-open spent";

/** The orders that bring a breaker there. */
function ordersInto(key: string, into: Stand, atMs: number): readonly (readonly [string, object])[] {
  if (into === "closed") return [];
  if (into === "isolated") return [["IsolateBreaker", { key, reason: "", by: "operator:ann" }]];
  const opened = ["OpenBreaker", { key, rule: "r", cause: "c", reason: "down", cooldownMs: 10 }] as const;
  if (into === "open") return [opened];
  const partition = into === "half-open elsewhere" ? 7 : 0;
  const expiresAtMs = into === "half-open spent" ? atMs : atMs + 1000;
  const grant = { grantId: `g ${key}`, key, cause: "c", sequence: 1, partition, count: 1, expiresAtMs };
  return [opened, ["Grant", grant]];
}

describe("breakers at the door, in any combination", () => {
  it("a call passes only where each one is closed or has a grant, which it spends; not when all are open [supervisor:breaker-not-bypassed]", () => {
    fc.assert(
      fc.property(stand, stand, stand, (agent, tool, pair) => {
        const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
        const chain = scene.submit("t");
        const stands = [
          [AGENT, agent],
          [TOOL, tool],
          [PAIR, pair],
        ] as const;
        const orders = stands.flatMap(([key, into]) => ordersInto(key, into, scene.door.atMs));
        if (orders.length > 0) scene.door.turn(scene.orders(...(orders as readonly (readonly [string, {}])[])));
        const mayPass = stands.every(([, into]) => into === "closed" || into === "half-open");
        const [event] = scene.door.turn(scene.call(chain, 1, "db.read"));
        expect(event?.type).toBe(mayPass ? "EffectAdmitted" : "EffectRefused");
        if (event?.type !== "EffectAdmitted") return;
        const spent = stands.filter(([, into]) => into === "half-open").map(([key]) => `g ${key}`);
        expect(event.probes).toEqual(spent);
        expect(scene.door.state.grants).toEqual({});
        // One grant, one call.
        const [second] = scene.door.turn(scene.call(chain, 2, "db.read"));
        expect(second?.type).toBe(spent.length === 0 ? "EffectAdmitted" : "EffectRefused");
      }),
    );
  });
});
