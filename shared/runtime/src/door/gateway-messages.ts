/** What a gateway itself sends after an acknowledged event: sub-tasks, their reports, and halts of their chains. */
import { type BusEvent, HEADER, type MessageOf, partitionOf } from "@busbar/events";
import { signCommand } from "@busbar/events/codec";
import type { Publication } from "@busbar/log";
import { type PartitionState, planRollback, type Policy, rollbackChainId } from "@busbar/policy";
import { metaWith } from "../meta.ts";
import type { AckedEvent, ProjectorOptions } from "./projector.ts";
import { signedPublication } from "../signed-publication.ts";

interface GatewayCommand {
  readonly type: "SubmitTask" | "ReportSubtask" | "RollBack";
  readonly chainId: string;
  readonly lineage: readonly string[];
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent: string;
  readonly body: Readonly<Record<string, unknown>>;
}

function gatewayCommand(options: ProjectorOptions, made: GatewayCommand): Publication {
  const { codec, topics, keyring, clock, owner } = options;
  const partition = partitionOf(made.chainId, options.partitionCount);
  const { chainId, lineage, correlationId, causationId, traceparent } = made;
  const eventId = `${owner}/${causationId}`;
  const { namespace } = options;
  const atMs = clock.nowMs();
  const meta = metaWith({ eventId, atMs, chainId, lineage, correlationId, causationId, traceparent, namespace });
  const value = codec.encode(made.type, { meta, ...made.body } as never);
  const [key] = keyring.commandKeys("gateway");
  const position = { topic: topics.commands, partition, chainId: made.chainId, incarnation: 0, sequence: 0, value };
  const auth = key === undefined ? "" : signCommand(key, position);
  const headers = { [HEADER.type]: made.type, [HEADER.principal]: "gateway", [HEADER.auth]: auth };
  return { topic: topics.commands, partition, record: { key: made.chainId, value, headers } };
}

/** The sub-task's own submission; its lineage is its parent's with itself at the end. */
export function childTask(options: ProjectorOptions, event: MessageOf<"TaskSent">): Publication {
  const { meta, childChainId, agent, input, deadlineAtMs, budgetTokens, callId, untrusted } = event;
  const body = {
    taskKey: `${meta.chainId}/${event.step}`,
    agent,
    input,
    deadlineAtMs,
    maxSteps: 0,
    budgetTokens,
    parentChainId: meta.chainId,
    parentCallId: callId,
    untrusted,
  };
  const { correlationId, traceparent, eventId } = meta;
  const lineage = [...meta.lineage, childChainId];
  return gatewayCommand(options, {
    type: "SubmitTask",
    chainId: childChainId,
    lineage,
    correlationId,
    causationId: eventId,
    traceparent,
    body,
  });
}

function report(options: ProjectorOptions, ended: BusEvent, offset: string): readonly Publication[] {
  const { meta } = ended;
  const parent = options.parentOf(meta.chainId);
  if (parent === null) return [];
  const isDone = ended.type === "TaskCompleted";
  const state = isDone ? "completed" : "failed";
  const output = isDone
    ? ended.output
    : ended.type === "TaskFailed"
      ? JSON.stringify({ code: ended.code, reason: ended.reason })
      : "";
  const body = {
    parentCallId: parent.callId,
    childChainId: meta.chainId,
    state,
    output,
    childOffset: offset,
    tokensUsed: parent.tokensUsed,
    // The reason of a failure is in the words of an agent or a tool.
    untrusted: isDone ? ended.untrusted : true,
  };
  const { correlationId, traceparent, eventId } = meta;
  return [
    gatewayCommand(options, {
      type: "ReportSubtask",
      chainId: parent.chainId,
      lineage: [],
      correlationId,
      causationId: eventId,
      traceparent,
      body,
    }),
  ];
}

export const reportOf = (options: ProjectorOptions, acked: AckedEvent): readonly Publication[] =>
  report(options, acked.event, acked.offset.toString());

/** A child that is asked for again and has ended: its report is sent again. */
export async function knownChild(
  options: ProjectorOptions,
  event: MessageOf<"TaskAlreadyKnown">,
): Promise<readonly Publication[]> {
  if (event.outcomeOffset === "" || options.parentOf(event.meta.chainId) === null) return [];
  const offset = BigInt(event.outcomeOffset);
  for await (const { records } of options.log.read(options.topics.events, options.partition, {
    from: offset,
    to: offset + 1n,
  })) {
    const decoded = options.codec.decode(records[0]?.value ?? null, "event");
    if (decoded.ok) return report(options, decoded.message, event.outcomeOffset);
  }
  return [];
}

/** A chain halted by a rule also halts its descendants, in whatever partition: by a directive, named by its cause. */
export function haltOfChildren(options: ProjectorOptions, event: MessageOf<"ChainHalted">): readonly Publication[] {
  if (event.directive !== "" || !options.hasChildren(event.meta.chainId)) return [];
  return [haltDirective(options, event)];
}

export function haltDirective(options: ProjectorOptions, event: MessageOf<"ChainHalted">): Publication {
  const { codec, topics, keyring, owner } = options;
  const scope = `chain:${event.meta.chainId}`;
  const principal = `gateway:${owner}`;
  const meta = { ...event.meta, causationId: event.meta.eventId, progress: null, commandSeq: 0, streamSeq: 0 };
  const reason = `${event.rule}: ${event.reason}`;
  const body = { scope, reason, by: principal, rule: event.rule, cause: event.meta.eventId };
  const value = codec.encode("Halt", { meta, ...body });
  return signedPublication(keyring, { topic: topics.directives, principal, type: "Halt", key: scope, value });
}

/** Whom a chain reports to, open or closed; null where it has no parent. */
export function parentOf(
  state: PartitionState | null,
  chainId: string,
): { readonly chainId: string; readonly callId: string; readonly tokensUsed: number } | null {
  const open = state?.chains[chainId];
  const closed = state?.closed[chainId];
  const found = open ?? closed;
  if (found === undefined || found.parentChainId === "") return null;
  return { chainId: found.parentChainId, callId: found.parentCallId, tokensUsed: found.tokensUsed };
}

/** The rollback that a policy asks for when a rule halts a chain; null where nothing can be undone. */
export function rollbackOf(
  options: ProjectorOptions,
  policy: Policy,
  halted: MessageOf<"ChainHalted">,
  events: readonly AckedEvent[],
): Publication | null {
  const { chainId: target, correlationId, traceparent, eventId } = halted.meta;
  const { undos, impossible } = planRollback(
    events.map(({ event }) => event),
    policy,
  );
  if (undos.length === 0) return null;
  const chainId = rollbackChainId(target, 0);
  const reason = `halted by ${halted.rule}: ${halted.reason}`;
  const body = { target, number: 0, undos, impossible, reason, by: "gateway" };
  const lineage = [chainId];
  const about = { chainId, lineage, correlationId, causationId: eventId, traceparent };
  return gatewayCommand(options, { type: "RollBack", ...about, body });
}
