/**
 * The person of a play: approves every call that waits for one, so that the recording goes on as it went. What was put
 * to them is in the verdict; nobody's judgement is.
 */
import type { MessageOf } from "@busbar/events";
import { metaWith, signedPublication, topicNames } from "@busbar/runtime";
import type { FolderKeyring } from "@busbar/infra";
import type { PlayLog } from "./play-log.ts";

const OPERATOR = "operator:play";

/** Says yes to one request, which stands in `partition`. What the log did not take, a silent run tells. */
export async function approve(
  { log, codec, prefix }: Pick<PlayLog, "log" | "codec" | "prefix">,
  keyring: Pick<FolderKeyring, "signOrder">,
  request: MessageOf<"ApprovalRequested">,
  partition: number,
): Promise<void> {
  const { callId, argsHash } = request;
  const { chainId, eventId, atMs } = request.meta;
  const requested = eventId.slice(eventId.lastIndexOf("/") + 1);
  const meta = metaWith({ eventId: `play/${eventId}`, atMs, chainId });
  const body = { callId, requested, argsHash, reason: "the recording goes on", by: OPERATOR };
  const value = codec.encode("ApproveEffect", { meta, ...body });
  const { control: topic } = topicNames(prefix);
  const signed = { topic, partition, principal: OPERATOR, type: "ApproveEffect", key: chainId, value };
  await log.publish([signedPublication(keyring, signed)]);
}
