/**
 * Running calls: hands admitted calls to the tools and turns what happens into outcomes. The table of running calls
 * belongs to the process (PROTOCOL 5.4): it survives a reload of the partition, and its being given away and taken
 * back. An outcome is kept until the record of it is acknowledged and the call is answered.
 *
 * X1 One admission starts one attempt, here, once: an admission that is already in the table is not started again.
 * X2 A time-out is told at once; the tool's own late answer is told as well, if the process lives to see it.
 */
import { type MessageOf, readRequest } from "@busbar/events";
import { parseJson, reasonOf } from "@busbar/kernel";
import { type CallOutcome, estimateTokens, type Policy } from "@busbar/policy";
import { pause } from "../ports.ts";
import { type AttemptPorts, askModel, check, type Result, runTool } from "./attempt.ts";
import type { AgainstFiring } from "./fire-step.ts";
import { look, notLooked, type ReadBackCall, staleness } from "./look.ts";
import { type JudgeCall, judgeCall, noVerdict } from "./verdicts.ts";

export interface ExecutorOptions extends AttemptPorts {
  readonly running: RunningCalls;
  /** Where an outcome goes; called again for kept outcomes after a reload. */
  deliver(outcome: CallOutcome): void;
}

interface Running extends Ids {
  outcome: CallOutcome | null;
}

/** What a process runs of one partition, whoever of its owners started it; made once for each partition. */
export interface RunningCalls {
  readonly rows: Map<string, Running>;
  /** Where outcomes go now; null while this process does not own the partition. */
  sink: ((outcome: CallOutcome) => void) | null;
}

export const createRunningCalls = (): RunningCalls => ({ rows: new Map(), sink: null });

/** Outcomes that are kept while the partition is somebody else's; of more, the oldest are dropped. */
const KEPT_WITHOUT_OWNER = 4096;

export interface Executor {
  /** `compare`: versions are compared here first, and then it is asked once more whether the call may be handed over. */
  startTool(event: MessageOf<"EffectAdmitted">, admitted: string, policy: Policy, compare?: CompareFirst): void;
  startModel(event: MessageOf<"ModelCallAdmitted">, admitted: string): void;
  startCheck(event: MessageOf<"StatementRecorded">, admitted: string, policy: Policy): void;
  startReadBack(call: ReadBackCall): void;
  /** Asks one judge; while it is asked it is not asked again. */
  startJudge(call: JudgeCall): void;
  /** The verdict is a record. */
  settleVerdict(callId: string, judge: string): void;
  /** True while this process runs the admission or keeps its outcome. */
  isRunning(admitted: string, callId: string): boolean;
  isReadingBack(admitted: string, callId: string): boolean;
  /** The call is answered on the log. */
  settle(admitted: string, callId: string): void;
  /** What a read-back showed is on the log; the call itself may still be told late. */
  settleReadBack(admitted: string, callId: string): void;
  /** After a load: drops what the log has answered and hands out again what is kept. */
  redeliver(isOpen: (ids: Ids) => boolean): void;
  /** The owner ends; calls run on, and their outcomes wait for the next owner in this process. */
  detach(): void;
  /** Resolves when nothing runs any more, or after the bound. */
  drain(boundMs: number): Promise<void>;
}

export interface Ids {
  readonly chainId: string;
  readonly callId: string;
  readonly admitted: string;
}

interface Task {
  readonly ids: Ids;
  readonly timeoutMs: number;
  readonly perform: (signal: AbortSignal) => Promise<Result>;
  readonly onTimeout: Result;
  /** Row in the table; default: the admission and its call. */
  readonly key?: string;
}

/** What stands against handing a call over now; null where nothing does. */
export interface CompareFirst {
  against(): AgainstFiring | null;
}

const keyOf = ({ admitted, callId }: Pick<Ids, "admitted" | "callId">): string => `${admitted} ${callId}`;
const readBackKey = (ids: Pick<Ids, "admitted" | "callId">): string => `read-back ${keyOf(ids)}`;
const judgeKey = ({ admitted, callId }: Pick<JudgeCall, "admitted" | "callId">, judge: string): string =>
  `judge/${admitted}/${callId}/${judge}`;

class CallTable implements Executor {
  readonly #options: ExecutorOptions;
  readonly #running: Map<string, Running>;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#running = options.running.rows;
    options.running.sink = options.deliver;
  }

  startTool(event: MessageOf<"EffectAdmitted">, admitted: string, policy: Policy, compare?: CompareFirst): void {
    const { clock, observe } = this.#options;
    const { callId, timeoutMs, tool } = event;
    const startedMs = clock.monotonicMs();
    const perform = async (signal: AbortSignal): Promise<Result> => {
      const result = await runTool(this.#options, event, policy, signal);
      observe("tool", tool, result.kind, clock.monotonicMs() - startedMs);
      return result;
    };
    const onTimeout: Result = { kind: "timeout", reason: `no answer within ${timeoutMs} ms` };
    const task = { ids: { chainId: event.meta.chainId, callId, admitted }, timeoutMs, perform, onTimeout };
    if (compare === undefined) this.#start(task);
    else this.#compareFirst(task, event, policy, compare);
  }

  /** The table knows the call from now on; it is handed over only where the version is still the one that was read. */
  #compareFirst(task: Task, event: MessageOf<"EffectAdmitted">, policy: Policy, { against }: CompareFirst): void {
    const row = this.#open(task);
    if (row === null) return;
    const startedMs = this.#options.clock.monotonicMs();
    const abort = new AbortController();
    const cancel = this.#options.timers.after(event.fireBoundMs, () => abort.abort());
    const next = (problem: Result | null): void => {
      cancel();
      // In the same turn as the hand-over, like any fire step (PROTOCOL 5.3).
      const late = against();
      const stopped: Result | null = late === null ? problem : { kind: "abandoned", ...late };
      if (stopped === null) this.#run(row, task);
      else this.#report(row, task.ids, startedMs, stopped);
    };
    staleness(this.#options, event, policy, abort.signal).then(next, (error: unknown) => next(notCompared(error)));
  }

  startModel(event: MessageOf<"ModelCallAdmitted">, admitted: string): void {
    const { callId, timeoutMs } = event;
    const perform = (signal: AbortSignal): Promise<Result> => askModel(this.#options, event, signal);
    const onTimeout: Result = {
      kind: "model-failed",
      code: "BUSBAR_TIMEOUT",
      reason: `no answer within ${timeoutMs} ms`,
      retryable: true,
      inputTokens: tokensAsked(event.request),
      outputTokens: 0,
    };
    this.#start({ ids: { chainId: event.meta.chainId, callId, admitted }, timeoutMs, perform, onTimeout });
  }

  startCheck(event: MessageOf<"StatementRecorded">, admitted: string, policy: Policy): void {
    const { toolbox, clock } = this.#options;
    const perform = (signal: AbortSignal): Promise<Result> => check(toolbox, event, policy, clock.nowMs(), signal);
    const onTimeout: Result = {
      kind: "checked",
      fact: "",
      source: "",
      agrees: false,
      evidence: ["the authority did not answer"],
    };
    const ids = { chainId: event.meta.chainId, callId: event.callId, admitted };
    this.#start({ ids, timeoutMs: CHECK_TIMEOUT_MS, perform, onTimeout });
  }

  startReadBack(call: ReadBackCall): void {
    const perform = (signal: AbortSignal): Promise<Result> => look(this.#options, call, signal);
    const onTimeout = notLooked("the read-back did not answer");
    const timeoutMs = call.timeoutMs + (call.look?.withinMs ?? 0);
    this.#start({ ids: call, timeoutMs, perform, onTimeout, key: readBackKey(call) });
  }

  startJudge(call: JudgeCall): void {
    const perform = (signal: AbortSignal): Promise<Result> => judgeCall(this.#options, call, signal);
    const onTimeout = noVerdict(call.judge.name, `no verdict within ${call.timeoutMs} ms`);
    this.#start({ ids: call, timeoutMs: call.timeoutMs, perform, onTimeout, key: judgeKey(call, call.judge.name) });
  }

  settleVerdict(callId: string, judge: string): void {
    const end = judgeKey({ admitted: "", callId }, judge).slice("judge/".length);
    for (const key of this.#running.keys())
      if (key.startsWith("judge/") && key.endsWith(end)) this.#running.delete(key);
  }

  isRunning(admitted: string, callId: string): boolean {
    return this.#running.has(keyOf({ admitted, callId }));
  }

  isReadingBack(admitted: string, callId: string): boolean {
    return this.#running.has(readBackKey({ admitted, callId }));
  }

  settle(admitted: string, callId: string): void {
    this.#running.delete(keyOf({ admitted, callId }));
    this.settleReadBack(admitted, callId);
  }

  settleReadBack(admitted: string, callId: string): void {
    this.#running.delete(readBackKey({ admitted, callId }));
  }

  redeliver(isOpen: (ids: Ids) => boolean): void {
    for (const [key, row] of this.#running) {
      if (!isOpen(row)) this.#running.delete(key);
      else if (row.outcome !== null) this.#options.deliver(row.outcome);
    }
  }

  detach(): void {
    const { running, deliver } = this.#options;
    if (running.sink === deliver) running.sink = null;
  }

  drain(boundMs: number): Promise<void> {
    return drain(this.#running, this.#options, boundMs);
  }

  /** Runs one call under its time-out; what comes later is told as well. */
  #start(task: Task): void {
    const row = this.#open(task);
    if (row !== null) this.#run(row, task);
  }

  /** Null where it is in the table already: one admission starts one attempt. */
  #open({ ids, key = keyOf(ids) }: Task): Running | null {
    if (this.#running.has(key)) return null;
    const { chainId, callId, admitted } = ids;
    const row: Running = { chainId, callId, admitted, outcome: null };
    this.#running.set(key, row);
    return row;
  }

  #run(row: Running, { ids, timeoutMs, perform, onTimeout }: Task): void {
    const startedMs = this.#options.clock.monotonicMs();
    const abort = new AbortController();
    const cancelTimeout = this.#options.timers.after(timeoutMs, () => {
      this.#report(row, ids, startedMs, onTimeout);
      abort.abort();
    });
    const done = (result: Result): void => {
      cancelTimeout();
      this.#report(row, ids, startedMs, result);
    };
    perform(abort.signal).then(done, (error: unknown) => done(failure(error)));
  }

  #report(row: Running, { chainId, callId, admitted }: Ids, startedMs: number, result: Result): void {
    const durationMs = Math.round(this.#options.clock.monotonicMs() - startedMs);
    const outcome = { chainId, callId, admitted, durationMs, ...result } as CallOutcome;
    row.outcome = outcome;
    const { sink } = this.#options.running;
    if (sink === null) this.#dropOldest();
    else sink(outcome);
  }

  #dropOldest(): void {
    const told = [...this.#running].filter(([, { outcome }]) => outcome !== null);
    for (const [key] of told.slice(0, Math.max(0, told.length - KEPT_WITHOUT_OWNER))) this.#running.delete(key);
  }
}

/** What is referred to is asked as well. */
function tokensAsked(request: string): number {
  const bytes = readRequest(parseJson(request))?.history.bytes ?? 0;
  return estimateTokens(request) + Math.ceil(bytes / 4);
}

export function createExecutor(options: ExecutorOptions): Executor {
  return new CallTable(options);
}

const CHECK_TIMEOUT_MS = 5000;

function failure(error: unknown): Result {
  return { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: reasonOf(error), beforeEffect: false };
}

/** Nobody could compare: the call was not handed over. */
function notCompared(error: unknown): Result {
  return { kind: "failed", code: "BUSBAR_EFFECT_NOT_STARTED", reason: reasonOf(error), beforeEffect: true };
}

async function drain(
  running: ReadonlyMap<string, Running>,
  { clock, timers }: Pick<ExecutorOptions, "clock" | "timers">,
  boundMs: number,
): Promise<void> {
  const endMs = clock.monotonicMs() + boundMs;
  while ([...running.values()].some((row) => row.outcome === null) && clock.monotonicMs() < endMs) {
    await pause(timers, 10);
  }
}
