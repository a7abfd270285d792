/**
 * Admission of a tool call: the door's decision, in the order in which a reader would ask. Every refusal is an event
 * with its reason; an admission permits one attempt (PROTOCOL 5.1, 5.2).
 */
import { asideOf, type ClaimCheck, covers, type EventBody, type MessageOf } from "@busbar/events";
import {
  canonicalJson,
  type ErrorCode,
  isJsonObject,
  type Json,
  own,
  parseJson,
  sha256Hex,
  shortHash,
} from "@busbar/kernel";
import { breakerKeys } from "../breaker/keys.ts";
import { dependedRead, expectedVersion } from "../freshness.ts";
import { canChain } from "../machines/chain.ts";
import type { ChainState, LedgerEntry, PartitionState } from "../partition-state.ts";
import { mayCall, type Policy, type ToolPolicy } from "../policy-document.ts";
import { type Deferral, deferCall, doorAgainst, lookAgainst, slotsAgainst } from "./deferral.ts";
import { type Hold, holdAgainst, requestApproval } from "./holds.ts";
import { degrade } from "./degrade.ts";
import { quorumAgainst } from "./quorum-step.ts";
import { gateAgainst } from "./gate-step.ts";
import { judgeArguments, recordShadows, type Refusal } from "./judge.ts";
import { type About, chainOf, emit, type Turn } from "./turn.ts";

/**
 * Why a call is not admitted. What is put off is no error for any rule, the sender asks again with the same bytes; what
 * is held waits for a person (approvals.ts).
 */
export type Verdict =
  | { readonly kind: "admit"; readonly probes: readonly string[] }
  | Refusal
  | ({ readonly kind: "defer" } & Deferral)
  | Hold;

export const refuse = (code: ErrorCode, reason: string, evidence: readonly string[] = []): Verdict => ({
  kind: "refuse",
  code,
  reason,
  evidence,
});

/** What an admission is asked for: a call of an agent, or a further attempt of one. */
export interface CallSubject {
  readonly chain: ChainState;
  readonly tool: string;
  readonly effectClass: ToolPolicy["effect"];
}

/** The fence, freeze, breaker or door state that stands against an effect now; null when nothing does. */
function obstacle(state: PartitionState, subject: CallSubject, atMs: number): Verdict {
  const isRead = subject.effectClass === "read";
  const later = doorAgainst(state, isRead) ?? (isRead ? null : lookAgainst(subject.chain, atMs));
  return (
    haltAgainst(state, subject) ??
    (later === null ? null : { kind: "defer", ...later }) ??
    changeAgainst(state, subject) ??
    freezeAgainst(state, subject, atMs) ??
    breakerAgainst(state, subject, atMs) ?? { kind: "admit", probes: [] }
  );
}

interface Attempt {
  readonly callId: string;
  readonly isFurtherAttempt: boolean;
  /** Why a person is to be asked about its arguments; absent: as the policy says of its tool. */
  readonly hold?: Hold | null;
  /** A person has approved it: nothing holds it any more. */
  readonly isApproved: boolean;
}

/**
 * What stands against an effect; then whether a person is to be asked, about nothing that is refused anyhow; and last
 * whether it has a slot, for which nobody waits who waits for a person (PROTOCOL 5.2).
 */
export function slotted(turn: Turn, subject: CallSubject, attempt: Attempt): Verdict {
  const verdict = obstacle(turn.state, subject, turn.env.atMs);
  if (verdict.kind !== "admit") return verdict;
  const { callId, isFurtherAttempt, isApproved } = attempt;
  const hold = isApproved ? null : (attempt.hold ?? holdAgainst(turn.state.policy, subject));
  if (hold !== null) return hold;
  const { chain, tool: name, effectClass: effect } = subject;
  const full = slotsAgainst(turn, { agent: chain.agent, kind: "tool", name, effect, callId, isFurtherAttempt });
  return full === null ? verdict : { kind: "defer", ...full };
}

function haltAgainst(state: PartitionState, { chain, tool, effectClass }: CallSubject): Verdict | null {
  if (chain.halted !== null) {
    const { fence, reason, rule } = chain.halted;
    const code = rule === "halt" ? "BUSBAR_HALT_ACTIVE" : "BUSBAR_CHAIN_HALTED";
    return refuse(code, `the chain is halted by ${rule} (fence ${fence}): ${reason}`, [fence]);
  }
  const asked = { agent: chain.agent, tool, lineage: chain.lineage };
  for (const [scope, fence] of Object.entries(state.fences)) {
    if (!covers(scope, asked)) continue;
    return refuse("BUSBAR_HALT_ACTIVE", `${scope} is halted (fence ${fence.fence}): ${fence.reason}`, [fence.fence]);
  }
  if (canChain(chain.status, "EffectAdmitted", effectClass)) return null;
  return refuse("BUSBAR_TASK_CLOSED", `the chain is ${chain.status}`);
}

/** What would run is what the policy was made of, or nothing runs: a changed tool is another tool. */
function changeAgainst(state: PartitionState, { tool }: CallSubject): Verdict | null {
  const expected = own(state.policy?.tools ?? {}, tool)?.digest ?? "";
  if (state.loadedTools === null || expected === "") return null;
  const loaded = own(state.loadedTools, tool);
  if (loaded === expected) return null;
  const has = loaded === undefined ? "has none" : `has ${loaded.slice(0, DIGEST_SHOWN)}`;
  return refuse(
    "BUSBAR_TOOL_CHANGED",
    `${tool}: the policy in force is of ${expected.slice(0, DIGEST_SHOWN)}, this gateway ${has}`,
  );
}

const DIGEST_SHOWN = 12;

function freezeAgainst(state: PartitionState, { chain, tool, effectClass }: CallSubject, atMs: number): Verdict | null {
  const asked = { agent: chain.agent, tool, lineage: chain.lineage };
  for (const freeze of Object.values(state.freezes)) {
    const isNow = freeze.fromMs <= atMs && (freeze.untilMs === 0 || atMs < freeze.untilMs);
    if (!isNow || !freeze.effects.includes(effectClass) || !covers(freeze.scope, asked)) continue;
    const reason = `freeze ${freeze.freezeId} forbids ${effectClass} effects of ${freeze.scope}: ${freeze.reason}`;
    return refuse("BUSBAR_FREEZE_ACTIVE", reason);
  }
  return null;
}

/** Each breaker that is not closed needs a grant of its own; there is no way around them, not when all are open. */
function breakerAgainst(state: PartitionState, { chain, tool }: CallSubject, atMs: number): Verdict | null {
  const probes: string[] = [];
  for (const key of breakerKeys(chain.agent, tool)) {
    const breaker = own(state.breakers, key);
    if (breaker === undefined) continue;
    const grants = breaker.state === "half-open" ? Object.entries(state.grants) : [];
    const grant = grants.find(([, found]) => found.key === key && found.left > 0 && found.expiresAtMs > atMs);
    if (grant === undefined) {
      const evidence = breaker.cause === "" ? [] : [breaker.cause];
      return refuse("BUSBAR_BREAKER_OPEN", `the breaker of ${key} is ${breaker.state}: ${breaker.reason}`, evidence);
    }
    probes.push(grant[0]);
  }
  return probes.length === 0 ? null : { kind: "admit", probes };
}

export function subjectOf(tool: ToolPolicy, name: string, args: Json): string {
  if (tool.subject === null || !isJsonObject(args)) return "";
  return canonicalJson([name.split(".")[0] ?? name, ...tool.subject.map((field) => args[field] ?? null)]);
}

function identityOf(tool: ToolPolicy, args: Json): string {
  if (tool.identity === null || !isJsonObject(args)) return canonicalJson(args);
  return canonicalJson(tool.identity.map((field) => args[field] ?? null));
}

export interface NamedEffect {
  readonly key: string;
  readonly entry: LedgerEntry | undefined;
  readonly subject: string;
}

/**
 * The effect that a mutating call names. A committed effect after which another effect changed the same subject is
 * over: the same call then names a new effect (the next generation).
 */
export function nameEffect(chain: ChainState, name: string, tool: ToolPolicy, args: Json, repeat: number): NamedEffect {
  const subject = subjectOf(tool, name, args);
  if (tool.effect === "read") return { key: "", entry: undefined, subject: "" };
  const identity = identityOf(tool, args);
  for (let generation = 0; ; generation += 1) {
    const key = shortHash("effect", chain.chainId, name, identity, String(Math.max(0, repeat)), String(generation));
    const entry = chain.ledger[key];
    const changes = chain.subjectChanges[subject] ?? 0;
    const isOver = entry?.status === "committed" && subject !== "" && changes > entry.generation;
    if (entry === undefined || !isOver) return { key, entry, subject };
  }
}

export interface ToolCall {
  readonly command: MessageOf<"CallTool">;
  readonly chain: ChainState;
  readonly policy: Policy;
  readonly causationId: string;
  /** Why the arguments that were put aside are not there; null: `command.args` are the arguments, wherever they stand. */
  readonly contentProblem: string | null;
}

/** Arguments of more bytes than this are refused, wherever they stand. */
export const ARGUMENTS_LIMIT_BYTES = 4 * 1024 * 1024;

/** Where the arguments stand that have no room in a record. */
const argsAside = ({ command }: ToolCall): ClaimCheck | null => asideOf(command, "args");

/** Arguments as records hold them. */
const recorded = (call: ToolCall, text: string): string => (argsAside(call) === null ? text : "");

function staticProblem(turn: Turn, call: ToolCall, tool: ToolPolicy | undefined): Verdict | null {
  const { chain, command, policy } = call;
  if (command.step > chain.maxSteps)
    return refuse("BUSBAR_STEPS_SPENT", `the chain has used its ${chain.maxSteps} steps`);
  if (chain.deadlineAtMs > 0 && turn.env.atMs >= chain.deadlineAtMs) {
    return refuse("BUSBAR_DEADLINE_PASSED", `the deadline ${chain.deadlineAtMs} has passed`);
  }
  if (tool === undefined) return refuse("BUSBAR_TOOL_UNKNOWN", `no tool is named ${command.tool}`);
  if (!mayCall(policy, chain.agent, command.tool)) {
    return refuse("BUSBAR_TOOL_FORBIDDEN", `agent ${chain.agent} may not call ${command.tool}`);
  }
  if (call.contentProblem !== null) return refuse("BUSBAR_CONTENT_MISSING", call.contentProblem);
  return argsProblem(turn, command.tool, tool, command.args);
}

export function argsProblem(turn: Turn, name: string, tool: ToolPolicy, text: string): Verdict | null {
  const args = parseJson(text);
  const problem = args === undefined ? "the arguments are not JSON" : turn.env.check(tool.args, args);
  return problem === null ? null : refuse("BUSBAR_INPUT_INVALID", `arguments of ${name}: ${problem}`);
}

/** Decides one tool call and records the decision. */
export function decideToolCall(turn: Turn, call: ToolCall): void {
  const { command, chain, policy } = call;
  const tool = Object.hasOwn(policy.tools, command.tool) ? policy.tools[command.tool] : undefined;
  const halt = haltAgainst(turn.state, { chain, tool: command.tool, effectClass: tool?.effect ?? "read" });
  const problem = halt ?? staticProblem(turn, call, tool);
  if (problem !== null) return recordVerdict(turn, call, problem);
  if (tool !== undefined) admitOrAnswer(turn, call, tool);
}

function admitOrAnswer(turn: Turn, call: ToolCall, tool: ToolPolicy): void {
  const { command, chain } = call;
  const args = parseJson(command.args) ?? null;
  const effect = nameEffect(chain, command.tool, tool, args, command.repeat);
  if (answerFromLedger(turn, call, effect)) return;
  const expects = expectationOf(call, tool, args);
  if (typeof expects !== "string") return recordVerdict(turn, call, expects, effect.key);
  const judged = judgeArguments(turn, chain, tool, args);
  const { against, shadows } = judged;
  if (against?.kind === "refuse") return recordVerdict(turn, call, against, effect.key);
  const gate = gateAgainst(turn, chain, tool.effect);
  if (gate !== null) return recordVerdict(turn, call, { kind: "defer", ...gate }, effect.key);
  // A gate that failed has degraded it.
  const subject = { chain: chainOf(turn, chain.chainId) ?? chain, tool: command.tool, effectClass: tool.effect };
  const attempt = { callId: callIdOf(call), isFurtherAttempt: false, isApproved: false, hold: against };
  const verdict = slotted(turn, subject, attempt);
  const last = verdict.kind === "admit" ? (verdictsAgainst(turn, call, tool, args) ?? verdict) : verdict;
  if (last.kind === "refuse" || last.kind === "defer") return recordVerdict(turn, call, last, effect.key);
  recordShadows(turn, chain, shadows);
  admitOrAsk(turn, call, { tool, args, effect, expects }, last);
}

/** Judges are asked about nothing that is refused anyhow, and last of all: what they cost is paid once. */
function verdictsAgainst(turn: Turn, call: ToolCall, tool: ToolPolicy, args: Json): Verdict | null {
  const { chain, causationId, command } = call;
  const recordedArgs = recorded(call, canonicalJson(args));
  const asked = { about: { chain, causationId }, chain, callId: callIdOf(call), step: command.step, args };
  return quorumAgainst(turn, { ...asked, tool: command.tool, recorded: recordedArgs }, tool);
}

interface Judged {
  readonly tool: ToolPolicy;
  readonly args: Json;
  readonly effect: NamedEffect;
  readonly expects: string;
}

/** Nothing stands against it, or nothing but that a person is to be asked. */
function admitOrAsk(
  turn: Turn,
  call: ToolCall,
  { tool, args, effect, expects }: Judged,
  verdict: Extract<Verdict, { kind: "admit" | "hold" }>,
): void {
  const { command } = call;
  const { key: effectKey, entry } = effect;
  const text = canonicalJson(args);
  const about = { ...aboutCall(call), claimCheck: argsAside(call) };
  const named = {
    callId: callIdOf(call),
    step: command.step,
    tool: command.tool,
    effectKey,
    args: recorded(call, text),
    argsHash: sha256Hex(text),
    subject: effect.subject,
    expects,
  };
  if (verdict.kind === "hold") {
    const { effect: effectClass, digest: toolDigest } = tool;
    return requestApproval(turn, about, { ...named, effectClass, toolDigest }, verdict);
  }
  emitAdmission(turn, about, tool, {
    ...named,
    keySinceMs: effectKey === "" ? 0 : entry?.sinceMs || turn.env.atMs,
    attempt: (entry?.attempt ?? 0) + 1,
    origin: "agent",
    probes: verdict.probes,
    approval: "",
    undoes: "",
  });
}

/** The version that a change carries, canonical JSON; a refusal where its chain has not read what it depends on. */
function expectationOf({ chain, policy }: ToolCall, tool: ToolPolicy, args: Json): string | Verdict {
  const depended = dependedRead(policy, tool, args);
  if (depended === null) return "";
  const expected = expectedVersion(chain, depended);
  if (expected !== null) return canonicalJson({ ...expected });
  return refuse("BUSBAR_STALE", `the chain has not read what it changes: ${depended.tool} of ${depended.subject}`);
}

type AdmittedCall = Pick<
  EventBody<"EffectAdmitted">,
  | "callId"
  | "step"
  | "tool"
  | "effectKey"
  | "args"
  | "argsHash"
  | "keySinceMs"
  | "attempt"
  | "origin"
  | "probes"
  | "subject"
  | "expects"
  | "approval"
  | "undoes"
>;

/** Admits one attempt of a call under the tool's row of the policy in force. */
export function emitAdmission(turn: Turn, about: About, tool: ToolPolicy, call: AdmittedCall): void {
  const { toolClass, effect: effectClass, fireBoundMs, timeoutMs, digest: toolDigest } = tool;
  emit(turn, "EffectAdmitted", about, { ...call, toolClass, effectClass, fireBoundMs, timeoutMs, toolDigest });
}

const callIdOf = (call: ToolCall): string => `${call.chain.chainId}:${call.command.step}`;

const aboutCall = (call: ToolCall) => ({
  chain: call.chain,
  causationId: call.causationId,
  traceparent: call.command.meta.traceparent,
  commandSeq: call.command.meta.streamSeq,
});

function argsHashOf({ command, contentProblem }: ToolCall): string {
  // The author of arguments that are not there has said what they would be.
  if (contentProblem !== null) return asideOf(command, "args")?.sha256 ?? "";
  const args = parseJson(command.args);
  return sha256Hex(args === undefined ? command.args : canonicalJson(args));
}

/** What the calls that waited for an effect, or asked for it again, are told of its result: where it is. */
export function alreadyDone(offset: string): string {
  return canonicalJson({ alreadyDone: true, offset });
}

/** A second call under the same key: answered from the ledger, or made to wait for the open effect. */
function answerFromLedger(turn: Turn, call: ToolCall, effect: NamedEffect): boolean {
  const { command } = call;
  const { entry, key } = effect;
  if (entry === undefined || entry.status === "failed") return false;
  const common = { callId: callIdOf(call), step: command.step, tool: command.tool, argsHash: argsHashOf(call) };
  if (entry.status === "committed") {
    const body = { ...common, effectKey: key, originalOffset: entry.offset, result: alreadyDone(entry.offset) };
    emit(turn, "EffectAlreadyDone", aboutCall(call), body);
  } else {
    emit(turn, "EffectAwaited", aboutCall(call), { ...common, effectKey: key });
  }
  return true;
}

function recordVerdict(turn: Turn, call: ToolCall, verdict: Verdict, effectKey = ""): void {
  const { command } = call;
  const callId = callIdOf(call);
  if (verdict.kind === "defer") return deferCall(turn, aboutCall(call), { callId, commandType: "CallTool" }, verdict);
  if (verdict.kind !== "refuse") return;
  const { code, reason, evidence, degrades = false } = verdict;
  const policy = turn.state.policyHash.slice(0, 12);
  const cited = emit(
    turn,
    "EffectRefused",
    { ...aboutCall(call), claimCheck: argsAside(call) },
    {
      callId,
      step: command.step,
      tool: command.tool,
      args: recorded(call, command.args),
      argsHash: argsHashOf(call),
      effectKey,
      code,
      reason,
      rule: verdict.rule ?? (policy === "" ? "door" : `door@${policy}`),
      ruleVersion: 1,
      evidence,
    },
  );
  if (degrades) degrade(turn, call.chain.chainId, { rule: verdict.rule ?? "door", reason, evidence: [cited] });
}
