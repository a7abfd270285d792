/** The records that agents and clients put into `<prefix>.commands`: framed, keyed by chain, authenticated. */
import { type BusCommand, type ClaimCheck, HEADER, type Meta, type MessageOf, metaWith } from "@busbar/events";
import { type Codec, signCommand } from "@busbar/events/codec";
import type { NewRecord } from "@busbar/log";

/** What the meta of a command is made from. */
export interface CommandMeta {
  readonly chainId: string;
  readonly lineage: readonly string[];
  readonly agent: string;
  readonly incarnation: number;
  /** Per (chain, incarnation) from 1; 0 outside of a run. */
  readonly sequence: number;
  readonly causationId: string;
  readonly traceparent: string;
  readonly atMs: number;
  readonly codeVersion: string;
  /** What the command refers to. Default: nothing. */
  readonly claimCheck?: ClaimCheck | null;
}

export interface CommandRecordOptions {
  readonly codec: Codec;
  /** Of the deployment; also the namespace. */
  readonly prefix: string;
  /** `agent:<name>` or `client:<name>`. */
  readonly principal: string;
  /** Null for clients that the deployment does not authenticate. */
  readonly key: Uint8Array | null;
}

function metaOf(prefix: string, from: CommandMeta): Meta {
  const {
    chainId,
    lineage,
    agent,
    incarnation,
    sequence,
    causationId,
    traceparent,
    atMs,
    codeVersion,
    claimCheck = null,
  } = from;
  return metaWith({
    eventId: `${chainId}:${incarnation}:${sequence}`,
    chainId,
    lineage,
    agent,
    incarnation,
    causationId,
    correlationId: lineage[0] ?? chainId,
    traceparent,
    atMs,
    streamSeq: sequence,
    namespace: prefix,
    codeVersion,
    claimCheck,
  });
}

/** A command's own fields. */
export type CommandBody = { readonly [T in BusCommand["type"]]: Omit<MessageOf<T>, "meta"> }[BusCommand["type"]];

/** The record of a command for one partition. Throws for what the codec refuses. */
export function commandRecord(
  options: CommandRecordOptions,
  partition: number,
  body: CommandBody,
  from: CommandMeta,
): NewRecord {
  const { codec, prefix, principal, key } = options;
  const message = { ...body, meta: metaOf(prefix, from) } as BusCommand;
  const value = codec.encode(message.type, message as never);
  const headers: Record<string, string> = { [HEADER.type]: body.type, [HEADER.principal]: principal };
  if (key !== null) {
    const { chainId, incarnation, sequence } = from;
    headers[HEADER.auth] = signCommand(key, {
      topic: `${prefix}.commands`,
      partition,
      chainId,
      incarnation,
      sequence,
      value,
    });
  }
  return { key: from.chainId, value, headers };
}
