/** For tests: the messages that the door of test-bus.ts writes. */
import { type BusEvent, type MessageOf, type Meta, requestHash } from "@busbar/events";
import { canonicalJson, type Json, parseJson } from "@busbar/kernel";
import { contentHash, formatCallId } from "./journal.ts";

export const PREFIX = "t";

export type CallCommand =
  | MessageOf<"CallTool">
  | MessageOf<"CallModel">
  | MessageOf<"SendTask">
  | MessageOf<"MakeStatement">
  | MessageOf<"SetTimer">;

export function metaOf(chainId: string, incarnation: number, offset: bigint): Meta {
  const ids = {
    eventId: `${PREFIX}.events/0/${offset}`,
    chainId,
    lineage: chainId === "" ? [] : [chainId],
    correlationId: chainId,
  };
  const counts = { incarnation, atMs: 1000 + Number(offset), streamSeq: 0, commandSeq: 0 };
  const texts = { agent: "", causationId: "", traceparent: "", namespace: PREFIX, policyHash: "", codeVersion: "" };
  return { ...ids, ...counts, ...texts, replay: false, claimCheck: null, progress: null };
}

export function contentOf(command: CallCommand): string {
  if (command.type === "CallTool") return command.args;
  if (command.type === "CallModel") return command.request;
  if (command.type === "SetTimer") return String(command.delayMs);
  return command.type === "SendTask" ? command.input : command.statement;
}

export function refusedName(command: CallCommand): string {
  if (command.type === "CallTool") return command.tool;
  if (command.type === "CallModel") return `model:${command.model}`;
  if (command.type === "SetTimer") return "timer:sleep";
  return command.type === "SendTask" ? `agent:${command.agent}` : `statement:${command.subject}`;
}

export function admission(command: CallCommand, callId: string): [BusEvent["type"], object] {
  const { step } = command;
  const content = contentOf(command);
  const hash = command.type === "CallModel" ? requestHash(parseJson(content) ?? null) : contentHash(content);
  switch (command.type) {
    case "CallTool": {
      const body = {
        callId,
        step,
        tool: command.tool,
        toolClass: "exact",
        effectClass: "write",
        effectKey: "k",
        args: command.args,
      };
      const limits = {
        argsHash: hash,
        attempt: 1,
        fireBoundMs: 1,
        timeoutMs: 1,
        origin: "agent",
        probes: [],
        subject: "",
        keySinceMs: 0,
        expects: "",
        approval: "",
        undoes: "",
      };
      return ["EffectAdmitted", { toolDigest: "", ...body, ...limits }];
    }
    case "CallModel":
      return [
        "ModelCallAdmitted",
        { callId, step, model: command.model, request: command.request, requestHash: hash, timeoutMs: 1 },
      ];
    case "SendTask": {
      const body = { callId, step, childChainId: "child", agent: command.agent, input: command.input, argsHash: hash };
      return ["TaskSent", { ...body, deadlineAtMs: 0, budgetTokens: 0, untrusted: false }];
    }
    case "MakeStatement":
      return [
        "StatementRecorded",
        { callId, step, subject: command.subject, statement: command.statement, argsHash: hash },
      ];
    case "SetTimer":
      return ["TimerSet", { callId, step, delayMs: command.delayMs, dueAtMs: 1, argsHash: hash }];
  }
}

export function outcomeBody(chainId: string, step: number, result: Json): object {
  const callId = formatCallId(chainId, step);
  return {
    callId,
    effectKey: "k",
    tool: "",
    attempt: 1,
    admitted: "0",
    result: canonicalJson(result),
    durationMs: 1,
    readBack: "",
    version: "",
    claims: [],
    reconciled: [],
  };
}

export function outcome(command: CallCommand, callId: string, result: Json): [BusEvent["type"], object] {
  const text = canonicalJson(result);
  switch (command.type) {
    case "CallTool":
      return [
        "EffectCommitted",
        {
          callId,
          effectKey: "k",
          tool: command.tool,
          attempt: 1,
          admitted: "0",
          result: text,
          durationMs: 1,
          readBack: "",
          version: "",
          claims: [],
          reconciled: [],
        },
      ];
    case "CallModel":
      return [
        "ModelCallCompleted",
        { callId, model: command.model, response: text, inputTokens: 1, outputTokens: 1, durationMs: 1 },
      ];
    case "SendTask":
      return [
        "SubtaskFinished",
        { callId, childChainId: "child", state: "completed", output: text, childOffset: "0", untrusted: false },
      ];
    case "MakeStatement": {
      const { subject, statement } = command;
      return ["StatementChecked", { callId, subject, statement, fact: text, source: "s", agrees: false, evidence: [] }];
    }
    case "SetTimer":
      return ["TimerFired", { callId, timer: callId, dueAtMs: 1 }];
  }
}
