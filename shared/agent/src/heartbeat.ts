/** The signs of life of an agent process: one record per beat, never two beats at once (PROTOCOL 8.2). */
import type { ChainLife, Meta } from "@busbar/events";
import { HEADER, metaWith } from "@busbar/events";
import { type Codec, signCommand } from "@busbar/events/codec";
import { reasonOf } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";
import type { AgentDefinition } from "./define-agent.ts";
import type { Timers } from "./timers.ts";

export interface HeartbeatOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly agent: AgentDefinition;
  readonly instance: string;
  /** The agent's HMAC key. */
  readonly key: Uint8Array;
  readonly prefix: string;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly everyMs: number;
  /** Version whose chains the process runs; empty where nobody deployed it. */
  readonly version: string;
  /** What the next beat says. */
  sign(): { readonly state: string; readonly chains: readonly ChainLife[] };
  /** Called with each beat, before it is sent. */
  onBeat(): void;
  /** Called when a beat is known to be on the log. */
  onSent(): void;
}

/** Beats from now on; `stop` sends a last one. */
export function createHeartbeat(options: HeartbeatOptions): { stop(): Promise<void> } {
  const { timers, everyMs } = options;
  let isStopped = false;
  let cancel: () => void = () => undefined;
  const beat = async (): Promise<void> => {
    const startedAtMs = timers.now();
    options.onBeat();
    await sendBeat(options);
    if (isStopped) return;
    const spentMs = Math.max(0, timers.now() - startedAtMs);
    cancel = timers.after(Math.max(1, everyMs - spentMs), () => void beat());
  };
  cancel = timers.after(0, () => void beat());
  return {
    async stop() {
      isStopped = true;
      cancel();
      await sendBeat(options);
    },
  };
}

async function sendBeat(options: HeartbeatOptions): Promise<void> {
  const { log, codec, agent, instance, key, prefix, timers, version } = options;
  const { state, chains } = options.sign();
  const meta = metaOf(agent, prefix, instance, timers.now());
  try {
    const value = codec.encode("AgentHeartbeat", {
      meta,
      agent: agent.name,
      instance,
      version,
      state,
      chains,
      sentAtMs: meta.atMs,
    });
    const topic = `${prefix}.heartbeats`;
    // As a command is signed: what stands for the chain is the process, for the sequence its time.
    const place = { topic, partition: 0, chainId: instance, incarnation: 0, sequence: meta.atMs, value };
    const auth = signCommand(key, place);
    const headers = {
      [HEADER.type]: "AgentHeartbeat",
      [HEADER.principal]: `agent:${agent.name}`,
      [HEADER.auth]: auth,
    };
    const [sent] = await log.publish([{ topic, partition: 0, record: { key: instance, value, headers } }]);
    if (sent?.kind === "appended") options.onSent();
  } catch (error) {
    // A missed beat is told by the next one that comes, or by none coming.
    options.logger.warn({ reason: reasonOf(error) }, "a heartbeat could not be sent");
  }
}

function metaOf(agent: AgentDefinition, prefix: string, instance: string, atMs: number): Meta {
  const eventId = `${instance}:${atMs}`;
  return metaWith({ eventId, atMs, agent: agent.name, namespace: prefix, codeVersion: agent.version });
}
