/**
 * An HTTP server in the test's own process that behaves as real ones do on a bad day: each request is served by the next
 * step of a script. What arrived is kept, so a test can compare what the tool did with what the bus recorded.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { busbarError, type Json } from "@busbar/kernel";

/** A request as it arrived. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Resolves when the connection of the request is closed, by either side. */
  readonly closed: Promise<void>;
}

/** Serves one request. */
export type FaultStep = (response: ServerResponse, request: ReceivedRequest) => void;

export interface FaultServer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** All requests so far, in the order of their arrival. */
  readonly requests: readonly ReceivedRequest[];
  /** Steps of the next requests, after those that wait already. A request beyond the script is answered 200 `{}`. */
  script(...steps: readonly FaultStep[]): void;
  /** Serves every request of a path (without its query) by a step, instead of the script. */
  route(path: string, step: FaultStep): void;
  /** Connections that are open now. */
  connections(): number;
  close(): Promise<void>;
}

const JSON_TYPE = { "content-type": "application/json" };

/** A whole JSON answer. */
export function replies(status: number, body: Json = {}, headers: Readonly<Record<string, string>> = {}): FaultStep {
  return repliesText(status, JSON.stringify(body), { ...JSON_TYPE, ...headers });
}

/** A whole answer of any text. */
export function repliesText(status: number, text: string, headers: Readonly<Record<string, string>>): FaultStep {
  return (response) => void response.writeHead(status, headers).end(text);
}

/** Closes the connection without a byte. */
export const cutsBeforeHeaders: FaultStep = (response) => void response.socket?.destroy();

/** Sends head and beginning of an answer that promises more, then closes the connection. */
export function cutsInBody(begin: string, headers: Readonly<Record<string, string>> = JSON_TYPE): FaultStep {
  return (response) => {
    response.writeHead(200, headers);
    response.write(begin, () => response.socket?.destroy());
  };
}

/** Sends the head, then for ever one byte per interval. */
export function drips(intervalMs: number, headers: Readonly<Record<string, string>> = JSON_TYPE): FaultStep {
  return (response) => {
    response.writeHead(200, headers);
    const timer = setInterval(() => response.write(" "), intervalMs);
    response.on("close", () => clearInterval(timer));
  };
}

/** Takes the request and says nothing. */
export const hangs: FaultStep = () => undefined;

/** Server-sent events, each text one `data:` block, and what comes after the last of them. */
export function streams(events: readonly string[], end: "end" | "cut" | "hang" = "end"): FaultStep {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const data of events) response.write(`data: ${data}\n\n`);
    if (end === "end") response.end();
    if (end === "cut") response.write(": \n", () => response.socket?.destroy());
  };
}

async function received(request: IncomingMessage): Promise<ReceivedRequest> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  request.socket.once("close", () => resolve());
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = "", url: path = "", headers } = request;
  return { method, path, headers, body: Buffer.concat(chunks).toString("utf8"), closed };
}

/** Starts a server on a free port of the loopback. Close it at the end. */
export async function createFaultServer(): Promise<FaultServer> {
  const requests: ReceivedRequest[] = [];
  const steps: FaultStep[] = [];
  const routes = new Map<string, FaultStep>();
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    response.on("error", () => undefined);
    received(incoming).then(
      (request) => {
        requests.push(request);
        const step = routes.get(request.path.split("?")[0] ?? "") ?? steps.shift() ?? replies(200);
        step(response, request);
      },
      () => response.destroy(),
    );
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw busbarError("BUSBAR_INTERNAL", { reason: "no port" });
  return {
    url: `http://127.0.0.1:${(address satisfies AddressInfo).port}`,
    requests,
    script: (...more) => void steps.push(...more),
    route: (path, step) => void routes.set(path, step),
    connections: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
