/** Records as an agent, a client or somebody who is neither would write them, signed or not. */
import { type BusCommand, type EventBody, HEADER, partitionOf } from "@busbar/events";
import { signCommand } from "@busbar/events/codec";
import { agentKey, clientKey } from "@busbar/infra";
import { shortHash } from "@busbar/kernel";
import type { NewRecord } from "@busbar/log";
import { metaWith } from "@busbar/runtime";
import { type Bus, CLIENT } from "./bus.ts";

type CommandType = BusCommand["type"];

export interface ForgedCommand {
  readonly chainId: string;
  readonly agent: string;
  readonly incarnation: number;
  readonly sequence: number;
  /** Default: the chain's own. */
  readonly partition?: number;
  /** Agent whose name and key it carries; default: the command's agent. */
  readonly signer?: string;
  /** Default: the signer's. */
  readonly key?: Uint8Array;
  readonly replay?: boolean;
}

export interface Forged {
  readonly partition: number;
  readonly record: NewRecord;
}

/** A command in an agent's name, with its code over where it stands. */
export function forgeCommand<T extends CommandType>(
  bus: Pick<Bus, "codec" | "keys" | "partitions" | "topics">,
  type: T,
  body: EventBody<T>,
  as: ForgedCommand,
): Forged {
  const { chainId, agent, incarnation, sequence, replay = false } = as;
  const partition = as.partition ?? partitionOf(chainId, bus.partitions);
  const signer = as.signer ?? agent;
  const key = as.key ?? agentKey(bus.keys, signer);
  const eventId = `${chainId}:${incarnation}:${sequence}`;
  const meta = { ...metaWith({ eventId, atMs: Date.now(), chainId, agent, incarnation, streamSeq: sequence }), replay };
  const value = bus.codec.encode(type, { meta, ...body } as never);
  const auth = signCommand(key, { topic: bus.topics.commands, partition, chainId, incarnation, sequence, value });
  const headers = { [HEADER.type]: type, [HEADER.principal]: `agent:${signer}`, [HEADER.auth]: auth };
  return { partition, record: { key: chainId, value, headers } };
}

/** A submission as a client writes it. */
export function submission(bus: Bus, key: string, agent: string, input: string): Forged {
  const chainId = shortHash("task", key);
  const meta = metaWith({ eventId: `${chainId}:0:0`, atMs: Date.now(), chainId, agent, lineage: [chainId] });
  const limits = {
    deadlineAtMs: 0,
    maxSteps: 0,
    budgetTokens: 0,
    parentChainId: "",
    parentCallId: "",
    untrusted: false,
  };
  const value = bus.codec.encode("SubmitTask", { meta, taskKey: key, agent, input, ...limits });
  return signedByClient(bus, chainId, value);
}

/** The record of a submission, with the code of the test's client. */
export function signedByClient(bus: Bus, chainId: string, value: Uint8Array): Forged {
  const partition = partitionOf(chainId, bus.partitions);
  const position = { topic: bus.topics.commands, partition, chainId, incarnation: 0, sequence: 0, value };
  const auth = signCommand(clientKey(bus.keys, CLIENT), position);
  const headers = { [HEADER.type]: "SubmitTask", [HEADER.principal]: `client:${CLIENT}`, [HEADER.auth]: auth };
  return { partition, record: { key: chainId, value, headers } };
}

/** Puts records into the commands topic, in order; their offsets. */
export async function sendCommands(bus: Bus, forged: readonly Forged[]): Promise<readonly bigint[]> {
  const offsets: bigint[] = [];
  for (const { partition, record } of forged) offsets.push(await send(bus, bus.topics.commands, partition, record));
  return offsets;
}

/** One record into any topic; its offset. */
export async function send(bus: Bus, topic: string, partition: number, record: NewRecord): Promise<bigint> {
  const [outcome] = await bus.log.publish([{ topic, partition, record }]);
  if (outcome?.kind !== "appended") throw new Error(`${topic}: ${outcome?.kind ?? "no answer"}`);
  return outcome.baseOffset;
}
