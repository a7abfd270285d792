/** One task at a door without a log, and what can happen to it: the steps of a door's specification. */
import type { AppliedDirective, BusCommand, BusEvent } from "@busbar/events";
import { canonicalJson, type Json, type JsonObject, own, parseJson } from "@busbar/kernel";
import {
  type CallOutcome,
  type CallState,
  createPureDoor,
  type Input,
  lookAfter,
  missingFrom,
  parseLook,
  type Policy,
  type PureDoor,
  taskChainId,
  versionOf,
} from "@busbar/policy";
import { createSchemaCheck, metaWith } from "@busbar/runtime";

/** Something that happens at the door; what was recorded because of it. */
export type DoorStep = (scene: DoorScene) => readonly BusEvent[];

const TASK = "the task";

/** Distributes over the union of commands. */
type Bodies<T> = T extends BusCommand ? Omit<T, "meta"> : never;

export class DoorScene {
  readonly door: PureDoor;
  readonly #agent: string;
  readonly #chainId = taskChainId(TASK);
  #offset = 0n;
  #directive = 1n;
  #step = 0;

  constructor(policy: Policy, agent: string) {
    this.#agent = agent;
    this.door = createPureDoor({ check: createSchemaCheck() });
    this.door.open(policy);
    const common = { taskKey: TASK, agent, input: "{}", deadlineAtMs: 0, maxSteps: 0, budgetTokens: 0 };
    this.#send({ type: "SubmitTask", ...common, parentChainId: "", parentCallId: "", untrusted: false }, "client:spec");
  }

  #send(body: Bodies<BusCommand>, principal = `agent:${this.#agent}`): readonly BusEvent[] {
    const chain = this.door.state.chains[this.#chainId];
    const isSubmission = body.type === "SubmitTask";
    const meta = metaWith({
      eventId: "",
      atMs: this.door.atMs,
      chainId: this.#chainId,
      agent: this.#agent,
      incarnation: isSubmission ? 0 : (chain?.incarnation ?? 0),
      streamSeq: isSubmission ? 0 : (chain?.sequence ?? 0) + 1,
    });
    const offset = this.#offset;
    this.#offset += 1n;
    const command = { ...body, meta } as BusCommand;
    return this.door.turn({
      kind: "command",
      source: "commands",
      topic: "commands",
      offset,
      command,
      principal,
      authProblem: null,
    });
  }

  call(tool: string, args: JsonObject, repeat: number): readonly BusEvent[] {
    this.#step += 1;
    return this.#send({ type: "CallTool", step: this.#step, tool, args: canonicalJson(args), repeat });
  }

  say(subject: string, statement: string): readonly BusEvent[] {
    this.#step += 1;
    return this.#send({ type: "MakeStatement", step: this.#step, subject, statement });
  }

  end(output: Json): readonly BusEvent[] {
    return this.#send({ type: "CompleteTask", step: this.#step + 1, output: canonicalJson(output) });
  }

  #latest(...statuses: readonly CallState["status"][]): readonly [callId: string, call: CallState] {
    const calls = Object.entries(this.door.state.chains[this.#chainId]?.calls ?? {});
    const found = calls.findLast(([, one]) => statuses.includes(one.status));
    if (found === undefined)
      throw new Error(`no call waits for ${statuses.includes("unverified") ? "a look" : "an outcome"}`);
    return found;
  }

  /** What the gateway makes of a result: the version that it tells, and the look that is due. */
  answer(result: Json): readonly BusEvent[] {
    const [, { name, args: text }] = this.#latest("open", "in-doubt");
    const args = parseJson(text) ?? null;
    const tool = own(this.door.state.policy?.tools ?? {}, name);
    const readBack = tool?.readBack ?? null;
    const look = readBack === null ? "" : lookAfter(readBack, args, result);
    const told = { version: versionOf(tool, args, result), readBack: look };
    return this.outcome({ kind: "committed", result: canonicalJson(result), ...told });
  }

  /** The look at the latest change that one is due for. */
  see(seen: Json): readonly BusEvent[] {
    const [callId, call] = this.#latest("unverified");
    const look = parseLook(call.look);
    const missing = look === null ? "it cannot be looked at" : missingFrom(look, seen);
    const reason = missing ?? "it shows";
    const body = {
      kind: "read-back",
      shown: missing === null,
      failed: look === null,
      result: canonicalJson(seen),
      reason,
    };
    return this.outcome(body, [callId, call]);
  }

  /** The outcome of the latest call that has none. */
  outcome(
    body: Readonly<Record<string, unknown>>,
    [callId, call] = this.#latest("open", "in-doubt"),
  ): readonly BusEvent[] {
    const outcome = {
      chainId: this.#chainId,
      callId,
      admitted: call.admitted,
      durationMs: 1,
      ...body,
    } as unknown as CallOutcome;
    return this.door.turn({ kind: "outcome", outcome });
  }

  order(kind: string, scope: string, fields: JsonObject): readonly BusEvent[] {
    const offset = this.#directive;
    this.#directive += 1n;
    const fence = this.door.state.fences[scope]?.fence ?? "";
    const body = kind === "Resume" ? { scope, fence, ...fields } : { scope, ...fields };
    const id = kind === "Resume" ? fence : "";
    const applied: AppliedDirective = { offset: offset.toString(), kind, scope, id, detail: canonicalJson(body) };
    const input: Input = { kind: "directives", applied: [applied], through: this.#directive.toString() };
    return this.door.turn(input);
  }
}

/** The agent calls a tool. */
export const calls =
  (tool: string, args: JsonObject = {}, repeat = 0): DoorStep =>
  (scene) =>
    scene.call(tool, args, repeat);
/** The tool answers the latest open call. Where it declares a read-back, that is due then: see {@link sees}. */
export const answers =
  (result: Json): DoorStep =>
  (scene) =>
    scene.answer(result);
/** The read-back of the latest change sees this. */
export const sees =
  (seen: Json): DoorStep =>
  (scene) =>
    scene.see(seen);
/** The tool finds another version than the latest open call carries. */
export const isStale =
  (now: Json): DoorStep =>
  (scene) =>
    scene.outcome({ kind: "stale", now: canonicalJson(now), reason: "another version is there" });
/** The tool fails after it may have started. */
export const fails =
  (reason = "it failed"): DoorStep =>
  (scene) =>
    scene.outcome({ kind: "failed", code: "BUSBAR_TOOL_FAILED", reason, beforeEffect: false });
/** The tool does not answer in time. */
export const timesOut = (): DoorStep => (scene) => scene.outcome({ kind: "timeout", reason: "no answer in time" });
/** The agent states something as a fact. */
export const says =
  (subject: string, statement: string): DoorStep =>
  (scene) =>
    scene.say(subject, statement);
/** The agent ends its task. */
export const completes =
  (output: Json = null): DoorStep =>
  (scene) =>
    scene.end(output);
/** A person halts a scope. */
export const halts =
  (scope: string, reason = "stop"): DoorStep =>
  (scene) =>
    scene.order("Halt", scope, { reason, by: "operator:spec", rule: "", cause: "" });
/** A person lifts the last halt of a scope. */
export const resumes =
  (scope: string): DoorStep =>
  (scene) =>
    scene.order("Resume", scope, { reason: "looked at", by: "operator:spec", coversThrough: [] });
/** A person freezes effect classes of a scope, now and until it is lifted. */
export const freezes =
  (scope: string, effects: readonly string[], reason = "freeze"): DoorStep =>
  (scene) =>
    scene.order("Freeze", scope, {
      freezeId: "freeze",
      effects: [...effects],
      fromMs: 0,
      untilMs: 0,
      reason,
      by: "operator:spec",
    });
/** Time passes, and what is due happens. */
export const passes =
  (ms: number): DoorStep =>
  (scene) => {
    scene.door.atMs += ms;
    return scene.door.turn({ kind: "tick" });
  };
