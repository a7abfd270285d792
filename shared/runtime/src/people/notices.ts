/**
 * Notices to people: that something waits for one of them. They are sent beside the bus, never on its way.
 *
 * T1 `tell` returns at once. What waits is bounded: the oldest is dropped, and said so in the log.
 * T2 A notice is tried a bounded number of times, each within a bound. Who gets it twice knows it by its event.
 * T3 It names what waits and where to look, never arguments or results.
 */
import { reasonOf } from "@busbar/kernel";
import type { CallState, PartitionState } from "@busbar/policy";
import type { BusEvent } from "@busbar/events";
import type { Logger } from "@busbar/telemetry";
import type { Timers } from "../ports.ts";

export interface Notice {
  readonly kind: "approval-requested" | "handed-off";
  /** Event id of what is told: the same one twice is one notice. */
  readonly event: string;
  readonly chainId: string;
  readonly callId: string;
  readonly agent: string;
  /** Empty for a hand-off. */
  readonly tool: string;
  /** Who wants a person; empty: the agent asks. */
  readonly rule: string;
  /** What is in doubt; empty where the agent asks: its words are not told. */
  readonly reason: string;
  /** SHA-256 of the canonical arguments or of the question, hex. */
  readonly argsHash: string;
  /** When it is over, ms since the epoch; 0: with its chain. */
  readonly expiresAtMs: number;
  /** What to type. */
  readonly next: string;
}

export interface NoticeBoard {
  tell(notice: Notice): void;
  /** Nothing is sent any more. */
  stop(): void;
}

export interface NoticesOptions {
  /** Sends one; rejects where it did not arrive. Given up after `timeoutMs`. */
  post(notice: Notice, signal: AbortSignal): Promise<void>;
  readonly timers: Pick<Timers, "after">;
  readonly logger: Logger;
  readonly timeoutMs?: number;
  /** Waits before further attempts, ms. */
  readonly retriesMs?: readonly number[];
}

/** Notices that wait at most. */
export const NOTICES_KEPT = 256;
const TIMEOUT_MS = 5000;
const RETRIES_MS: readonly number[] = [1000, 5000, 30_000];

const nextOf = (kind: Notice["kind"], callId: string): string =>
  `npx busbar ${kind === "handed-off" ? "handoffs" : "approvals"} show ${callId}`;

type Told = Omit<Notice, "next">;
const withNext = (told: Told): Notice => ({ ...told, next: nextOf(told.kind, told.callId) });

/** What an event has to tell people; null for nothing. */
export function noticeOf(event: BusEvent): Notice | null {
  if (event.type !== "ApprovalRequested" && event.type !== "HandedOff") return null;
  const { callId, rule, argsHash, meta } = event;
  const about = { event: meta.eventId, callId, chainId: meta.chainId, agent: meta.agent, rule, argsHash };
  if (event.type === "HandedOff") {
    const reason = rule === "" ? "" : event.question;
    return withNext({ ...about, kind: "handed-off", tool: "", reason, expiresAtMs: 0 });
  }
  const { tool, reason, expiresAtMs } = event;
  return withNext({ ...about, kind: "approval-requested", tool, reason, expiresAtMs });
}

function noticeOfCall(call: CallState, about: Pick<Told, "callId" | "chainId" | "agent">, at: string): Notice | null {
  const { status, approval, handOff, argsHash, name: tool, admitted, args } = call;
  const event = `${at}/${admitted}`;
  if (handOff !== null) {
    const { rule } = handOff;
    const reason = rule === "" ? "" : args;
    return withNext({ ...about, kind: "handed-off", event, tool: "", rule, reason, argsHash, expiresAtMs: 0 });
  }
  if (status !== "held" || approval === null || approval.granted !== "") return null;
  const { rule, reason, expiresAtMs } = approval;
  return withNext({ ...about, kind: "approval-requested", event, tool, rule, reason, argsHash, expiresAtMs });
}

/** What waits for people in a partition that was just taken over: its last owner may not have told. */
export function noticesIn({ chains, partition }: PartitionState, topic: string): readonly Notice[] {
  return Object.values(chains).flatMap(({ chainId, agent, calls }) =>
    Object.entries(calls).flatMap(([callId, call]) => {
      const notice = noticeOfCall(call, { callId, chainId, agent }, `${topic}/${partition}`);
      return notice === null ? [] : [notice];
    }),
  );
}

export function createNotices(options: NoticesOptions): NoticeBoard {
  const { post, timers, logger, timeoutMs = TIMEOUT_MS, retriesMs = RETRIES_MS } = options;
  const waiting: Notice[] = [];
  let [isSending, isStopped] = [false, false];
  /** Ends the attempt or the pause at hand. */
  let end = (): void => undefined;

  const paused = (waitMs: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = timers.after(waitMs, resolve);
      end = () => {
        cancel();
        resolve();
      };
    });
  const once = async (notice: Notice): Promise<void> => {
    const abort = new AbortController();
    const cancel = timers.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)));
    end = () => abort.abort(new Error("the process ends"));
    try {
      await post(notice, abort.signal);
    } finally {
      cancel();
    }
  };
  const send = async (notice: Notice): Promise<void> => {
    for (const waitMs of [...retriesMs, null]) {
      try {
        return await once(notice);
      } catch (error) {
        const { event } = notice;
        if (isStopped) return;
        if (waitMs === null) return logger.error({ event }, `nobody could be told: ${reasonOf(error)}`);
        logger.warn({ event, waitMs }, `a notice did not arrive: ${reasonOf(error)}`);
        await paused(waitMs);
      }
    }
  };
  const sendAll = async (): Promise<void> => {
    isSending = true;
    for (let notice = waiting.shift(); notice !== undefined && !isStopped; notice = waiting.shift()) await send(notice);
    isSending = false;
  };
  return {
    tell: (notice) => {
      if (isStopped) return;
      if (waiting.length >= NOTICES_KEPT) {
        const dropped = waiting.shift();
        logger.error({ event: dropped?.event ?? "" }, "too many notices wait: the oldest was dropped");
      }
      waiting.push(notice);
      if (!isSending) void sendAll();
    },
    stop: () => {
      isStopped = true;
      waiting.length = 0;
      end();
    },
  };
}

/** For a gateway whose people look for themselves. */
export const NO_NOTICES: NoticeBoard = { tell: () => undefined, stop: () => undefined };
