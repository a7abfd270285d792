/** A person's orders: signed, published, and the offset at which each stands. */
import { partitionOf } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { openKeyring } from "@busbar/infra";
import type { EventLog } from "@busbar/log";
import { signedPublication, metaWith, topicNames } from "@busbar/runtime";

export interface Orders {
  halt(scope: string): Promise<bigint>;
  resume(scope: string, fence: string): Promise<bigint>;
  /** Forbids writes of a scope from now on, until `thaw` names the same id. */
  freeze(freezeId: string, scope: string): Promise<bigint>;
  thaw(freezeId: string): Promise<bigint>;
  /** A person puts a policy in force. */
  setPolicy(policy: { readonly hash: string; readonly policy: string }): Promise<bigint>;
  /** A person's word on an effect in doubt, to the chain's partition. */
  settle(
    chainId: string,
    attempt: { readonly callId: string; readonly admitted: string },
    outcome: "committed" | "not-done",
  ): Promise<bigint>;
}

export interface OrdersOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly prefix: string;
  readonly keys: string;
  readonly partitions: number;
}

const OPERATOR = "operator:test";
const REASON = "a fault test";

export function createOrders({ log, codec, prefix, keys, partitions }: OrdersOptions): Orders {
  const topics = topicNames(prefix);
  const keyring = openKeyring(keys, "operator");
  let count = 0;
  const meta = (chainId = "") => metaWith({ eventId: `${OPERATOR}/${(count += 1)}`, atMs: Date.now(), chainId });
  const publish = async (
    topic: string,
    partition: number,
    key: string,
    type: string,
    value: Uint8Array,
  ): Promise<bigint> => {
    const order = signedPublication(keyring, { topic, partition, principal: OPERATOR, type, key, value });
    const [outcome] = await log.publish([order]);
    if (outcome?.kind !== "appended") throw new Error(`${type} was not appended: ${outcome?.kind ?? "no answer"}`);
    return outcome.baseOffset;
  };
  return {
    halt: (scope) => {
      const body = { scope, reason: REASON, by: OPERATOR, rule: "", cause: "" };
      return publish(topics.directives, 0, scope, "Halt", codec.encode("Halt", { meta: meta(), ...body }));
    },
    resume: (scope, fence) => {
      const body = { scope, fence, reason: REASON, by: OPERATOR, coversThrough: [] };
      return publish(topics.directives, 0, scope, "Resume", codec.encode("Resume", { meta: meta(), ...body }));
    },
    freeze: (freezeId, scope) => {
      const body = { freezeId, scope, effects: ["write"], fromMs: 0, untilMs: 0, reason: REASON, by: OPERATOR };
      return publish(topics.directives, 0, scope, "Freeze", codec.encode("Freeze", { meta: meta(), ...body }));
    },
    thaw: (freezeId) => {
      const body = { freezeId, reason: REASON, by: OPERATOR };
      return publish(topics.directives, 0, freezeId, "Unfreeze", codec.encode("Unfreeze", { meta: meta(), ...body }));
    },
    setPolicy: (policy) => {
      const value = codec.encode("SetPolicy", { meta: meta(), ...policy, reason: REASON, by: OPERATOR });
      return publish(topics.directives, 0, "policy", "SetPolicy", value);
    },
    settle: (chainId, { callId, admitted }, outcome) => {
      const body = { callId, admitted, outcome, reason: REASON, by: OPERATOR };
      const value = codec.encode("SettleEffect", { meta: meta(chainId), ...body });
      return publish(topics.control, partitionOf(chainId, partitions), chainId, "SettleEffect", value);
    },
  };
}
