/**
 * One run of one chain: a handler between its journal and the door.
 *
 * R1 A call takes the next step. A step that the journal holds is not sent again: it is compared, and answered from the
 *    record; every other one is one command.
 * R2 The first difference ends the run with ReportDivergence; nothing is sent after it.
 * R3 The task is closed only when every call made has its answer, timers and hand-offs excepted: they end with it. After the handler's
 *    end no call is accepted.
 * R4 A refusal before a person's resume, on which nothing rests yet, is no answer any more: the call is asked again as
 *    a new step, without the handler noticing, and in every later run at the same place.
 * R5 After the end of the run (`halted`, `stopped`, `diverged`) no command leaves it, whatever the handler does; with
 *    one exception: after a halt it may still state something, which is checked and kept as evidence.
 */
import type { MessageOf } from "@busbar/events";
import { chainId, type Json, parseJson, reasonOf } from "@busbar/kernel";
import type { AgentContext, Task } from "./agent-context.ts";
import type { AgentHandler } from "./define-agent.ts";
import { type CallError, HaltedError, RefusedError, StoppedError } from "./errors.ts";
import {
  ASIDE_BASE,
  type Answer,
  answerOf,
  type CallShape,
  describeCall,
  type Journal,
  isSameCall,
  type RecordedCall,
  type SourcedEvent,
} from "./journal.ts";
import { createContext, requireJson, type RunCommand } from "./run-context.ts";
import { errorOfEnd, failureOf, type RunEnd } from "./run-end.ts";
import { Scheduler } from "./scheduler.ts";
import type { Timers } from "./timers.ts";

export interface RunOptions {
  readonly agent: string;
  readonly incarnation: number;
  readonly handler: AgentHandler;
  readonly journal: Journal & { readonly submitted: MessageOf<"TaskSubmitted"> };
  /** Hands a command over; it is sent in this order. */
  send(command: RunCommand): void;
  /** The next command was sent by another run of this incarnation, and its number is taken. */
  skip(): void;
  readonly timers: Pick<Timers, "turn" | "after">;
  /** How long a recorded call may fail to be made before the run counts as diverged, in ms. */
  readonly stallMs: number;
  /** False only for agents that show what the door does without the SDK's courtesy: a halt is then one more refusal. */
  readonly obeysHalts: boolean;
}

interface PendingCall extends CallShape {
  readonly step: number;
  readonly command: (step: number) => RunCommand;
  resolve(answer: Answer): void;
  reject(failure: Error): void;
}

export class ChainRun {
  /** Resolves when the run is over; never rejects. */
  readonly ended: Promise<RunEnd>;
  readonly #options: RunOptions;
  readonly #scheduler: Scheduler;
  readonly #pending = new Map<number, PendingCall>();
  readonly #answered = new Map<number, Answer>();
  readonly #abort = new AbortController();
  readonly #resolveEnd: (end: RunEnd) => void;
  #steps = 0;
  #asides = 0;
  #nowMs: number;
  /** PROTOCOL 8.3, for races. True from the start, or from an answer, until the promise reactions to it have run. */
  #isReaction = false;
  #end: RunEnd | null = null;
  /** Set when the handler is done: what to close the task with. */
  #closing: (() => void) | null = null;
  #cancelStall: (() => void) | null = null;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#nowMs = options.journal.submitted.meta.atMs;
    let resolveEnd: (end: RunEnd) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      resolveEnd = resolve;
    });
    this.#resolveEnd = resolveEnd;
    this.#scheduler = new Scheduler({
      turn: (run) => {
        options.timers.turn(run);
      },
      isDue: (answer) => this.#isDue(answer),
      deliver: (answer) => {
        this.#deliver(answer);
      },
    });
  }

  /** The highest step taken so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Calls the handler. To be called once. */
  start(): void {
    for (const answer of this.#options.journal.answers) this.#accept(answer);
    const task = taskOf(this.#options);
    const ctx = this.#context();
    this.#react();
    void (async () => {
      try {
        const output: unknown = await this.#options.handler(task, ctx);
        this.#close(output);
      } catch (thrown) {
        this.#fail(thrown);
      }
    })();
    this.#watchStall();
  }

  /** A live event of the chain, in log order; each event once. */
  receive(sourced: SourcedEvent): void {
    const answer = answerOf(sourced);
    if (answer !== null) this.#accept(answer);
  }

  /** A halt covers the chain: pending calls are rejected, no command leaves any more. */
  halt(code: string, reason: string): void {
    if (this.#end === null) this.#finish({ kind: "halted", reason }, () => new HaltedError({ code, reason }));
  }

  /** Another incarnation or process runs the chain. */
  stop(reason: string): void {
    this.#finish({ kind: "stopped", reason }, () => new StoppedError(reason));
  }

  #accept(answer: Answer): void {
    if (this.#isOver(answer.step) || this.#answered.has(answer.step)) return;
    this.#answered.set(answer.step, answer);
    this.#scheduler.push(answer);
    this.#watchStall();
  }

  /** After a halt only asides go on. */
  #isOver(step: number): boolean {
    return this.#end !== null && (this.#end.kind !== "halted" || step < ASIDE_BASE);
  }

  /** S3: all calls that stand before the answer in the log were made. */
  #isDue(answer: Answer): boolean {
    if (answer.step >= ASIDE_BASE) return true;
    if (answer.step > this.#steps) return false;
    for (const call of this.#options.journal.calls.values()) {
      if (call.step > this.#steps && call.offset < answer.offset) return false;
    }
    return true;
  }

  #deliver(answer: Answer): void {
    this.#watchStall();
    const call = this.#pending.get(answer.step);
    if (call === undefined) return;
    this.#pending.delete(answer.step);
    this.#nowMs = Math.max(this.#nowMs, answer.atMs);
    this.#react();
    const { value } = answer;
    if (this.#options.obeysHalts && value.kind === "error" && value.error.kind === "halted")
      this.#deliverHalt(answer, call, value.error);
    else if (this.#isStale(answer)) this.#issue(call, call.command, call);
    else call.resolve(answer);
    this.#considerClosing();
  }

  /** What runs in this turn of the event loop follows from the log. */
  #react(): void {
    this.#isReaction = true;
    this.#options.timers.turn(() => {
      this.#isReaction = false;
    });
  }

  /**
   * R4. A refusal is the door's decision of its moment, and who resumes the chain has changed that moment. What the
   * handler did after it and before the resume is recorded and rests on it: then it stands.
   */
  #isStale({ value, offset }: Answer): boolean {
    if (!this.#options.obeysHalts || value.kind !== "error" || value.error.kind !== "refused") return false;
    const { resumes, calls } = this.#options.journal;
    const resumed = resumes.find((at) => at > offset);
    if (resumed === undefined) return false;
    return ![...calls.values()].some((call) => call.step > this.#steps && call.offset < resumed);
  }

  /**
   * A call that a halt refused. In the incarnation that was halted the run is over; in a later one, after a person's
   * resume, the same call is asked once more under a new step, without the handler noticing.
   */
  #deliverHalt(answer: Answer, call: PendingCall, failure: CallError): void {
    if (answer.incarnation >= this.#options.incarnation) {
      this.#pending.set(call.step, call);
      this.halt(failure.code, failure.reason);
    } else {
      this.#issue(call, call.command, call);
    }
  }

  #call(shape: CallShape, command: (step: number) => RunCommand): Promise<Answer> {
    const issued = new Promise<Answer>((resolve, reject) => {
      const isAside = this.#end?.kind === "halted" && shape.kind === "statement";
      if (isAside) this.#sayAside(shape, command, { resolve, reject });
      else this.#issue(shape, command, { resolve, reject });
    });
    // A handler may leave a call alone; its refusal must not end the process. Who awaits it still sees it.
    issued.catch(() => undefined);
    return issued;
  }

  #issue(
    shape: CallShape,
    command: (step: number) => RunCommand,
    settle: Pick<PendingCall, "resolve" | "reject">,
  ): void {
    if (this.#end !== null) {
      settle.reject(errorOfEnd(this.#end));
      return;
    }
    if (this.#closing !== null) {
      settle.reject(new RefusedError({ code: "BUSBAR_TASK_CLOSED", reason: "the handler has ended" }));
      return;
    }
    this.#steps += 1;
    const step = this.#steps;
    const { kind, name, hash } = shape;
    this.#pending.set(step, { kind, name, hash, command, step, resolve: settle.resolve, reject: settle.reject });
    const recorded = this.#options.journal.calls.get(step);
    if (recorded === undefined) {
      const answer = this.#answered.get(step);
      if (answer === undefined && !this.#sendStep(step, command, settle)) return;
      if (answer !== undefined) this.#takeAsSent(answer);
    } else if (!isSameCall(recorded, shape)) {
      this.#diverge(step, describeCall(recorded), describeCall(shape));
      return;
    }
    this.#scheduler.poke();
  }

  /**
   * An answer to a call that is not in the journal. Of an older incarnation: it was refused before it was recorded. Of
   * this one: an assignment that is delivered twice can start a second run, and the first one has sent the command.
   * Both runs have the same journal, so by counting it they give every command the same number.
   */
  #takeAsSent({ incarnation }: Answer): void {
    if (incarnation === this.#options.incarnation) this.#options.skip();
  }

  /** What cannot be encoded takes no step: nothing of it reaches the log. */
  #sendStep(step: number, command: (step: number) => RunCommand, settle: Pick<PendingCall, "reject">): boolean {
    try {
      this.#options.send(command(step));
      return true;
    } catch (thrown) {
      this.#pending.delete(step);
      this.#steps -= 1;
      settle.reject(thrown instanceof Error ? thrown : new Error(reasonOf(thrown)));
      return false;
    }
  }

  #sayAside(
    shape: CallShape,
    command: (step: number) => RunCommand,
    settle: Pick<PendingCall, "resolve" | "reject">,
  ): void {
    this.#asides += 1;
    // Unique among all incarnations; 1000 asides of one run are more than anyone reads.
    const step = ASIDE_BASE + this.#options.incarnation * 1000 + this.#asides;
    if (this.#asides >= 1000) {
      settle.reject(new HaltedError({ code: "BUSBAR_HALT_ACTIVE", reason: "too many statements after a halt" }));
      return;
    }
    const { kind, name, hash } = shape;
    this.#pending.set(step, { kind, name, hash, command, step, resolve: settle.resolve, reject: settle.reject });
    this.#options.send(command(step));
  }

  #diverge(step: number, expected: string, actual: string): void {
    if (this.#end !== null) return;
    this.#options.send({ type: "ReportDivergence", step, expected, actual });
    const reason = `diverged at step ${step}: recorded ${expected}, now ${actual}`;
    this.#finish({ kind: "diverged", step, expected, actual }, () => new StoppedError(reason));
  }

  #close(output: unknown): void {
    let text: string;
    try {
      text = requireJson(output, "the output");
    } catch (problem) {
      this.#fail(problem);
      return;
    }
    this.#closeWith(() => {
      this.#options.send({ type: "CompleteTask", step: this.#steps + 1, output: text });
      this.#finish({ kind: "completed", output: text }, () => new StoppedError("completed"));
    });
  }

  #fail(thrown: unknown): void {
    const { code, reason } = failureOf(thrown);
    this.#closeWith(() => {
      this.#options.send({ type: "FailTask", step: this.#steps + 1, code, reason });
      this.#finish({ kind: "failed", code, reason }, () => new StoppedError("failed"));
    });
  }

  /** R3. The first of return, throw and `ctx.complete` counts. */
  #closeWith(close: () => void): void {
    if (this.#end !== null || this.#closing !== null) return;
    this.#closing = close;
    this.#considerClosing();
  }

  #considerClosing(): void {
    if (this.#closing === null || this.#end !== null || this.#isAwaiting()) return;
    const missing = this.#firstUnmade();
    if (missing === null) this.#closing();
    else this.#diverge(missing.step, describeCall(missing), "the end of the handler");
  }

  #isAwaiting(): boolean {
    return [...this.#pending.values()].some(({ kind }) => kind !== "timer" && kind !== "handoff");
  }

  #firstUnmade(): RecordedCall | null {
    return (
      this.#options.journal.calls.get(this.#steps + 1) ??
      [...this.#options.journal.calls.values()].find((call) => call.step > this.#steps) ??
      null
    );
  }

  /** A replay whose handler does not make the recorded calls would wait for ever: it has diverged. */
  #watchStall(): void {
    this.#cancelStall?.();
    this.#cancelStall = null;
    if (this.#end !== null || this.#scheduler.length === 0) return;
    this.#cancelStall = this.#options.timers.after(this.#options.stallMs, () => {
      const head = this.#scheduler.head;
      if (head === null || this.#isDue(head)) return;
      const missing = this.#firstUnmade();
      const expected = missing === null ? "a call" : describeCall(missing);
      this.#diverge(this.#steps + 1, expected, `no call within ${this.#options.stallMs} ms`);
    });
  }

  #finish(end: RunEnd, failure: () => Error): void {
    if (this.#end !== null && this.#end.kind !== "halted") return;
    const wasHalted = this.#end !== null;
    this.#end = end;
    if (end.kind === "halted") this.#scheduler.clear();
    else this.#scheduler.close();
    this.#cancelStall?.();
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of open) call.reject(failure());
    if (wasHalted) return;
    if (end.kind !== "completed" && end.kind !== "failed") this.#abort.abort(failure());
    this.#resolveEnd(end);
  }

  #context(): AgentContext {
    return createContext({
      chainId: this.#options.journal.submitted.meta.chainId,
      signal: this.#abort.signal,
      call: (shape, command) => this.#call(shape, command),
      complete: (output) => {
        this.#close(output);
      },
      now: () => this.#nowMs,
      isReaction: () => this.#isReaction || this.#end !== null,
    });
  }
}

function taskOf({ journal }: RunOptions): Task {
  const { meta, agent, input, deadlineAtMs, maxSteps, budgetTokens } = journal.submitted;
  const parsed: Json = parseJson(input) ?? null;
  const { lineage, atMs } = meta;
  return {
    chainId: chainId(meta.chainId),
    agent,
    input: parsed,
    lineage,
    deadlineAtMs,
    maxSteps,
    budgetTokens,
    submittedAtMs: atMs,
  };
}
