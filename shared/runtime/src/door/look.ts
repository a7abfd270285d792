/** Looks at the world: whether a change is there, as its tool declared how to see it (read-back.ts of the policy). */
import type { MessageOf } from "@busbar/events";
import { canonicalJson, type Json, own, parseJson, sha256Hex } from "@busbar/kernel";
import {
  type CallOutcome,
  dependedRead,
  type Look,
  missingFrom,
  parseExpected,
  type Policy,
  versionOf,
} from "@busbar/policy";
import { type Clock, pause, type Timers, type Toolbox } from "../ports.ts";
import { withinTime } from "./bounded-call.ts";

export interface ReadBackCall {
  readonly chainId: string;
  readonly callId: string;
  readonly admitted: string;
  readonly agent: string;
  /** Null: what to look at was too much to be kept. */
  readonly look: Look | null;
  /** Of one look, ms. */
  readonly timeoutMs: number;
}

/** A look at the world that is kept as evidence: whole up to this size, else its size and digest. */
const EVIDENCE_LIMIT_BYTES = 32_768;

export function shortened(text: string): string {
  const bytes = Buffer.byteLength(text);
  return bytes <= EVIDENCE_LIMIT_BYTES ? text : canonicalJson({ tooLarge: true, bytes, sha256: sha256Hex(text) });
}

type Looked = Omit<Extract<CallOutcome, { kind: "read-back" }>, "chainId" | "callId" | "admitted" | "durationMs">;

export interface LookPorts {
  readonly toolbox: Toolbox;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
}

/** Looks that nobody answers are made again so often. */
const LOOKS_WITHOUT_ANSWER = 3;
const LOOK_AGAIN_FIRST_MS = 20;
const LOOK_AGAIN_LONGEST_MS = 1000;

export const notLooked = (reason: string): Looked => ({
  kind: "read-back",
  shown: false,
  failed: true,
  result: "",
  reason,
});

/** Looks until the effect shows or its time for that is over: what is behind (a replica) may catch up. */
export async function look(options: LookPorts, call: ReadBackCall, signal: AbortSignal): Promise<Looked> {
  const { look: what } = call;
  if (what === null) return notLooked("its arguments and expectation are larger than a record may hold");
  const endMs = options.clock.monotonicMs() + what.withinMs;
  let againMs = LOOK_AGAIN_FIRST_MS;
  let failures = 0;
  for (;;) {
    const looked = await lookOnce(options, call, what, signal);
    failures += looked.failed ? 1 : 0;
    const isOver = options.clock.monotonicMs() + againMs > endMs;
    const isLast = looked.failed ? failures >= LOOKS_WITHOUT_ANSWER : isOver;
    if (looked.shown || isLast || signal.aborted) return looked;
    await pause(options.timers, againMs);
    againMs = Math.min(againMs * 2, LOOK_AGAIN_LONGEST_MS);
  }
}

/** Longest time that an expression may take; the event loop stands still meanwhile, ms. */
const EXPRESSION_MS = 50;

/** Compared values take no time to speak of; an expression is cut off: then nobody knows, and undefined comes back. */
function missingWithin(what: Look, seen: Json): string | null | undefined {
  if (typeof what.expect !== "string") return missingFrom(what, seen);
  return withinTime(EXPRESSION_MS, () => missingFrom(what, seen));
}

async function lookOnce(
  { toolbox, clock }: LookPorts,
  { callId, chainId, agent }: ReadBackCall,
  what: Look,
  signal: AbortSignal,
): Promise<Looked> {
  const { tool, args } = what;
  const run = { tool, args, key: "", attempt: 1, atMs: clock.nowMs(), callId, chainId, agent, signal };
  const answer = await toolbox.runTool(run);
  if (answer.kind !== "result") return notLooked(`${tool}: ${answer.reason}`);
  const result = shortened(canonicalJson(answer.result));
  const missing = missingWithin(what, answer.result);
  if (missing === undefined) return notLooked(`the expectation takes more than ${EXPRESSION_MS} ms`);
  const reason = missing ?? `${tool} shows the effect`;
  return { kind: "read-back", shown: missing === null, failed: false, result, reason };
}

type Stale = Pick<Extract<CallOutcome, { kind: "stale" }>, "kind" | "now" | "reason">;

/**
 * What a change depends on, read once more: stale where its version is not the one that its chain read, null where it
 * is. Rejects where nobody could read it.
 */
export async function staleness(
  { toolbox, clock }: LookPorts,
  event: MessageOf<"EffectAdmitted">,
  policy: Policy,
  signal: AbortSignal,
): Promise<Stale | null> {
  const { callId, expects, meta } = event;
  const tool = own(policy.tools, event.tool);
  const expected = parseExpected(expects);
  const read = tool === undefined ? null : dependedRead(policy, tool, parseJson(event.args) ?? null);
  if (expected === null || read === null) return null;
  const { chainId, agent } = meta;
  const { tool: name, args } = read;
  const run = { tool: name, args, key: "", attempt: 1, atMs: clock.nowMs(), callId, chainId, agent, signal };
  const answer = await untilAborted(toolbox.runTool(run), signal, name);
  if (answer.kind !== "result") throw new Error(`${name}, on which it depends, cannot be read: ${answer.reason}`);
  const version = versionOf(own(policy.tools, name), args, answer.result);
  if (version === expected.version) return null;
  const now = canonicalJson({ version, result: answer.result });
  return { kind: "stale", now: shortened(now), reason: `${name} tells another version than the chain has read` };
}

/** A read that does not answer in time is given up, whatever it does with its signal. */
function untilAborted<T>(answer: Promise<T>, signal: AbortSignal, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`${name}, on which it depends, did not answer in time`)), {
      once: true,
    });
    answer.then(resolve, reject);
  });
}
