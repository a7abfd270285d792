/**
 * A person's word to the door of one chain: signed, by the control topic, which is never behind data; and the wait for
 * what the door records about it. The end of the events partition is noted before the word is sent.
 */
import { type BusCommand, type BusEvent, type EventBody, partitionOf } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import { type Follower, locateClaim } from "@busbar/log";
import { createPartitionReader, metaWith } from "@busbar/runtime";
import type { OpenBus } from "./bus.ts";
import { orderRecord, publishRecord } from "./orders.ts";

/** Commands that a person gives. */
export type Word = "SettleEffect" | "ApproveEffect" | "DenyEffect" | "TakeHandOff" | "AnswerHandOff" | "RollBack";
type BodyOf<T extends Word> = Omit<Extract<BusCommand, { type: T }>, "type" | "meta">;

interface Sent<T extends Word> {
  readonly type: T;
  readonly chainId: string;
  readonly body: BodyOf<T>;
  /** What is waited for, in an error. */
  readonly what: string;
  readonly timeoutMs: number;
}

/** First answer that `of` finds in the valid events of a partition from `from` on; null after the time. */
export async function firstAnswer<A>(
  bus: OpenBus,
  place: { readonly partition: number; readonly from: bigint },
  of: (event: BusEvent) => A | null,
  timeoutMs: number,
): Promise<A | null> {
  const { log, codec, topics } = bus;
  const { partition, from } = place;
  const claim = from === 0n ? null : await locateClaim(log, topics.events, partition, from);
  const reader = createPartitionReader(codec, { offset: from, claim });
  let follower: Follower | null = null;
  try {
    return await new Promise((resolve) => {
      setTimeout(() => resolve(null), timeoutMs).unref();
      follower = log.follow({
        topic: topics.events,
        partition,
        from,
        onDelivery: (delivery) => {
          for (const read of reader.read(delivery)) {
            const answer = read.kind === "event" ? of(read.event) : null;
            if (answer !== null) return resolve(answer);
          }
        },
        onProblem: () => undefined,
      });
    });
  } finally {
    await (follower as Follower | null)?.stop();
  }
}

/** Whether an event is the door's no to such a word about a call of a chain, or about the chain. */
function rejectionOf(event: BusEvent, type: Word, chainId: string, callId: string): string | null {
  if (event.type !== "CommandRejected" || event.commandType !== type || event.callId !== callId) return null;
  return event.meta.chainId === chainId ? event.reason : null;
}

/**
 * Says it and waits for the event that answers it. Throws BUSBAR_INPUT_INVALID with the door's reason where the word has
 * no effect, BUSBAR_TIMEOUT where no door answers.
 */
export async function sayToDoor<T extends Word, A>(
  bus: OpenBus,
  sent: Sent<T>,
  answerIn: (event: BusEvent) => A | null,
): Promise<A> {
  const { type, chainId, body, what, timeoutMs } = sent;
  const partition = partitionOf(chainId, bus.partitionCount);
  const { end } = await bus.log.offsets(bus.topics.events, partition);
  const atMs = Date.now();
  const { callId = "" } = body as { readonly callId?: string };
  const meta = metaWith({ eventId: `cli/${callId === "" ? chainId : callId}/${atMs}`, atMs, chainId });
  const value = bus.codec.encode(type, { meta, ...body } as never);
  const { control } = bus.topics;
  await publishRecord(bus, control, partition, orderRecord(bus, control, chainId, type, value));
  const answer = await firstAnswer(
    bus,
    { partition, from: end },
    (event): { readonly rejected: string } | { readonly found: A } | null => {
      const rejected = rejectionOf(event, type, chainId, callId);
      if (rejected !== null) return { rejected };
      const found = answerIn(event);
      return found === null ? null : { found };
    },
    timeoutMs,
  );
  if (answer === null) throw busbarError("BUSBAR_TIMEOUT", { what, timeoutMs, next: "npx busbar status" });
  if ("found" in answer) return answer.found;
  const next = `npx busbar trace ${chainId}`;
  throw busbarError("BUSBAR_INPUT_INVALID", { what, reason: answer.rejected, next });
}

/** An event of a type about a call; for what a door is waited for. */
export function aboutCall<T extends BusEvent["type"]>(
  event: BusEvent,
  type: T,
  callId: string,
): (Extract<BusEvent, { type: T }> & EventBody<T>) | null {
  const isIt = event.type === type && "callId" in event && event.callId === callId;
  return isIt ? (event as never) : null;
}
