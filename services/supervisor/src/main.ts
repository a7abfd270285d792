/** The supervisor as a process: environment -> log, keys -> both stages -> HTTP. See README.md for the variables. */
import { hostname } from "node:os";
import { connect, openKeyring, redactorOfLines } from "@busbar/infra";
import { Supervisor } from "@busbar/runtime";
import { announceReady, createLogger, createMetrics, runService, startHealthServer } from "@busbar/telemetry";

const logger = createLogger({
  service: "supervisor",
  level: process.env["BUSBAR_LOG_LEVEL"] ?? "info",
  redact: redactorOfLines(process.env),
});

await runService(logger, async () => {
  const name = process.env["BUSBAR_OWNER"] ?? `${hostname()}-${process.pid}`;
  const onNotice = (text: string): void => logger.warn({}, text);
  const { log, codec, prefix, keys, close } = await connect({
    env: process.env,
    clientId: `supervisor-${name}`,
    principal: "supervisor",
    onNotice,
  });
  const metrics = createMetrics();
  const supervisor = new Supervisor({
    log,
    codec,
    prefix,
    name,
    logger,
    metrics,
    keyring: openKeyring(keys, "supervisor"),
  });
  await supervisor.start();
  const port = Number(process.env["BUSBAR_HTTP_PORT"] ?? "0");
  const host = process.env["BUSBAR_HTTP_HOST"] ?? "127.0.0.1";
  const http = await startHealthServer({ port, host, metrics, isReady: () => supervisor.isReady() });
  announceReady({ service: "supervisor", http: http.url, name });
  return {
    stop: async () => {
      await supervisor.stop();
      await http.close();
      await close();
    },
  };
});
