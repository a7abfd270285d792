/**
 * The hostile agent's helper: a process in a session of its own that has the agent's keys. It sends old commands again,
 * to their partition and to others; signs new ones with forged incarnations and sequences; writes admissions of its own
 * into the events topic under a forged epoch; and answers each halt with an order of its own release, signed by nobody.
 */
import { setTimeout as delay } from "node:timers/promises";
import { HEADER } from "@busbar/events";
import { connect } from "@busbar/infra";
import type { NewRecord, StoredRecord } from "@busbar/log";
import { metaWith, topicNames } from "@busbar/runtime";
import { rollDice } from "../../harness/dice.ts";
import { forgeCommand } from "../../harness/forge.ts";
import { defy } from "./defy.ts";

const TICK_MS = 60;
const KEPT = 300;
const ONE_IN_FORGED_EVENT = 50;

defy();
const { env } = process;
const { log, codec, prefix, keys } = await connect({
  env,
  clientId: "helper",
  principal: "agent:rebel",
  onNotice: () => undefined,
});
const topics = topicNames(prefix);
const partitions = await log.partitionCount(topics.events);
const dice = rollDice();
const taken: StoredRecord[] = [];

for (let partition = 0; partition < partitions; partition += 1) {
  log.follow({
    topic: topics.commands,
    partition,
    from: 0n,
    onDelivery: ({ records }) => {
      taken.push(...records);
      taken.splice(0, taken.length - KEPT);
    },
    onProblem: () => undefined,
  });
}
log.follow({
  topic: topics.directives,
  partition: 0,
  from: 0n,
  onDelivery: ({ records }) => {
    for (const { value, offset } of records) {
      const decoded = codec.decode(value, "directive");
      if (!decoded.ok || decoded.message.type !== "Halt") continue;
      // At once, while it is in force.
      releaseMyself({ scope: decoded.message.scope, fence: offset }).catch(() => undefined);
    }
  },
  onProblem: () => undefined,
});

async function put(topic: string, partition: number, record: NewRecord): Promise<void> {
  await log.publish([{ topic, partition, record }]);
}

function old(): StoredRecord | undefined {
  return taken[dice.below(Math.max(1, taken.length))];
}

async function replayOld(isElsewhere: boolean): Promise<void> {
  const record = old();
  if (record?.value === null || record === undefined) return;
  const { key, value, headers, partition } = record;
  await put(topics.commands, isElsewhere ? dice.below(partitions) : partition, { key: key ?? "k", value, headers });
}

async function forgeCall(): Promise<void> {
  const decoded = codec.decode(old()?.value ?? null, "command");
  if (!decoded.ok || decoded.message.type !== "CallTool") return;
  const { chainId, agent, incarnation, streamSeq } = decoded.message.meta;
  const as = {
    chainId,
    agent,
    incarnation: incarnation + dice.below(3) - 1,
    sequence: Math.max(1, streamSeq + dice.below(9) - 4),
  };
  const args = JSON.stringify({ n: 100_000 + dice.below(100_000), orderId: 4, text: "forged" });
  const call = { step: 1000 + dice.below(1000), tool: "orders.annotate", args, repeat: 0 };
  const { partition, record } = forgeCommand({ codec, keys, partitions, topics }, "CallTool", call, as);
  await put(topics.commands, partition, record);
}

/** At the very offset it names, in an epoch that it cannot know whole: the nonce of a claim is no secret of the agent's. */
async function forgeEvent(): Promise<void> {
  const decoded = codec.decode(old()?.value ?? null, "command");
  if (!decoded.ok || decoded.message.type !== "CallTool") return;
  const { meta, step, tool, args } = decoded.message;
  const { partition = 0 } = old() ?? {};
  const { end } = await log.offsets(topics.events, partition);
  const value = codec.encode("EffectAdmitted", {
    meta: { ...metaWith({ eventId: "", atMs: Date.now(), chainId: meta.chainId, agent: meta.agent }) },
    callId: `${meta.chainId}:${step}`,
    step,
    tool,
    toolDigest: "",
    toolClass: "exact",
    effectClass: "write",
    effectKey: `forged-${dice.below(2 ** 31)}`,
    args,
    argsHash: "",
    attempt: 1,
    fireBoundMs: 60_000,
    timeoutMs: 1000,
    origin: "agent",
    probes: [],
    subject: "",
    keySinceMs: 0,
    expects: "",
    approval: "",
    undoes: "",
  });
  const epoch = `${dice.below(Number(end) + 1)}:${dice.below(2 ** 31).toString(36)}`;
  const headers = { [HEADER.type]: "EffectAdmitted", [HEADER.at]: String(end), [HEADER.epoch]: epoch };
  await put(topics.events, partition, { key: meta.chainId, value, headers });
}

async function releaseMyself({ scope, fence }: { readonly scope: string; readonly fence: bigint }): Promise<void> {
  const meta = metaWith({ eventId: `release/${fence}`, atMs: Date.now() });
  const body = { scope, fence: fence.toString(), reason: "I am good now", by: "operator:test", coversThrough: [] };
  const value = codec.encode("Resume", { meta, ...body });
  const headers = { [HEADER.type]: "Resume", [HEADER.principal]: "operator:test", [HEADER.sig]: "00" };
  await put(topics.directives, 0, { key: scope, value, headers });
}

const ACTS = [() => replayOld(false), () => replayOld(true), forgeCall, forgeCall] as const;

for (;;) {
  await delay(TICK_MS);
  const act = ACTS[dice.below(ACTS.length)];
  try {
    if (dice.below(ONE_IN_FORGED_EVENT) === 0) await forgeEvent();
    else await act?.();
  } catch {
    // The broker may be away; hostility has time.
  }
}
