/**
 * Runs an agent machine as a handler: each intent becomes a call of ctx, each answer one transition, in log order.
 *
 * The machine holds no promise and no timer: its delays are `ctx.sleep`. So its state is a fold over the answers;
 * journal, scheduler and halts are those of any handler.
 */
import { assert, busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import {
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  transition,
} from "xstate";
import type { AgentIntents, AgentMachineEvent } from "./agent-machine.ts";
import type { AgentContext, Task } from "./agent-context.ts";
import type { AgentDefinition, AgentHandler } from "./define-agent.ts";
import { type CallError, isCallError } from "./errors.ts";

/** One action as `transition` returns it: never executed here. */
interface Wanted {
  readonly type: string;
  readonly params?: unknown;
}

type Stepped = readonly [AnyMachineSnapshot, readonly Wanted[]];

const CALL_OF = { tool: "tool", model: "model", send: "subtask", statement: "statement" } as const;

function failureEvent(kind: keyof AgentIntents, id: string, error: CallError): AgentMachineEvent {
  const call = CALL_OF[kind];
  const { code, reason, rule } = error;
  if (error.kind === "halted" || error.kind === "stopped") return { type: "halted", reason };
  if (error.kind === "refused") return { type: `${call}.refused`, id, code, reason, rule };
  const happened = "happened" in error && error.happened === true;
  return { type: `${call}.failed`, id, code, reason, happened, inDoubt: error.kind === "in-doubt" };
}

async function performTool(ctx: AgentContext, intent: AgentIntents["tool"]): Promise<AgentMachineEvent> {
  const options = intent.repeat === undefined ? {} : { repeat: intent.repeat };
  const { result, alreadyDone } = await ctx.toolAnswer(intent.tool, intent.args, options);
  return { type: "tool.done", id: intent.id, result, alreadyDone, atMs: ctx.now() };
}

async function performModel(ctx: AgentContext, intent: AgentIntents["model"]): Promise<AgentMachineEvent> {
  const { message, usage } = await ctx.model(intent.model, intent.request);
  return { type: "model.done", id: intent.id, message, usage, atMs: ctx.now() };
}

async function performSend(ctx: AgentContext, intent: AgentIntents["send"]): Promise<AgentMachineEvent> {
  const output = await ctx.send(intent.agent, intent.input);
  return { type: "subtask.done", id: intent.id, output, atMs: ctx.now() };
}

async function performStatement(ctx: AgentContext, intent: AgentIntents["statement"]): Promise<AgentMachineEvent> {
  const { agrees, fact, source } = await ctx.state(intent.subject, intent.statement);
  return { type: "statement.checked", id: intent.id, agrees, fact, source, atMs: ctx.now() };
}

function perform(ctx: AgentContext, kind: keyof AgentIntents, params: unknown): Promise<AgentMachineEvent> {
  // agentSetup types the parameters of each intent; a machine built around it has lied to the compiler.
  switch (kind) {
    case "tool":
      return performTool(ctx, params as AgentIntents["tool"]);
    case "model":
      return performModel(ctx, params as AgentIntents["model"]);
    case "send":
      return performSend(ctx, params as AgentIntents["send"]);
    case "statement":
      return performStatement(ctx, params as AgentIntents["statement"]);
  }
}

const isIntent = (type: string): type is keyof AgentIntents => Object.hasOwn(CALL_OF, type);

const RAISE = "xstate.raise";
const CANCEL = "xstate.cancel";

/** An event that the machine raises after a time: `after`, or a delayed raise. */
interface Delayed {
  readonly event: AnyEventObject;
  /** Under which a later transition cancels it; absent where none can. */
  readonly id?: string;
  readonly delay: number;
}

/** What is raised at once has been taken in the same transition already. */
function delayedOf(params: unknown): Delayed | null {
  const { delay } = params as Partial<Delayed>;
  return typeof delay === "number" ? (params as Delayed) : null;
}

const broken = (machine: AnyStateMachine, reason: string) =>
  busbarError("BUSBAR_HANDLER_FAILED", { agent: machine.id, reason });

/** Refuses what the definition could not see: a spawn inside an assign, an action added by enqueueActions. */
function checkStep(machine: AnyStateMachine, [snapshot, wanted]: Stepped): void {
  if (snapshot.status === "error") throw broken(machine, `an error in the machine: ${reasonOf(snapshot.error)}`);
  if (Object.keys(snapshot.children as object).length > 0) throw broken(machine, "a machine spawns nothing");
  const foreign = wanted.find(({ type }) => !isIntent(type) && type !== RAISE && type !== CANCEL);
  if (foreign !== undefined) throw broken(machine, `action ${foreign.type} is no intent`);
}

/** The run of one machine: state, and the intents that have no answer yet. */
class MachineRun {
  readonly #machine: AnyStateMachine;
  readonly #ctx: AgentContext;
  readonly #open = new Set<string>();
  readonly #resolve: (output: unknown) => void;
  readonly #reject: (reason: unknown) => void;
  /** Delays that are not over or cancelled, by what cancels them. */
  readonly #delays = new Map<string | Delayed, Delayed>();
  #snapshot: AnyMachineSnapshot | null = null;
  #isHalted = false;

  constructor(
    machine: AnyStateMachine,
    ctx: AgentContext,
    resolve: (output: unknown) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#machine = machine;
    this.#ctx = ctx;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(task: Task): void {
    this.#advance(() => initialTransition(this.#machine, task) as unknown as Stepped);
  }

  #advance(step: () => Stepped): void {
    try {
      const stepped = step();
      checkStep(this.#machine, stepped);
      const [snapshot, wanted] = stepped;
      this.#snapshot = snapshot;
      for (const { type, params } of wanted) {
        if (isIntent(type)) this.#want(type, params);
        else if (type === CANCEL) this.#delays.delete((params as { readonly sendId: string }).sendId);
        else this.#delay(delayedOf(params));
      }
      if (snapshot.status === "done") this.#resolve(snapshot.output ?? null);
      else if (this.#open.size === 0 && this.#delays.size === 0) {
        throw broken(this.#machine, `state ${JSON.stringify(snapshot.value)} waits for nothing: it can never go on`);
      }
    } catch (thrown) {
      this.#reject(isBusbarError(thrown) ? thrown : broken(this.#machine, reasonOf(thrown)));
    }
  }

  #want(kind: keyof AgentIntents, params: unknown): void {
    const given = (params as { readonly id?: unknown } | undefined)?.id;
    const id = typeof given === "string" ? given : "";
    if (id === "" || this.#open.has(id))
      throw broken(this.#machine, `intent ${kind} needs an id of its own, not "${id}"`);
    this.#open.add(id);
    const answered = (event: AgentMachineEvent, halt: CallError | null): void => {
      this.#open.delete(id);
      this.#feed(event, halt);
    };
    perform(this.#ctx, kind, params).then(
      (event) => answered(event, null),
      (thrown: unknown) => {
        if (!isCallError(thrown)) return this.#reject(thrown);
        const isEnd = thrown.kind === "halted" || thrown.kind === "stopped";
        answered(failureEvent(kind, id, thrown), isEnd ? thrown : null);
      },
    );
  }

  /** A cancelled delay goes on at the door, and what comes of it is passed over: live and in a re-run alike. */
  #delay(delayed: Delayed | null): void {
    if (delayed === null) return;
    const key = delayed.id ?? delayed;
    this.#delays.set(key, delayed);
    const isStanding = (): boolean => this.#delays.get(key) === delayed && this.#delays.delete(key);
    this.#ctx.sleep(delayed.delay).then(
      () => {
        if (isStanding()) this.#feed(delayed.event, null);
      },
      (thrown: unknown) => {
        if (!isStanding()) return;
        const isHalt = isCallError(thrown) && thrown.kind === "halted";
        if (isHalt) this.#feed({ type: "halted", reason: thrown.reason }, thrown);
        else this.#reject(thrown);
      },
    );
  }

  #feed(event: AnyEventObject, halt: CallError | null): void {
    const snapshot = this.#snapshot;
    assert(snapshot !== null, "a machine is started before it is fed");
    if (snapshot.status !== "active") return;
    // A machine hears of a halt once, and may state something then; whatever else it wants is rejected for good.
    if (halt !== null && (this.#isHalted || halt.kind === "stopped" || !snapshot.can(event))) return this.#reject(halt);
    this.#isHalted ||= halt !== null;
    this.#advance(() => transition(this.#machine, snapshot, event) as unknown as Stepped);
  }
}

/** The handler of an agent, whichever way it is written. */
export function handlerOf(agent: AgentDefinition): AgentHandler {
  if (agent.kind === "handler") return agent.handler;
  const { machine } = agent;
  return (task, ctx) =>
    new Promise((resolve, reject) => {
      new MachineRun(machine, ctx, resolve, reject).start(task);
    });
}
