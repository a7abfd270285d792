/**
 * Notices to people: that something waits for one of them. They are sent beside the bus, never on its way.
 *
 * T1 `tell` returns at once. What waits is bounded: the oldest is dropped, and said so in the log.
 * T2 A notice is tried a bounded number of times, each within a bound. Who gets it twice knows it by its event.
 * T3 It names what waits and where to look, never arguments or results.
 */
import { reasonOf } from "@busbar/kernel";
import type { PartitionState } from "@busbar/policy";
import type { BusEvent } from "@busbar/events";
import type { Logger } from "@busbar/telemetry";
import type { Timers } from "../ports.ts";

export interface Notice {
  readonly kind: "approval-requested";
  /** Event id of what is told: the same one twice is one notice. */
  readonly event: string;
  readonly chainId: string;
  readonly callId: string;
  readonly agent: string;
  readonly tool: string;
  readonly rule: string;
  /** What is in doubt. */
  readonly reason: string;
  /** SHA-256 of the canonical arguments, hex. */
  readonly argsHash: string;
  /** When it is over, ms since the epoch. */
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

const next = (callId: string): string => `npx busbar approvals show ${callId}`;

/** What an event has to tell people; null for nothing. */
export function noticeOf(event: BusEvent): Notice | null {
  if (event.type !== "ApprovalRequested") return null;
  const { callId, tool, rule, reason, argsHash, expiresAtMs, meta } = event;
  const { eventId, chainId, agent } = meta;
  const about = { callId, chainId, agent, tool, rule, reason, argsHash, expiresAtMs };
  return { kind: "approval-requested", event: eventId, ...about, next: next(callId) };
}

/** What waits for people in a partition that was just taken over: its last owner may not have told. */
export function noticesIn({ chains, partition }: PartitionState, topic: string): readonly Notice[] {
  return Object.values(chains).flatMap(({ chainId, agent, calls }) =>
    Object.entries(calls).flatMap(([callId, { name: tool, status, approval, argsHash }]): readonly Notice[] => {
      if (status !== "held" || approval === null || approval.granted !== "") return [];
      const { requested, rule, reason, expiresAtMs } = approval;
      const about = { callId, chainId, agent, tool, rule, reason, argsHash, expiresAtMs };
      const event = `${topic}/${partition}/${requested}`;
      return [{ kind: "approval-requested", event, ...about, next: next(callId) }];
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
