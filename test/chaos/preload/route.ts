/** Sends the connections of a process through other ports: BUSBAR_CHAOS_ROUTE, {"19092": 20001}. */
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const routes = JSON.parse(process.env["BUSBAR_CHAOS_ROUTE"] ?? "{}") as Readonly<Record<string, number>>;

function routed(to: unknown): unknown {
  if (typeof to !== "object" || to === null || !("port" in to)) return to;
  const port = routes[String(to.port)];
  return port === undefined ? to : { ...to, port };
}

const original = net.connect as (...args: unknown[]) => net.Socket;
net.connect = ((to: unknown, ...rest: unknown[]) => original(routed(to), ...rest)) as typeof net.connect;
syncBuiltinESMExports();
