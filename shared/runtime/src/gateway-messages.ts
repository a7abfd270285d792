/** What a gateway as a whole sends: its policy, and that it lives. */
import { type AppliedDirective, type MessageOf } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { isJsonObject, parseJson } from "@busbar/kernel";
import type { EventLog, Publication } from "@busbar/log";
import { type Policy, policyHash, withDeployedRows } from "@busbar/policy";
import type { Logger } from "@busbar/telemetry";
import type { DirectiveFeed } from "./feeds.ts";
import { metaWith } from "./meta.ts";
import { policyBody } from "./policy-body.ts";
import type { Keyring } from "./ports.ts";
import type { TopicNames } from "./topic-names.ts";
import { signedPublication } from "./signed-publication.ts";

export type DoorLife = MessageOf<"GatewayHeartbeat">["doors"][number];

interface Sender {
  readonly codec: Codec;
  readonly owner: string;
  readonly keyring: Keyring;
  readonly namespace?: string;
}

export interface GatewayBeat extends Sender {
  readonly topics: TopicNames;
  readonly nowMs: number;
  readonly doors: readonly DoorLife[];
}

/** Signed: whoever may write signs of life must not speak for a gateway. */
export function gatewayBeat(beat: GatewayBeat): Publication {
  const { codec, keyring, owner, namespace = "", topics, nowMs, doors } = beat;
  const meta = metaWith({ eventId: `${owner}/${nowMs}`, atMs: nowMs, namespace });
  const value = codec.encode("GatewayHeartbeat", { meta, gateway: owner, doors: [...doors], sentAtMs: nowMs });
  const principal = `gateway:${owner}`;
  const [topic, type, key] = [topics.heartbeats, "GatewayHeartbeat", `gateway/${owner}`];
  return signedPublication(keyring, { topic, principal, type, key, value });
}

export interface PolicySender extends Sender {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly policy: Policy;
}

/** Its principal is the one who signed it. */
function isOfPerson({ detail }: AppliedDirective): boolean {
  const body = parseJson(detail);
  return isJsonObject(body) && typeof body["by"] === "string" && body["by"].startsWith("operator:");
}

/**
 * Puts our policy on the log unless it is the one in force: nothing decides before it is a record there. Throws
 * BUSBAR_POLICY_TOO_LARGE, and what the log says against it.
 */
export async function publishPolicy(
  { codec, keyring, log, logger, owner, policy: own, namespace = "" }: PolicySender,
  topics: TopicNames,
  directives: DirectiveFeed,
  atMs: number,
): Promise<void> {
  const { applied } = directives.since(0n);
  const policy = withDeployedRows(own, applied);
  const hash = policyHash(policy);
  const inForce = applied.findLast(({ kind }) => kind === "SetPolicy");
  if (inForce?.id === hash) return;
  if (inForce !== undefined && isOfPerson(inForce)) {
    logger.warn({ inForce: inForce.id, ours: hash }, "a person put another policy in force: it stays");
    return;
  }
  const principal = `gateway:${owner}`;
  const meta = metaWith({ eventId: `${owner}/policy/${hash}`, atMs, namespace });
  const body = { ...policyBody(policy), reason: "the project of this gateway", by: principal };
  const value = codec.encode("SetPolicy", { meta, ...body });
  const [topic, type, key] = [topics.directives, "SetPolicy", "policy"];
  const publication = signedPublication(keyring, { topic, principal, type, key, value });
  // Said twice it is the same policy twice.
  for (let isUnknown = true; isUnknown;) {
    const [outcome] = await log.publish([publication]);
    if (outcome?.kind === "refused") throw outcome.error;
    isUnknown = outcome?.kind !== "appended";
  }
}
