/** `/livez`, `/readyz`, `/metrics` and what else a service shows, on loopback by default. Read-only. */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Metrics } from "./metrics.ts";

export interface HealthServerOptions {
  readonly port: number;
  readonly host?: string;
  readonly metrics: Metrics;
  /** Whether the service does its work now; a halted agent is alive and not ready. */
  isReady(): boolean;
  /** Further pages, each a function of no input. */
  readonly pages?: Readonly<Record<string, () => unknown>>;
}

export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { metrics, pages = {}, host = "127.0.0.1" } = options;
  const app = new Hono();
  app.get("/livez", (context) => context.json({ live: true }));
  app.get("/readyz", (context) => {
    const ready = options.isReady();
    return context.json({ ready }, ready ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    return context.text(await metrics.registry.metrics(), 200, { "content-type": metrics.registry.contentType });
  });
  for (const [path, page] of Object.entries(pages)) app.get(path, (context) => context.json(page() as object));
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port: options.port, hostname: host }, ({ port }) => {
      const close = (): Promise<void> => new Promise((done) => server.close(() => done()));
      resolve({ url: `http://${host}:${port}`, close });
    });
    server.on("error", reject);
  });
}
