/** The gateway as a process: environment -> project, log, keys -> doors -> HTTP. See README.md for the variables. */
import { hostname } from "node:os";
import { toolDigests } from "@busbar/agent";
import { createToolbox, loadProject } from "@busbar/agent/project";
import { connect, openKeyring, redactorOfLines, toolSecrets } from "@busbar/infra";
import { Gateway, webhookNotices } from "@busbar/runtime";
import { announceReady, createLogger, createMetrics, runService, startHealthServer } from "@busbar/telemetry";
import { readConfig } from "./config.ts";

const config = readConfig(process.env);
const logger = createLogger({ service: "gateway", level: config.logLevel, redact: redactorOfLines(process.env) });

await runService(logger, async () => {
  const owner = config.owner ?? `${hostname()}-${process.pid}`;
  const onNotice = (text: string): void => logger.warn({}, text);
  const connection = await connect({ env: process.env, clientId: `gateway-${owner}`, principal: "gateway", onNotice });
  const { policy, tools, models } = await loadProject(config.project);
  const metrics = createMetrics();
  const notices = webhookNotices(process.env, logger, redactorOfLines(process.env));
  const gateway = new Gateway({
    log: connection.log,
    codec: connection.codec,
    prefix: connection.prefix,
    keyring: openKeyring(connection.keys, "gateway"),
    toolbox: createToolbox(tools, models, toolSecrets(process.env)),
    tools: toolDigests(tools),
    policy,
    owner,
    codeVersion: config.codeVersion,
    logger,
    metrics,
    settings: config.settings,
    notices,
  });
  await gateway.start();
  const pages = { "/doors": () => gateway.doors() };
  const http = await startHealthServer({
    port: config.httpPort,
    host: config.httpHost,
    metrics,
    pages,
    isReady: () => gateway.isReady(),
  });
  announceReady({ service: "gateway", http: http.url, owner });
  return {
    stop: async () => {
      await gateway.stop();
      notices.stop();
      await http.close();
      await connection.close();
    },
  };
});
