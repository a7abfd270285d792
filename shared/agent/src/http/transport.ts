/**
 * One HTTP request over undici, bounded in every direction. It never tries again, follows nothing and decodes nothing.
 *
 * T1 `sent` is exact: it is set in the turn in which the first byte is handed to the socket. Everything before (DNS,
 *    refused, TLS, waiting for a free connection) changed nothing; everything after may have.
 * T2 The caller's signal ends the request at any point, and then the socket is closed.
 * T3 What must not be repeated goes over a connection of its own: a kept one may be closed by the server in the very
 *    moment in which the request leaves, which would put an effect in doubt for nothing.
 */
import { reasonOf } from "@busbar/kernel";
import { Agent, type Dispatcher } from "undici";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** May use a kept connection. */
  readonly isRepeatable: boolean;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; a repeated header is joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Closes the connection; nothing more is read. */
  discard(): void;
}

/** A request that brought no answer, or only a part of one. */
export class TransportError extends Error {
  /** Whether a byte of the request may have reached the server. */
  readonly sent: boolean;

  constructor(sent: boolean, cause: unknown) {
    super(causeOf(cause), { cause });
    this.sent = sent;
  }
}

function causeOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error];
  return reasonOf(first);
}

const CONNECT_TIMEOUT_MS = 5000;
/** Open connections to one origin, of either kind; further requests wait and are not sent. */
const CONNECTIONS = 16;
const KEPT_MS = 4000;

// The caller's signal is the bound of every call: undici's own time-outs for headers and body would be second ones.
const BOUNDS = {
  connections: CONNECTIONS,
  connect: { timeout: CONNECT_TIMEOUT_MS },
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: 32_768,
  allowH2: false,
} as const;

let agents: { readonly kept: Agent; readonly single: Agent } | null = null;

function agentFor(isRepeatable: boolean): Agent {
  agents ??= {
    kept: new Agent({ ...BOUNDS, keepAliveTimeout: KEPT_MS, keepAliveMaxTimeout: KEPT_MS }),
    single: new Agent({ ...BOUNDS, pipelining: 0 }),
  };
  return isRepeatable ? agents.kept : agents.single;
}

/** Closes what is kept open; the next request opens anew. For tests and the end of a process. */
export async function closeConnections(): Promise<void> {
  const open = agents;
  agents = null;
  await Promise.all([open?.kept.destroy(), open?.single.destroy()]);
}

/** Tells when a request is handed to its socket (undici calls onRequestStart right before it writes). */
function noting(onSent: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context: unknown) => {
        handler.onRequestStart?.(controller, context);
        if (!controller.aborted) onSent();
      },
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart: (...args) => handler.onResponseStart?.(...args),
      onResponseData: (...args) => handler.onResponseData?.(...args),
      onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
      onResponseError: (...args) => handler.onResponseError?.(...args),
    });
}

/** Sends one request; resolves with the head of the answer. Throws TransportError. */
export async function send(request: HttpRequest): Promise<HttpResponse> {
  const { method, url, headers, body, signal } = request;
  let sent = false;
  try {
    signal.throwIfAborted();
    const dispatcher = agentFor(request.isRepeatable).compose(noting(() => void (sent = true)));
    const asked = { origin: url.origin, path: url.pathname + url.search, method: method as "GET" };
    const answer = await abortable(dispatcher.request({ ...asked, headers: { ...headers }, body, signal }), signal);
    return {
      status: answer.statusCode,
      headers: joined(answer.headers),
      body: chunksOf(answer.body, signal),
      discard: () => {
        answer.body.on("error", () => undefined).destroy();
      },
    };
  } catch (error) {
    throw new TransportError(sent, error);
  }
}

/** undici ends a request that waits for its connection only when that is there or has failed: here it ends at once. */
function abortable<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  pending.catch(() => undefined);
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : new Error(reasonOf(signal.reason)));
    };
    signal.addEventListener("abort", stop, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function* chunksOf(body: AsyncIterable<unknown>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) {
      signal.throwIfAborted();
      yield chunk as Uint8Array;
    }
  } catch (error) {
    throw new TransportError(true, error);
  }
}

function joined(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Record<string, string> {
  const rows = Object.entries(headers).map(
    ([name, value]) => [name, Array.isArray(value) ? value.join(", ") : String(value ?? "")] as const,
  );
  return Object.fromEntries(rows);
}

export interface BoundedText {
  readonly text: string;
  /** The body was longer than the limit: `text` is its beginning, and the connection was closed. */
  readonly isCut: boolean;
}

/** A whole body as text, at most so many bytes of it. Throws TransportError where it breaks off. */
export async function readText(response: HttpResponse, limitBytes: number): Promise<BoundedText> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= limitBytes) continue;
    response.discard();
    return { text: Buffer.concat(chunks).subarray(0, limitBytes).toString("utf8"), isCut: true };
  }
  return { text: Buffer.concat(chunks).toString("utf8"), isCut: false };
}
