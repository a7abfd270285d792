/**
 * Conversations on the log (PROTOCOL 5.8): a model call records the messages that are new and refers to all earlier ones by
 * one digest, so that a long conversation is written once and not again with every call. Pure.
 *
 * H1 The head of a conversation is a hash chain over its messages: it commits to each of them and to their order.
 * H2 The hash of a request is over head and further fields. It is the same however much of it was referred to.
 * H3 What cannot be resolved is told; no request is ever shorter than what was asked.
 */
import {
  canonicalJson,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
  sha256Hex,
  utf8Length,
} from "@busbar/kernel";
import type { BusEvent } from "./generated/messages.ts";

/** A conversation up to one of its messages. */
export interface History {
  /** SHA-256 hex; "" before the first message. */
  readonly head: string;
  /** How many messages it has. */
  readonly messages: number;
  /** Their size as canonical JSON. */
  readonly bytes: number;
}

export const NO_HISTORY: History = { head: "", messages: 0, bytes: 0 };

/** Field of a recorded request that stands for the messages before those that are written out. */
export const HISTORY_FIELD = "$history";

/** The conversation with one message more, by that message's digest (SHA-256 hex of its canonical JSON) and size. */
export function withMessage(history: History, digest: string, bytes: number): History {
  const head = sha256Hex(`${history.head} ${digest}`);
  return { head, messages: history.messages + 1, bytes: history.bytes + bytes };
}

/** The conversation with these messages after it. */
export function withMessages(history: History, messages: readonly Json[]): History {
  return messages.reduce<History>((before, message) => {
    const text = canonicalJson(message);
    return withMessage(before, sha256Hex(text), utf8Length(text));
  }, history);
}

/** A request as it is recorded: what it refers to, what it adds, and everything else in it. */
export interface RecordedRequest {
  readonly history: History;
  readonly messages: readonly Json[];
  readonly rest: JsonObject;
}

function historyOf(value: Json | undefined): History | null {
  if (!isJsonObject(value)) return null;
  const { head, messages, bytes } = value;
  const isCount = (one: Json | undefined): one is number => Number.isSafeInteger(one) && Number(one) >= 0;
  if (typeof head !== "string" || !/^[0-9a-f]{64}$/.test(head) || !isCount(messages) || !isCount(bytes)) return null;
  return { head, messages, bytes };
}

/** Reads a request; null where it has no messages, and then it is no part of a conversation. */
export function readRequest(request: Json | undefined): RecordedRequest | null {
  if (!isJsonObject(request)) return null;
  const { [HISTORY_FIELD]: referred, messages, ...rest } = request;
  if (!Array.isArray(messages)) return null;
  if (referred === undefined) return { history: NO_HISTORY, messages: messages as readonly Json[], rest };
  const history = historyOf(referred);
  return history === null ? null : { history, messages: messages as readonly Json[], rest };
}

/** SHA-256 hex of a request, whole or referring (H2). */
export function requestHash(request: Json): string {
  const read = readRequest(request);
  if (read === null) return sha256Hex(canonicalJson(request));
  const { head } = withMessages(read.history, read.messages);
  return sha256Hex(canonicalJson({ ...read.rest, messages: head }));
}

/** The request with all its messages, of which the first ones were referred to. */
export function wholeRequest({ rest, messages }: RecordedRequest, earlier: readonly Json[]): JsonObject {
  return { ...rest, messages: [...earlier, ...messages] };
}

/** Refers to the longest known beginning of the conversation. The same request where none of it is known. */
export function referringRequest(request: Json, isKnown: (head: string) => boolean): Json {
  const read = readRequest(request);
  if (read === null) return request;
  let [history, known, from] = [read.history, NO_HISTORY, 0];
  for (const [index, message] of read.messages.entries()) {
    history = withMessages(history, [message]);
    if (isKnown(history.head)) [known, from] = [history, index + 1];
  }
  if (from === 0) return request;
  return { ...read.rest, [HISTORY_FIELD]: { ...known }, messages: read.messages.slice(from) };
}

/** What one record adds to a conversation. */
export interface ConversationPart {
  /** Head before it. */
  readonly previous: string;
  readonly after: History;
}

/** What an admitted request adds; null where it is no part of a conversation. */
export function partOfRequest(request: string): ConversationPart | null {
  const read = readRequest(parseJson(request));
  return read === null ? null : { previous: read.history.head, after: withMessages(read.history, read.messages) };
}

/** What a model's answer adds to the conversation it answers. Content that was put aside is known by its digest. */
export function partOfAnswer(
  asked: History,
  { response, meta }: Pick<Extract<BusEvent, { type: "ModelCallCompleted" }>, "response" | "meta">,
): ConversationPart {
  const aside = meta.claimCheck?.field === "response" ? meta.claimCheck : null;
  const [digest, bytes] = aside === null ? [sha256Hex(response), utf8Length(response)] : [aside.sha256, aside.bytes];
  return { previous: asked.head, after: withMessage(asked, digest, bytes) };
}

export type Resolved =
  | { readonly ok: true; readonly request: Json }
  /** Head of messages that are not among the events seen. */
  | { readonly ok: false; readonly missing: string };

/** For readers: the whole requests of one chain, from its events in log order. */
export class ConversationReader {
  readonly #parts = new Map<string, { readonly previous: string; readonly messages: readonly Json[] }>();
  readonly #asked = new Map<string, History>();

  /** Each event of the chain once, or more often. */
  observe(event: BusEvent): void {
    if (event.type === "ModelCallAdmitted") {
      const part = partOfRequest(event.request);
      const read = readRequest(parseJson(event.request));
      if (part === null || read === null) return;
      this.#asked.set(event.callId, part.after);
      if (part.after.head !== part.previous)
        this.#parts.set(part.after.head, { previous: part.previous, messages: read.messages });
    }
    if (event.type === "ModelCallCompleted") {
      const asked = this.#asked.get(event.callId);
      const message = parseJson(event.response);
      if (asked === undefined || message === undefined) return;
      const { previous, after } = partOfAnswer(asked, event);
      this.#parts.set(after.head, { previous, messages: [message] });
    }
  }

  resolve(request: Json): Resolved {
    const read = readRequest(request);
    if (read === null || read.history.head === "") return { ok: true, request };
    const earlier: Json[] = [];
    for (let head = read.history.head; head !== "";) {
      const part = this.#parts.get(head);
      if (part === undefined) return { ok: false, missing: head };
      earlier.unshift(...part.messages);
      head = part.previous;
    }
    return { ok: true, request: wholeRequest(read, earlier) };
  }
}
