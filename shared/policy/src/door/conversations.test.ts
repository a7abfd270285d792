import { HISTORY_FIELD, NO_HISTORY, requestHash, withMessages } from "@busbar/events";
import { canonicalJson, type Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { CONVERSATION_LIMIT_BYTES } from "./calls.ts";
import { createScene, MODEL_REPLY, only, type Scene, types } from "./testing.ts";

const HELLO = { role: "user", content: "hello" };
const HI = { role: "assistant", content: "hi" };
const MORE = { role: "user", content: "more" };

const ask = (scene: Scene, chain: string, step: number, request: Json) =>
  scene.door.turn(scene.command(chain, { type: "CallModel", step, model: "m", request: canonicalJson(request) }));
const reply = (scene: Scene, chain: string, step: number, message: Json = HI) =>
  scene.door.turn(scene.outcome(chain, step, { ...MODEL_REPLY, response: canonicalJson(message) }));

const after = (...messages: readonly Json[]) => ({ ...withMessages(NO_HISTORY, messages) });
const referring = (history: Json, ...messages: readonly Json[]): Json => ({ [HISTORY_FIELD]: history, messages });

/** A chain whose model was asked "hello" and said "hi". */
function greeted() {
  const scene = createScene();
  const chain = scene.submit("t");
  ask(scene, chain, 1, { messages: [HELLO] });
  reply(scene, chain, 1);
  return { scene, chain };
}

describe("a model call that refers to earlier messages", () => {
  it("is admitted as it was asked, under the hash of the whole request [models:history-by-digest]", () => {
    const { scene, chain } = greeted();
    const request = referring(after(HELLO, HI), MORE);
    const admitted = only(ask(scene, chain, 2, request), "ModelCallAdmitted");
    expect(admitted.request).toBe(canonicalJson(request));
    expect(admitted.requestHash).toBe(requestHash({ messages: [HELLO, HI, MORE] }));
    reply(scene, chain, 2, HELLO);
    expect(types(ask(scene, chain, 3, referring(after(HELLO, HI, MORE, HELLO), MORE)))).toEqual(["ModelCallAdmitted"]);
    expect(types(ask(scene, chain, 4, referring(after(HELLO), MORE)))).toEqual(["ModelCallAdmitted"]);
  });

  it("is known to a new owner, since the state is a fold of the records [models:history-by-digest]", () => {
    const { scene, chain } = greeted();
    scene.door.restore();
    expect(types(ask(scene, chain, 2, referring(after(HELLO, HI), MORE)))).toEqual(["ModelCallAdmitted"]);
  });

  it("asked for again is answered from the record, whole or referring [agents:divergence-recorded]", () => {
    const { scene, chain } = greeted();
    ask(scene, chain, 2, referring(after(HELLO, HI), MORE));
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "killed" });
    const whole = { messages: [HELLO, HI, MORE] };
    expect(only(ask(scene, chain, 2, whole), "CommandDeferred").code).toBe("BUSBAR_DUPLICATE");
  });

  it.each([
    ["of another order", after(HI, HELLO)],
    ["of which the model has not answered", after(HELLO, HI, MORE)],
    ["counted otherwise", { ...after(HELLO, HI), messages: 3 }],
    ["of another size", { ...after(HELLO, HI), bytes: 1 }],
  ])("is refused where the chain has no such messages: %s [models:history-missing]", (_what, history) => {
    const { scene, chain } = greeted();
    const refused = only(ask(scene, chain, 2, referring(history, MORE)), "EffectRefused");
    expect(refused).toMatchObject({ code: "BUSBAR_MESSAGES_UNKNOWN", tool: "model:m" });
    expect(refused.argsHash).toBe(requestHash(referring(history, MORE)));
  });

  it("refers to nothing of another chain [models:history-missing]", () => {
    const { scene } = greeted();
    const other = scene.submit("other");
    expect(only(ask(scene, other, 1, referring(after(HELLO, HI), MORE)), "EffectRefused").code).toBe(
      "BUSBAR_MESSAGES_UNKNOWN",
    );
  });

  it("is refused where the whole conversation is larger than a model may be asked [models:history-missing]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { maxSteps: 100 });
    const large = { role: "user", content: "x".repeat(200_000) };
    const messages: Json[] = [];
    const known = () => (messages.length === 0 ? [] : [after(...messages)]);
    let last: readonly string[] = [];
    for (let step = 1; step <= CONVERSATION_LIMIT_BYTES / 200_000 + 1; step += 1) {
      const [history] = known();
      const request = history === undefined ? { messages: [large] } : referring(history, large);
      const decided = ask(scene, chain, step, request);
      last = decided.map((event) => ("code" in event ? event.code : event.type));
      reply(scene, chain, step);
      messages.push(large, HI);
    }
    expect(last).toEqual(["BUSBAR_RECORD_TOO_LARGE"]);
  });
});
