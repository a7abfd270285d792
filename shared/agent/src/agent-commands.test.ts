import { builtinSchemaIds, createCodec, createRedactor, redactingCodec } from "@busbar/events/codec";
import { forwardingLog, type Publication } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { expect, it } from "vitest";
import { AgentCommands } from "./agent-commands.ts";
import { defineAgent } from "./define-agent.ts";
import { systemTimers } from "./timers.ts";

it("what is put aside holds no secret that the process knows, and its reference is of what stands there [security:redacted]", async () => {
  const log = createEmbeddedLog({});
  await log.ensureTopics([{ name: "t.blobs", partitions: 1, config: {} }]);
  const sent: Publication[] = [];
  const seen = {
    ...forwardingLog(log),
    publish: (all: readonly Publication[]) => (sent.push(...all), log.publish(all)),
  };
  const codec = redactingCodec(
    createCodec({ ids: builtinSchemaIds() }),
    createRedactor([{ name: "DB", value: "hunter22" }]),
  );
  const agent = defineAgent({ name: "a", version: "1", handler: () => Promise.resolve(null) });
  const commands = new AgentCommands({
    log: seen,
    codec,
    prefix: "t",
    key: new Uint8Array(32),
    agent,
    timers: systemTimers,
  });
  const put = await commands.putAside(0, '{"password":"hunter22"}');
  const text = sent.map(({ record }) => Buffer.from(record.value ?? []).toString()).join("");
  expect(text).toBe('{"password":"[redacted:DB]"}');
  expect(put).toMatchObject({ bytes: text.length, offset: "0" });
});
