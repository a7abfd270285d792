/** TCP ports of this machine: which are free, and whether somebody listens. */
import { randomInt } from "node:crypto";
import { connect, createServer } from "node:net";
import { busbarError } from "@busbar/kernel";

const HOST = "127.0.0.1";
// Below the ports that systems hand out to outgoing connections, so that a stopped broker finds its port again.
const FIRST_PORT = 20_000;
const LAST_PORT = 30_000;
const CONNECT_TIMEOUT_MS = 1000;

/** Whether this process could listen on the port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/** Whether somebody accepts connections on the port. */
export function isListening(port: number, host = HOST): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: CONNECT_TIMEOUT_MS });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
  });
}

/** `count` different ports that are free now; another process can still take one before it is used. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count && attempt < 1000; attempt += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (!found.has(port) && (await isPortFree(port))) found.add(port);
  }
  if (found.size < count) throw busbarError("BUSBAR_BROKER_FAILED", { reason: "no free port was found" });
  return [...found];
}

/** Errors: BUSBAR_PORT_IN_USE. */
export async function assertPortFree(port: number): Promise<void> {
  if (!(await isPortFree(port))) throw busbarError("BUSBAR_PORT_IN_USE", { port });
}
