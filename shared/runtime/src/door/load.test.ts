import { claimHeaders } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import type { Json } from "@busbar/kernel";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { initialPartitionState } from "@busbar/policy";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { expect, it } from "vitest";
import type { CheckpointStore } from "../checkpoint.ts";
import { SYSTEM_CHANCE, SYSTEM_CLOCK, SYSTEM_TIMERS } from "../ports.ts";
import { type LoadOptions, loadPartition } from "./load.ts";

const TOPIC = "t.events";

async function newLog() {
  const log = createEmbeddedLog({});
  await log.ensureTopics([{ name: TOPIC, partitions: 1, config: {} }]);
  return log;
}

function optionsOf(log: LoadOptions["log"], checkpoints: CheckpointStore): LoadOptions {
  const ports = { clock: SYSTEM_CLOCK, timers: SYSTEM_TIMERS, chance: SYSTEM_CHANCE, logger: SILENT_LOGGER };
  const where = { log, topic: TOPIC, partition: 0, codec: createCodec({ ids: builtinSchemaIds() }) };
  const named = { owner: "second", namespace: "", checkpointName: "door", stateVersion: "1", checkpoints };
  return {
    ...ports,
    ...where,
    ...named,
    releaseBoundMs: 0,
    mayClaim: () => true,
    isGone: () => true,
    isStopping: () => false,
    onVoid: () => undefined,
  };
}

it("a checkpoint that the owner saves while we look is no truncated log [ownership:checkpoint-while-loading]", async () => {
  const log = await newLog();
  const state = { ...initialPartitionState(0), end: "1", events: 1, claim: { offset: "0", nonce: "n" } };
  const goesOn: CheckpointStore = {
    load: async () => {
      // The present owner appends and saves, between our question for the log's end and our reading of checkpoints.
      const appender = await log.openAppender(TOPIC, 0);
      const headers = claimHeaders({ owner: "first", nonce: "n" });
      await appender.append([{ key: "p", value: new Uint8Array([0]), headers }]);
      return { offset: 1n, version: "1", state: state as unknown as Json };
    },
    save: () => Promise.resolve(true),
  };
  const loaded = await loadPartition(optionsOf(log, goesOn));
  expect([loaded.claim.offset, loaded.state.events]).toEqual([1n, 2]);
  await loaded.appender.close();
  await log.close();
});

it("a checkpoint behind the end of the log is a truncated log [log:truncated-fails-closed]", async () => {
  const log = await newLog();
  const state = initialPartitionState(0) as unknown as Json;
  const ahead: CheckpointStore = {
    load: () => Promise.resolve({ offset: 5n, version: "1", state }),
    save: () => Promise.resolve(true),
  };
  await expect(loadPartition(optionsOf(log, ahead))).rejects.toMatchObject({ code: "BUSBAR_LOG_TRUNCATED" });
  await log.close();
});
