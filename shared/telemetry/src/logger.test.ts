import { describe, expect, it } from "vitest";
import { createLogger, type Logger, traceIdOf } from "./logger.ts";

/** A logger and what it wrote, line by line. */
function written(level = "info"): { readonly logger: Logger; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { logger: createLogger({ service: "gateway", level, destination: { write } }), lines };
}

const SECRETS = ["auth", "sig", "key", "password", "secret", "token", "authorization", "credentials"];
const hidden = (value: string) => Object.fromEntries(SECRETS.map((name) => [name, value]));

describe("logs", () => {
  it("hold no secret, at the top or one or two levels down, by a child logger either [cli:logs-redacted]", () => {
    const { logger, lines } = written();
    const fields = { ...hidden("hunter2"), headers: hidden("hunter2"), record: { headers: hidden("hunter2") } };
    logger.info(fields, "a record");
    logger.child(fields).error(fields, "the same by a child");
    expect(lines.length).toBe(2);
    expect(JSON.stringify(lines)).not.toContain("hunter2");
    const redacted = hidden("[redacted]");
    expect(lines[0]).toMatchObject({ ...redacted, headers: redacted, record: { headers: redacted } });
  });

  it("say where: chain, agent, partition, offset and trace id as they were given [cli:logs-redacted]", () => {
    const { logger, lines } = written();
    const traceId = traceIdOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const fields = { chainId: "c1", agent: "support", offset: "7", traceId };
    logger.child({ partition: 3 }).warn(fields, "a command was put aside");
    expect(lines[0]).toMatchObject({
      service: "gateway",
      msg: "a command was put aside",
      chainId: "c1",
      agent: "support",
      partition: 3,
      offset: "7",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    });
  });

  it("a traceparent of another version or form has no trace id", () => {
    expect(["", "ff-abc-def-01", "00"].map(traceIdOf)).toEqual(["", "", ""]);
  });
});
