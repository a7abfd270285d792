/** For tests: one chain's log and a door that admits everything and answers after a number of turns. No broker. */
import { type BusEvent, type Meta, requestHash } from "@busbar/events";
import { type Json, canonicalJson, parseJson } from "@busbar/kernel";
import { ChainRun, type RunOptions } from "./chain-run.ts";
import type { RunEnd } from "./run-end.ts";
import type { AgentHandler } from "./define-agent.ts";
import { answerOf, contentHash, foldJournal, formatCallId, type Journal, type SourcedEvent } from "./journal.ts";
import type { RunCommand } from "./run-context.ts";
import { systemTimers } from "./timers.ts";

export const CHAIN = "chain-1";

export function metaOf(offset: bigint, incarnation = 1, commandSeq = 0): Meta {
  return {
    eventId: `t.events/0/${offset}`,
    chainId: CHAIN,
    lineage: [CHAIN],
    agent: "tester",
    incarnation,
    causationId: "",
    correlationId: CHAIN,
    traceparent: "",
    atMs: 1000 + Number(offset),
    streamSeq: 0,
    commandSeq,
    namespace: "t",
    replay: false,
    policyHash: "",
    codeVersion: "",
    claimCheck: null,
    progress: null,
  };
}

/** An event of the chain at an offset. */
export function sourcedAt(offset: bigint, body: Omit<BusEvent, "meta">, incarnation = 1): SourcedEvent {
  const event = { ...body, meta: metaOf(offset, incarnation) } as BusEvent;
  return { source: `t.events/0/${offset}`, offset, event };
}

export function submittedAt(offset: bigint, input: Json = null): SourcedEvent {
  const body = {
    type: "TaskSubmitted",
    taskKey: "k",
    agent: "tester",
    input: canonicalJson(input),
    deadlineAtMs: 0,
  } as const;
  return sourcedAt(offset, { ...body, maxSteps: 100, budgetTokens: 0, parentChainId: "", parentCallId: "" } as never);
}

/** The event that records a call; null for commands that are none. */
export function admissionOf(offset: bigint, command: RunCommand, incarnation = 1): SourcedEvent | null {
  const callId = formatCallId(CHAIN, command.step);
  const { step } = command;
  switch (command.type) {
    case "CallTool": {
      const { tool, args } = command;
      const body = {
        type: "EffectAdmitted",
        callId,
        step,
        tool,
        args,
        argsHash: contentHash(args),
        origin: "agent",
        attempt: 1,
      };
      return sourcedAt(offset, body as never, incarnation);
    }
    case "CallModel": {
      const { model, request } = command;
      const body = {
        type: "ModelCallAdmitted",
        callId,
        step,
        model,
        request,
        requestHash: requestHash(parseJson(request) ?? null),
      };
      return sourcedAt(offset, body as never, incarnation);
    }
    case "SendTask": {
      const { agent, input } = command;
      return sourcedAt(
        offset,
        { type: "TaskSent", callId, step, agent, input, argsHash: contentHash(input) } as never,
        incarnation,
      );
    }
    case "MakeStatement": {
      const { subject, statement } = command;
      const body = { type: "StatementRecorded", callId, step, subject, statement, argsHash: contentHash(statement) };
      return sourcedAt(offset, body as never, incarnation);
    }
    case "SetTimer": {
      const { delayMs } = command;
      const body = { type: "TimerSet", callId, step, delayMs, dueAtMs: 0, argsHash: contentHash(String(delayMs)) };
      return sourcedAt(offset, body as never, incarnation);
    }
    default:
      return null;
  }
}

/** A successful answer to a call. */
export function outcomeOf(
  offset: bigint,
  command: RunCommand,
  result: Json = { step: command.step },
): SourcedEvent | null {
  const callId = formatCallId(CHAIN, command.step);
  const text = canonicalJson(result);
  switch (command.type) {
    case "CallTool":
      return sourcedAt(offset, { type: "EffectCommitted", callId, tool: command.tool, result: text } as never);
    case "CallModel":
      return sourcedAt(offset, {
        type: "ModelCallCompleted",
        callId,
        response: text,
        inputTokens: 1,
        outputTokens: 2,
        estimated: false,
        finishReason: "stop",
        problems: [],
      } as never);
    case "SendTask":
      return sourcedAt(offset, { type: "SubtaskFinished", callId, state: "completed", output: text } as never);
    case "MakeStatement":
      return sourcedAt(offset, {
        type: "StatementChecked",
        callId,
        agrees: false,
        fact: text,
        source: "s",
        evidence: [],
      } as never);
    case "SetTimer":
      return sourcedAt(offset, { type: "TimerFired", callId, timer: callId, dueAtMs: 0 } as never);
    default:
      return null;
  }
}

export interface Played {
  readonly commands: readonly RunCommand[];
  readonly events: readonly SourcedEvent[];
  readonly end: RunEnd;
}

export type RunChange = Partial<Pick<RunOptions, "timers" | "obeysHalts" | "stallMs" | "incarnation" | "skip">>;

/** A run over a journal whose commands go to `send`. */
export function runOf(
  handler: AgentHandler,
  journal: Journal,
  send: (command: RunCommand) => void,
  change: RunChange = {},
): ChainRun {
  const { submitted } = journal;
  if (submitted === null) throw new Error("the journal has no submission");
  const base = { agent: "tester", incarnation: 1, handler, timers: systemTimers, stallMs: 2000, obeysHalts: true };
  return new ChainRun({ ...base, skip: () => undefined, ...change, journal: { ...journal, submitted }, send });
}

/** Plays a handler live; `latencyOf(step)` is in turns of the event loop. */
export async function playLive(
  handler: AgentHandler,
  latencyOf: (command: RunCommand) => number,
  input: Json = null,
): Promise<Played> {
  const events: SourcedEvent[] = [submittedAt(0n, input)];
  const commands: RunCommand[] = [];
  const next = () => BigInt(events.length);
  const answerLater = (command: RunCommand, turns: number): void => {
    setImmediate(() => {
      if (turns > 0) return answerLater(command, turns - 1);
      const outcome = outcomeOf(next(), command);
      if (outcome === null) return;
      events.push(outcome);
      run.receive(outcome);
    });
  };
  const run = runOf(handler, foldJournal(events), (command) => {
    commands.push(command);
    const admission = admissionOf(next(), command);
    if (admission !== null) events.push(admission);
    answerLater(command, latencyOf(command));
  });
  run.start();
  return { end: await run.ended, commands, events };
}

/** Replays: `prefix` events are the journal; the rest arrives in its order, each answer `copies` times, once it was asked for. */
export async function playAgain(
  handler: AgentHandler,
  played: Played,
  prefix: number,
  change: RunChange = {},
  copies = 1,
): Promise<Played> {
  const journal = foldJournal(played.events.slice(0, prefix));
  const commands: RunCommand[] = [];
  const asked = new Set(journal.calls.keys());
  const rest = played.events.slice(prefix).filter((sourced) => answerOf(sourced) !== null);
  const flush = (): void => {
    for (let head = rest[0]; head !== undefined; head = rest[0]) {
      const step = answerOf(head)?.step ?? 0;
      if (!asked.has(step)) return;
      rest.shift();
      for (let copy = 0; copy < copies; copy += 1) run.receive(head);
    }
  };
  const run = runOf(
    handler,
    journal,
    (command) => {
      commands.push(command);
      asked.add(command.step);
      flush();
    },
    { incarnation: 2, ...change },
  );
  run.start();
  flush();
  return { end: await run.ended, commands, events: played.events };
}
