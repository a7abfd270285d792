import type { ClaimCheck } from "@busbar/events";
import { canonicalJson, sha256Hex } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { ARGUMENTS_LIMIT_BYTES } from "./admit.ts";
import { PAYLOAD_LIMIT_BYTES } from "./commands.ts";
import type { Input } from "./inputs.ts";
import { createScene, only, type Scene, type Sent, types } from "./testing.ts";

const ARGS = { id: 1, text: "x".repeat(PAYLOAD_LIMIT_BYTES) };
const TEXT = canonicalJson(ARGS);
const aside = (field = "args"): ClaimCheck => ({
  sha256: sha256Hex(TEXT),
  bytes: TEXT.length,
  field,
  offset: "0",
  chunks: [sha256Hex(TEXT)],
});

/** A call whose arguments stand elsewhere, as the intake hands it over: read, and in their field. */
const call = (scene: Scene, chain: string, step: number, tool: string, sent: Sent = {}): Input =>
  scene.call(chain, step, tool, ARGS, { meta: { claimCheck: aside() }, ...sent });

describe("arguments that were put aside", () => {
  it("are decided as if they stood in the command, and their record names them [arguments:by-reference]", () => {
    const [near, far] = [createScene(), createScene()];
    const small = { id: 1, text: "x" };
    const key = (scene: Scene, input: (chain: string) => Input) =>
      only(scene.door.turn(input(scene.submit("t"))), "EffectAdmitted").effectKey;
    const admitted = only(far.door.turn(call(far, far.submit("t"), 1, "db.write")), "EffectAdmitted");
    expect(admitted).toMatchObject({ args: "", argsHash: sha256Hex(TEXT), meta: { claimCheck: aside() } });
    expect(admitted.effectKey).not.toBe(key(near, (chain) => near.call(chain, 1, "db.write", small)));
    expect(JSON.stringify(admitted).length).toBeLessThan(4096);
  });

  it("name their effect: the same ones again are done already, by reference or not [effects:same-key-already-done]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(call(scene, chain, 1, "db.retry"));
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    expect(types(scene.door.turn(call(scene, chain, 2, "db.retry")))).toEqual(["EffectAlreadyDone"]);
  });

  it("stay where they are for a further attempt, of a new owner too [arguments:by-reference]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(call(scene, chain, 1, "db.retry"));
    scene.door.restore();
    const failed = { kind: "failed", code: "BUSBAR_EFFECT_NOT_STARTED", reason: "busy", beforeEffect: true } as const;
    const again = only(scene.door.turn(scene.outcome(chain, 1, failed)), "EffectAdmitted");
    expect(again).toMatchObject({ attempt: 2, args: "", meta: { claimCheck: aside() } });
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    expect(scene.chain(chain).calls[`${chain}:1`]?.aside).toBeNull();
  });

  it("are refused by the tool's schema and by a halt, without a copy in the record [arguments:by-reference]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const halt = { scope: `chain:${chain}`, reason: "r", by: "operator:ann", rule: "", cause: "" };
    scene.door.turn(scene.orders(["Halt", halt]));
    const refused = only(scene.door.turn(call(scene, chain, 1, "db.write")), "EffectRefused");
    expect(refused).toMatchObject({ code: "BUSBAR_HALT_ACTIVE", args: "", argsHash: sha256Hex(TEXT) });
    expect(refused.meta.claimCheck).toEqual(aside());
  });

  it("that are not in the log are refused, under the hash that their author gave [arguments:missing-refused]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const input = scene.call(chain, 1, "db.write", {}, { meta: { claimCheck: aside() } });
    const events = scene.door.turn({ ...input, contentProblem: "not whole" } as Input);
    const { sha256: argsHash } = aside();
    expect(only(events, "EffectRefused")).toMatchObject({ code: "BUSBAR_CONTENT_MISSING", args: "", argsHash });
    expect(scene.chain(chain).sequence).toBe(1);
  });

  it.each([
    ["a field that a command does not have", "output", "CallTool"],
    ["a model's request", "request", "CallModel"],
  ] as const)("are a tool's: %s is rejected [arguments:bounded]", (_what, field, type) => {
    const scene = createScene();
    const chain = scene.submit("t");
    const meta = { claimCheck: aside(field) };
    const body =
      type === "CallTool"
        ? ({ type, step: 1, tool: "db.read", args: "{}", repeat: 0 } as const)
        : ({ type, step: 1, model: "m", request: "" } as const);
    expect(only(scene.door.turn(scene.command(chain, body, { meta })), "CommandRejected").code).toBe(
      "BUSBAR_INPUT_INVALID",
    );
  });

  it("leave the rest of the command its bound [arguments:bounded]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const input = call(scene, chain, 1, "x".repeat(PAYLOAD_LIMIT_BYTES + 1));
    expect(only(scene.door.turn(input), "CommandRejected").code).toBe("BUSBAR_RECORD_TOO_LARGE");
    expect(ARGUMENTS_LIMIT_BYTES).toBeGreaterThan(PAYLOAD_LIMIT_BYTES);
  });
});
