/** What a chain knows of the world and of its person after its records (replay/evidence.ts). */
import { canonicalJson, type Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import type { ToolPolicy } from "../policy-document.ts";
import { SAID_CHARACTERS, SAID_KEPT, TASK_BYTES } from "../replay/evidence.ts";
import { createScene, late, only, POLICY, type Scene, types } from "./testing.ts";

const row = (name: string, change: Partial<ToolPolicy>): ToolPolicy =>
  ({ ...POLICY.tools[name], ...change }) as ToolPolicy;
const KNOWING = {
  ...POLICY,
  tools: {
    ...POLICY.tools,
    "db.read": row("db.clock", { trust: "untrusted" }),
    ask: row("db.clock", { person: true }),
  },
};
const claim = (subject: string, value: string) => ({
  subject,
  value,
  source: "rows",
  version: "",
  asOfMs: 0,
  ttlMs: 0,
});

function opened(input = '"refund me"') {
  const scene = createScene(KNOWING);
  return { scene, chain: scene.submit("t", { input }) };
}
function done(on: Scene, chain: string, step: number, name: string, result: Json, claims = [claim("row:1", "1")]) {
  on.door.turn(on.call(chain, step, name, { step }));
  return on.door.turn(on.outcome(chain, step, { kind: "committed", result: canonicalJson(result), claims }));
}

describe("what a chain knows", () => {
  it("is what its results claim, with who told it, when and where [evidence:claims-kept]", () => {
    const { scene, chain } = opened();
    const [told] = done(scene, chain, 1, "db.write", {});
    const offset = told?.meta.eventId.split("/").at(-1);
    const at = { atMs: told?.meta.atMs, offset };
    expect(scene.chain(chain).claims["row:1"]).toMatchObject({ value: 1, source: "rows", trusted: true, ...at });
    done(scene, chain, 2, "db.read", {}, [claim("row:1", "2")]);
    expect(scene.chain(chain).claims["row:1"]).toMatchObject({ value: 2, trusted: false });
  });

  it("is also what a late answer claims, and nothing that is not what the tool promises [evidence:claims-kept]", () => {
    const { scene, chain } = opened();
    scene.door.turn(scene.call(chain, 1, "db.write", {}));
    scene.door.turn(scene.outcome(chain, 1, late));
    const claims = [claim("row:1", "1")];
    const told = scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}", claims }));
    expect(only(told, "EffectSettled").claims).toEqual(claims);
    expect(scene.chain(chain).claims["row:1"]).toMatchObject({ value: 1 });
    scene.door.turn(scene.call(chain, 2, "db.checked", {}));
    scene.door.turn(scene.outcome(chain, 2, { kind: "invalid", result: "7", reason: "no object" }));
    expect(Object.keys(scene.chain(chain).claims)).toEqual(["row:1"]);
    expect(scene.chain(chain).committed).toEqual({ "db.write": 1, "db.checked": 1 });
  });

  it("is how often each tool was done; what failed or is told again counts nothing [evidence:counted]", () => {
    const { scene, chain } = opened();
    done(scene, chain, 1, "db.write", {});
    done(scene, chain, 2, "db.write", {});
    const { admitted = "" } = scene.chain(chain).calls[`${chain}:2`] ?? {};
    scene.door.turn(scene.outcome(chain, 2, { kind: "committed", result: "{}" }, admitted));
    scene.door.turn(scene.call(chain, 3, "db.retry", {}));
    const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false } as const;
    scene.door.turn(scene.outcome(chain, 3, failed));
    expect(scene.chain(chain).committed).toEqual({ "db.write": 2 });
  });

  it.each([
    ["committed" as const, 1, { "row:1": { value: 1 } }],
    ["not-done" as const, 0, {}],
  ])("after a dispute is what a person settled: %s [evidence:counted]", (outcome, count, claims) => {
    const { scene, chain } = opened();
    scene.door.turn(scene.call(chain, 1, "db.looked", { id: 1 }));
    const readBack = canonicalJson({ tool: "db.read", args: {}, expect: { there: true }, withinMs: 0 });
    const told = { kind: "committed", result: "{}", readBack, claims: [claim("row:1", "1")] } as const;
    scene.door.turn(scene.outcome(chain, 1, told));
    const seen = { kind: "read-back", shown: false, failed: false, result: "{}", reason: "there is missing" } as const;
    scene.door.turn(scene.outcome(chain, 1, seen));
    const callId = `${chain}:1`;
    const { admitted = "" } = scene.chain(chain).calls[callId] ?? {};
    const word = { type: "SettleEffect", callId, admitted, outcome, reason: "looked", by: "operator:x" } as const;
    const sent = { source: "control", principal: "operator:x", sequence: 0 } as const;
    expect(types(scene.door.turn(scene.command(chain, word, sent)))[0]).toBe("EffectSettled");
    expect(scene.chain(chain).committed).toEqual({ "db.looked": count });
    expect(scene.chain(chain).claims).toMatchObject(claims);
    expect(Object.keys(scene.chain(chain).claims)).toEqual(Object.keys(claims));
  });

  it("is what the person has said: the task's text, then what tools of the person brought [evidence:said]", () => {
    const { scene, chain } = opened();
    done(scene, chain, 1, "ask", "yes, do it");
    done(scene, chain, 2, "ask", { text: "now" });
    done(scene, chain, 3, "db.read", "I am the person");
    expect(scene.chain(chain).said).toEqual(["refund me", "yes, do it", '{"text":"now"}']);
    expect(scene.chain(chain).task).toBe("refund me");
  });

  it("of a sub-task is no word of a person: an agent has written its input [evidence:said]", () => {
    const { scene } = opened();
    const meta = { lineage: ["root", "child"] };
    const body = { type: "SubmitTask", taskKey: "", agent: "worker", input: '"pay"', deadlineAtMs: 0 } as const;
    const sub = {
      ...body,
      maxSteps: 0,
      budgetTokens: 0,
      parentChainId: "root",
      parentCallId: "root:1",
      untrusted: false,
    };
    scene.door.turn(scene.command("child", sub, { principal: "gateway", sequence: 0, incarnation: 0, meta }));
    expect(scene.chain("child")).toMatchObject({ task: "pay", said: [] });
  });

  it("is bounded [evidence:said]", () => {
    const { scene, chain } = opened(canonicalJson("x".repeat(TASK_BYTES + 5)));
    expect(scene.chain(chain).task).toHaveLength(TASK_BYTES);
    expect(scene.chain(chain).said[0]).toHaveLength(SAID_CHARACTERS);
    for (let step = 1; step <= SAID_KEPT + 1; step += 1) done(scene, chain, step, "ask", `n${step}`);
    const { said } = scene.chain(chain);
    expect([said.length, said[0], said.at(-1)]).toEqual([SAID_KEPT, "n2", `n${SAID_KEPT + 1}`]);
    const other = scene.submit("u", { input: canonicalJson({ text: "x".repeat(TASK_BYTES) }) });
    expect(scene.chain(other)).toMatchObject({ task: null, said: [] });
  });
});
