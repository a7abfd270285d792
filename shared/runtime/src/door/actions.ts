/**
 * What the owner does about acknowledged events: starts the calls they admit, tells agents and sub-tasks.
 * Nothing here decides; all of it can be done again after a crash.
 */
import { asideOf, type ClaimCheck, type MessageOf } from "@busbar/events";
import { own, parseJson, reasonOf } from "@busbar/kernel";
import {
  againstFiringAgain,
  type CallOutcome,
  type CallState,
  type ChainState,
  DEFAULT_MODEL,
  DEFAULT_TOOL,
  type EmittedEvent,
  type Input,
  type Look,
  lookForDoubt,
  NOTHING_KNOWN,
  parseLook,
  type PartitionState,
  type Policy,
} from "@busbar/policy";
import { blobOf, type BlobRef, locateClaim } from "@busbar/log";
import { createPartitionReader } from "../partition-reader.ts";
import { noticeOf, noticesIn } from "../people/notices.ts";
import { pause } from "../ports.ts";
import type { Contents } from "./contents.ts";
import { Conversations } from "./conversations.ts";
import { createExecutor, type Executor } from "./executor.ts";
import { againstFiring, type AgainstFiring, againstHandingOver, type QueuedAt } from "./fire-step.ts";
import type { InputQueue } from "./input-queue.ts";
import { journalOf } from "./journal-of.ts";
import type { OwnerOptions } from "./owner-options.ts";
import { childTask, parentOf } from "./gateway-messages.ts";
import { type AckedEvent, type ProjectionStatus, Projector, type ProjectorOptions } from "./projector.ts";
import type { Ticking } from "./ticks.ts";
import { judgesToAsk } from "./verdicts.ts";

export interface ActionsOptions extends OwnerOptions {
  readonly queue: InputQueue;
  readonly contents: Contents;
  push(input: Input): void;
  state(): PartitionState | null;
}

const MAX_ASK_MS = 60_000;

export class Actions {
  readonly #options: ActionsOptions;
  readonly #executor: Executor;
  readonly #projector: Projector;
  readonly #projection: ProjectorOptions;
  readonly #conversations: Conversations;

  constructor(options: ActionsOptions) {
    this.#options = options;
    this.#projection = {
      ...options,
      journal: (chainId, from, to) => journalOf(options, chainId, from, to),
      submittedAt: (chainId) => {
        const chain = options.state()?.chains[chainId];
        return chain === undefined ? null : BigInt(chain.submitted);
      },
      policy: () => options.state()?.policy ?? null,
      hasChildren: (chainId) => Object.keys(options.state()?.chains[chainId]?.children ?? {}).length > 0,
      parentOf: (chainId) => parentOf(options.state(), chainId),
    };
    this.#projector = new Projector(this.#projection);
    this.#conversations = new Conversations(options);
    this.#executor = createExecutor({
      toolbox: options.toolbox,
      running: options.running,
      clock: options.clock,
      timers: options.timers,
      check: options.check,
      deliver: (outcome) => options.push({ kind: "outcome", outcome }),
      policy: () => options.state()?.policy ?? null,
      known: (chainId) => own(options.state()?.chains ?? {}, chainId) ?? NOTHING_KNOWN,
      claimCheck: (text) => this.#claimCheck(text),
      messagesOf: (chainId, history) => this.#conversations.messagesOf(chainId, history),
      observe: (kind, name, outcome, durationMs) => {
        const { toolSeconds, modelSeconds } = options.metrics;
        if (kind === "tool") toolSeconds.observe({ tool: name, outcome }, durationMs / 1000);
        else modelSeconds.observe({ model: name, outcome }, durationMs / 1000);
      },
    });
  }

  isRunning(admitted: string, callId: string): boolean {
    return this.#executor.isRunning(admitted, callId);
  }

  projectedThrough(recorded: string): string {
    const through = this.#projector.through();
    return through > BigInt(recorded) ? through.toString() : recorded;
  }

  projection(): ProjectionStatus {
    return this.#projector.status();
  }

  drain(boundMs: number): Promise<void> {
    return this.#executor.drain(boundMs);
  }

  stop(): Promise<void> {
    this.#executor.detach();
    return this.#projector.stop();
  }

  /** Before a load: nothing more is told from memory that is dropped. */
  suspend(): void {
    this.#projector.suspend();
  }

  /** After a load: what was acknowledged and not acted upon, by this process or a former owner. */
  async restart(state: PartitionState): Promise<void> {
    const from = BigInt(state.inbox);
    this.#projector.reset(from);
    const { topics, partition, log } = this.#options;
    const claim = await locateClaim(log, topics.events, partition, from);
    const reader = createPartitionReader(this.#options.codec, { offset: from, claim });
    const missed: AckedEvent[] = [];
    for await (const delivery of log.read(topics.events, partition, { from, to: BigInt(state.end) })) {
      for (const read of reader.read(delivery)) {
        if (read.kind === "event" && read.record.value !== null)
          missed.push({ offset: read.offset, event: read.event, bytes: read.record.value });
      }
    }
    this.#projector.enqueue(missed);
    for (const notice of noticesIn(state, topics.events)) this.#options.notices.tell(notice);
    this.#executor.redeliver(({ chainId, callId, admitted }) => {
      const call = state.chains[chainId]?.calls[callId];
      return call !== undefined && call.status !== "answered" && call.admitted === admitted;
    });
    for (const chain of Object.values(state.chains)) {
      this.#askJudges(chain.chainId);
      for (const [callId, call] of Object.entries(chain.calls)) this.#restartCall(state, chain, callId, call);
    }
  }

  /** Model calls and checks change nothing, so they are simply asked again. */
  #restartCall(state: PartitionState, chain: ChainState, callId: string, call: CallState): void {
    if (call.status === "unverified") return this.#lookAfter(chain.chainId, callId);
    if (call.status !== "open" || state.policy === null) return;
    const meta = { chainId: chain.chainId, agent: chain.agent } as MessageOf<"ModelCallAdmitted">["meta"];
    const { step, argsHash, admitted, name, args } = call;
    if (call.kind === "model") {
      const { timeoutMs } = own(state.policy.models, name) ?? DEFAULT_MODEL;
      const event = {
        type: "ModelCallAdmitted" as const,
        meta,
        callId,
        step,
        model: name,
        request: args,
        requestHash: argsHash,
        attempt: call.attempt,
        timeoutMs,
      };
      this.#executor.startModel(event, admitted);
    }
    if (call.kind === "statement") {
      const event = {
        type: "StatementRecorded" as const,
        meta,
        callId,
        step,
        subject: name,
        statement: args,
        argsHash,
      };
      this.#executor.startCheck(event, admitted, state.policy);
    }
  }

  afterAck(emitted: readonly EmittedEvent[], queued: QueuedAt): void {
    for (const one of emitted) {
      const notice = noticeOf(one.event);
      if (notice !== null) this.#options.notices.tell(notice);
      this.#conversations.remember(one);
      this.#act(one, queued);
    }
    this.#projector.enqueue(emitted.map(({ offset, event, bytes }) => ({ offset, event, bytes })));
  }

  #act({ event, offset }: EmittedEvent, queued: QueuedAt): void {
    const state = this.#options.state();
    const policy = state?.policy ?? null;
    switch (event.type) {
      case "EffectAdmitted":
        if (policy !== null) this.#fire(event, offset.toString(), queued);
        return;
      case "ModelCallAdmitted":
        return this.#executor.startModel(event, offset.toString());
      case "StatementRecorded":
        if (policy !== null) this.#executor.startCheck(event, offset.toString(), policy);
        return;
      case "VerdictsRequested":
        return this.#askJudges(event.meta.chainId);
      case "VerdictGiven":
        return this.#executor.settleVerdict(event.callId, event.judge);
      case "HaltAcknowledged":
        return this.#options.metrics.halts.inc(1);
      case "CommandDeferred":
        if (event.code === "BUSBAR_DUPLICATE" && event.callId !== "")
          this.#answerAgain(event.meta.chainId, event.callId);
        return;
      case "EffectInDoubt":
        // Whoever runs it may still tell what came of it, in whatever epoch (PROTOCOL 5.4).
        return;
      case "EffectSettled":
        if (event.outcome === "unknown") return this.#executor.settleReadBack(event.admitted, event.callId);
        this.#executor.settle(event.admitted, event.callId);
        return this.#lookAfter(event.meta.chainId, event.callId);
      case "EffectCommitted":
        this.#executor.settle(event.admitted, event.callId);
        return this.#lookAfter(event.meta.chainId, event.callId);
      default:
        if ("admitted" in event) this.#executor.settle(event.admitted, event.callId);
        else if ("callId" in event) this.#settleByCall(event.meta.chainId, event.callId);
    }
  }

  /** Those that have not judged yet; a successor asks them again. */
  #askJudges(chainId: string): void {
    const state = this.#options.state();
    const chain = state?.chains[chainId];
    if (chain === undefined) return;
    for (const call of judgesToAsk(chain, state?.policy ?? null)) this.#executor.startJudge(call);
  }

  #settleByCall(chainId: string, callId: string): void {
    const call = this.#options.state()?.chains[chainId]?.calls[callId];
    if (call !== undefined && call.status === "answered") this.#executor.settle(call.admitted, callId);
  }

  /** The fire step (PROTOCOL 5.3): acknowledged just now, no halt queued, bound not over, admission still open. */
  #fire(event: MessageOf<"EffectAdmitted">, admitted: string, queued: QueuedAt): void {
    const aside = asideOf(event, "args");
    if (aside === null) return this.#fireNow(event, admitted, queued);
    const args = this.#options.contents.peek(aside);
    if (args === null) return this.#readThenFire(event, aside, admitted, queued);
    this.#fireNow({ ...event, args }, admitted, queued);
  }

  #fireNow(event: MessageOf<"EffectAdmitted">, admitted: string, queued: QueuedAt): void {
    const { callId, meta } = event;
    const state = this.#options.state();
    const call = state?.chains[meta.chainId]?.calls[callId];
    const policy = state?.policy ?? null;
    if (policy === null || call?.admitted !== admitted || call.status !== "open") return;
    const against = againstFiring(this.#options, event, queued);
    if (against === null) return this.#handOver(event, call, policy, queued);
    const ids = { chainId: meta.chainId, callId, admitted, durationMs: 0 };
    this.#options.push({ kind: "outcome", outcome: { ...ids, kind: "abandoned", ...against } satisfies CallOutcome });
  }

  #handOver(event: MessageOf<"EffectAdmitted">, call: CallState, policy: Policy, queued: QueuedAt): void {
    const { admitted, unresolved } = call;
    const { dependsOn } = own(policy.tools, event.tool) ?? DEFAULT_TOOL;
    // What may have happened already has changed the version itself: its key protects it, not a comparison.
    if (dependsOn?.check !== "gateway" || unresolved) return this.#executor.startTool(event, admitted, policy);
    const against = (): AgainstFiring | null => againstHandingOver(this.#options, event, admitted, queued);
    this.#executor.startTool(event, admitted, policy, { against });
  }

  /** A further attempt, or a busy memory: the arguments are read first, and then all is asked that is asked before a start. */
  #readThenFire(event: MessageOf<"EffectAdmitted">, aside: ClaimCheck, admitted: string, queued: QueuedAt): void {
    const { contents, push } = this.#options;
    const epoch = this.#options.state()?.claim?.nonce;
    contents.read(aside).then(
      () => {
        // Read for an epoch that is over: whoever owns the partition now has been told of an admission in doubt.
        if (this.#options.state()?.claim?.nonce === epoch) this.#fire(event, admitted, queued);
      },
      (error: unknown) => {
        const ids = { chainId: event.meta.chainId, callId: event.callId, admitted, durationMs: 0 };
        push({ kind: "outcome", outcome: { ...ids, kind: "abandoned", reason: reasonOf(error) } });
      },
    );
  }

  #answerAgain(chainId: string, callId: string): void {
    const call = this.#options.state()?.chains[chainId]?.calls[callId];
    if (call !== undefined && call.answered !== "") this.#projector.answerAgain(BigInt(call.answered));
  }

  /** Sub-tasks that have not reported are asked for again; the child's owner answers with what it knows. */
  askChildren(state: PartitionState, ticking: Ticking): void {
    const nowMs = this.#options.clock.nowMs();
    for (const chain of Object.values(state.chains)) {
      for (const [callId, child] of Object.entries(chain.children)) {
        if (!child.open) continue;
        const asked = ticking.asked.get(callId);
        const waitMs = asked?.waitMs ?? this.#options.settings.childAskMs;
        if (asked === undefined) {
          ticking.asked.set(callId, { nextMs: nowMs + waitMs, waitMs });
        } else if (nowMs >= asked.nextMs) {
          const longerMs = Math.min(waitMs * 2, MAX_ASK_MS);
          ticking.asked.set(callId, { nextMs: nowMs + longerMs, waitMs: longerMs });
          this.#askChild(chain, callId);
        }
      }
    }
    this.#readBacks(state, nowMs);
  }

  #askChild(chain: ChainState, callId: string): void {
    const call = chain.calls[callId];
    const child = chain.children[callId];
    if (call === undefined || child === undefined || call.status !== "open") return;
    const { chainId, lineage, correlationId, traceparent, deadlineAtMs } = chain;
    const eventId = `${this.#options.topics.events}/${this.#options.partition}/${call.admitted}`;
    const meta = { chainId, lineage, correlationId, traceparent, eventId } as MessageOf<"TaskSent">["meta"];
    const { step, args: input, argsHash } = call;
    const { childChainId, agent, untrusted } = child;
    const event = {
      type: "TaskSent" as const,
      meta,
      callId,
      step,
      childChainId,
      agent,
      input,
      argsHash,
      deadlineAtMs,
      budgetTokens: child.budgetTokens,
      untrusted,
    };
    void this.#options.log.publish([childTask(this.#projection, event)]);
  }

  /** Doubts about tools that only a look at the world can settle. */
  #readBacks(state: PartitionState, nowMs: number): void {
    if (state.door !== "open" || state.policy === null) return;
    for (const chain of Object.values(state.chains)) {
      for (const [callId, call] of Object.entries(chain.calls)) {
        const isDue = call.status === "in-doubt" && call.dueAtMs > 0 && call.dueAtMs <= nowMs;
        if (isDue && chain.halted === null) this.#readBack(state, chain, callId, call, nowMs);
      }
    }
  }

  #readBack(state: PartitionState, chain: ChainState, callId: string, call: CallState, nowMs: number): void {
    const { policy } = state;
    const tool = own(policy?.tools ?? {}, call.name);
    if (policy === null || tool === undefined || tool.effect === "read") return;
    // What may be fired again needs no look: its key settles it.
    if (againstFiringAgain(policy, chain, call, nowMs) === null) return;
    const args = this.#argumentsOf(call);
    // Being read: the next tick finds them.
    if (args === null) return;
    const look = lookForDoubt(tool.readBack, parseJson(args) ?? null);
    if (look !== null) this.#look(chain, callId, call, look, policy);
  }

  #argumentsOf({ args, aside }: CallState): string | null {
    if (aside === null) return args;
    const kept = this.#options.contents.peek(aside);
    if (kept === null) this.#options.contents.read(aside).catch(() => undefined);
    return kept;
  }

  #look(
    { chainId, agent }: ChainState,
    callId: string,
    { admitted }: CallState,
    look: Look | null,
    policy: Policy,
  ): void {
    if (this.#executor.isReadingBack(admitted, callId)) return;
    const { timeoutMs } = own(policy.tools, look?.tool ?? "") ?? DEFAULT_TOOL;
    this.#executor.startReadBack({ chainId, callId, admitted, agent, look, timeoutMs });
  }

  /** The look at a change that its tool reported as done; a successor makes it as well (PROTOCOL 5.2). */
  #lookAfter(chainId: string, callId: string): void {
    const state = this.#options.state();
    const chain = state?.chains[chainId];
    const call = chain?.calls[callId];
    const policy = state?.policy ?? null;
    if (chain === undefined || call?.status !== "unverified" || policy === null) return;
    this.#look(chain, callId, call, parseLook(call.look), policy);
  }

  /** Puts a large text aside, acknowledged before anything refers to it (PROTOCOL 5.8). */
  async #claimCheck(text: string): Promise<BlobRef> {
    const { log, topics, partition, timers } = this.#options;
    const { publications, refOf } = blobOf(topics.blobs, partition, text);
    for (;;) {
      const ref = refOf(await log.publish(publications));
      if (ref !== null) return ref;
      await pause(timers, 50);
    }
  }
}
