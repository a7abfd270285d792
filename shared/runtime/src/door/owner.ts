/**
 * The owner of one partition: the door (PROTOCOL 3 to 6). Here the pure decisions meet the log: what waits is decided
 * in one turn, appended as one batch written for the exact next offset, and only then acted upon.
 *
 * O1 Between a turn and its acknowledgement nothing else is decided: memory is ahead of the log by one batch at most.
 * O2 An append that is not acknowledged at its offset drops the memory; the log alone says what happened.
 * O3 An effect is started in the turn of the event loop that saw its acknowledgement, if no halt waits and its bound
 *    is not over; else it is abandoned, on the log.
 */
import { stampHeaders } from "@busbar/events";
import { fastDigestChain } from "@busbar/events/codec";
import { busbarError, type BusbarError, isBusbarError, type Json } from "@busbar/kernel";
import { type Appender, BATCH_OVERHEAD_BYTES, type NewRecord } from "@busbar/log";
import {
  ARGUMENTS_LIMIT_BYTES,
  beginTurn,
  decide,
  type EmittedEvent,
  guardsIn,
  type Input,
  type PartitionState,
  snapshotOf,
  type TurnEnv,
} from "@busbar/policy";
import { type Lifecycle, Loop, type LoopWork, type TurnResult } from "../loop.ts";
import { pause } from "../ports.ts";
import { Actions } from "./actions.ts";
import { Contents } from "./contents.ts";
import { createInputQueue, type InputQueue, isFromLog } from "./input-queue.ts";
import { Intakes } from "./intakes.ts";
import { type Loaded, loadPartition, type LoadOptions } from "./load.ts";
import type { OwnerOptions } from "./owner-options.ts";
import type { ProjectionStatus } from "./projector.ts";
import { inheritedCalls, inputsOfTick, newTicking, type Ticking } from "./ticks.ts";

/** Machines and code whose states are interchangeable. */
export const STATE_VERSION = "door-16";

/** What a release takes on its way beside its bounds, ms. */
const RELEASE_MARGIN_MS = 500;

interface Held {
  readonly state: PartitionState;
  readonly appender: Appender;
  readonly claim: { readonly offset: bigint; readonly nonce: string };
  readonly ticking: Ticking;
  checkpointed: number;
  /** When the log's end was last known to be ours, monotonic ms. */
  endKnownMs: number;
}

export class PartitionOwner implements LoopWork {
  readonly name: string;
  readonly #options: OwnerOptions;
  readonly #queue: InputQueue = createInputQueue();
  readonly #intakes: Intakes;
  readonly #actions: Actions;
  readonly #loop: Loop;
  readonly #unsubscribe: () => void;
  #held: Held | null = null;
  #cancelTick: () => void = () => undefined;
  #isReleasing = false;
  #hasHeld = false;
  #isSaving = false;
  #isStopping = false;

  constructor(given: OwnerOptions) {
    const { partition } = given;
    const options = { ...given, logger: given.logger.child({ partition }) };
    this.#options = options;
    this.name = `door-${partition}`;
    const push = (input: Input): void => this.#push(input);
    const { topics, metrics } = options;
    const place = { topic: topics.blobs, partition, maxBytes: ARGUMENTS_LIMIT_BYTES };
    const contents = new Contents({ log: options.log, ...place, clean: (text) => options.codec.content(text) });
    this.#intakes = new Intakes({
      ...options,
      contents,
      deadLetters: topics.deadLetters,
      queue: this.#queue,
      push,
      onDeadLetter: (code) => metrics.deadLetters.inc({ code }),
      isGapAccepted: (topic, low) => options.settings.acceptedGaps.includes(`${topic}/${partition}@${low}`),
      onBroken: (error) => this.#loop.fail(error),
    });
    this.#actions = new Actions({
      ...options,
      contents,
      push,
      queue: this.#queue,
      state: () => this.#held?.state ?? null,
    });
    this.#loop = new Loop(this, {
      logger: options.logger,
      timers: options.timers,
      random: () => options.chance.random(),
      onState: (state) => {
        if (state === "failed") options.onFailed(partition);
      },
    });
    const unsubscribe = [
      options.directives.onChange(() => this.#offerDirectives()),
      options.directives.onBroken((error) => this.#loop.fail(error)),
    ];
    this.#unsubscribe = () => {
      for (const end of unsubscribe) end();
    };
  }

  get partition(): number {
    return this.#options.partition;
  }

  lifecycle(): Lifecycle {
    return this.#loop.state();
  }

  /** Why the partition is shut until a person acts; null while it is not. */
  failure(): BusbarError | null {
    return this.#loop.failure();
  }

  /** How the inboxes keep up. */
  projection(): ProjectionStatus {
    return this.#actions.projection();
  }

  /** Offset of our claim; null while there is none. */
  epoch(): bigint | null {
    return this.#held?.claim.offset ?? null;
  }

  /** The state as decided; not to be changed. */
  state(): PartitionState | null {
    return this.#held?.state ?? null;
  }

  start(): void {
    const { timers, settings } = this.#options;
    this.#cancelTick = timers.every(settings.tickMs, () => this.#tick());
    this.#loop.start();
  }

  /** `release`: drain within the bound and say so on the log, so that the successor need not wait. */
  async stop({ release }: { readonly release: boolean }): Promise<void> {
    if (release && this.#loop.state() === "active") await this.#release();
    this.#isStopping = true;
    await this.#loop.stop();
  }

  hasWork(): boolean {
    return this.#queue.length > 0;
  }

  mayLoad(): boolean {
    return this.#options.isMember();
  }

  async load(): Promise<void> {
    const { options, settings } = { options: this.#options, settings: this.#options.settings };
    // Before the queue: what an intake still hands over while we load would be decided twice.
    await this.#intakes.stop();
    this.#queue.clear();
    this.#actions.suspend();
    await this.#held?.appender.close();
    this.#held = null;
    options.metrics.claims.inc();
    const loaded = await this.#loaded({
      ...options,
      topic: options.topics.events,
      checkpointName: "door",
      stateVersion: STATE_VERSION,
      // It drains, and then appends what came of that and its release: each within the same bound.
      releaseBoundMs: settings.drainMs * 2 + RELEASE_MARGIN_MS,
      isStopping: () => this.#isStopping,
      mayClaim: (claimant) => options.mayClaim(claimant, this.#hasHeld),
      isGone: options.isGone,
      onVoid: (count) => options.metrics.voids.inc(count),
    });
    const { state, claim } = loaded;
    const endKnownMs = options.clock.monotonicMs();
    const { appender } = loaded;
    this.#held = {
      state,
      appender,
      claim,
      ticking: newTicking(options.clock.nowMs(), loaded.skewMs),
      checkpointed: state.events,
      endKnownMs,
    };
    options.logger.info({ offset: claim.offset.toString(), events: state.events }, "partition loaded");
    await this.#begin(state);
    for (const outcome of loaded.evidence) this.#queue.push({ kind: "outcome", outcome });
  }

  async #loaded(options: LoadOptions): Promise<Loaded> {
    try {
      const loaded = await loadPartition(options);
      this.#hasHeld = true;
      return loaded;
    } catch (error) {
      if (isBusbarError(error) && error.code === "BUSBAR_SUPERSEDED") this.#options.onYield(this.partition);
      throw error;
    }
  }

  /** What a new owner finds undone: directives, open calls, what is not projected yet, commands. */
  async #begin(state: PartitionState): Promise<void> {
    await this.#options.directives.ready();
    await this.#checkDirectives(BigInt(state.through));
    this.#offerDirectives();
    const calls = inheritedCalls(state, (admitted, callId) => this.#actions.isRunning(admitted, callId));
    if (calls.length > 0) this.#queue.push({ kind: "inherit", calls });
    await this.#actions.restart(state);
    await this.#intakes.restart(state.inputs);
  }

  /** Directives that this partition has applied and that are no longer in the log: orders may be missing (PROTOCOL 3.5). */
  async #checkDirectives(through: bigint): Promise<void> {
    const { log, topics } = this.#options;
    if (through <= this.#options.directives.end()) return;
    const { end } = await log.offsets(topics.directives, 0);
    if (through <= end) return;
    const place = { topic: topics.directives, partition: 0, end: end.toString(), position: through.toString() };
    throw busbarError("BUSBAR_LOG_TRUNCATED", place);
  }

  #push(input: Input): void {
    if (this.#isReleasing && isFromLog(input)) return;
    const { metrics, partition } = this.#options;
    this.#queue.push(input);
    metrics.queue.set({ partition: String(partition) }, this.#queue.length);
    this.#intakes.pauseFull();
    this.#loop.poke();
  }

  #offerDirectives(): void {
    const state = this.#held?.state;
    if (state === undefined) return;
    const { applied, through } = this.#options.directives.since(BigInt(state.through));
    if (through > BigInt(state.through)) this.#push({ kind: "directives", applied, through: through.toString() });
  }

  async turn(): Promise<TurnResult> {
    const held = this.#held;
    if (held === null) return "lost";
    const { clock, settings } = this.#options;
    const queued = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
    const turn = beginTurn(held.state, this.#turnEnv(held.appender));
    turn.progress = { ...turn.progress, inbox: this.#actions.projectedThrough(held.state.inbox) };
    const base = BigInt(held.state.end);
    for (let taken = 0; taken < settings.turnInputs && turn.bytes < settings.turnBytes; taken += 1) {
      const input = this.#queue.shift();
      if (input === undefined) break;
      const rest = decide(turn, input);
      if (rest !== null) {
        this.#queue.unshift(rest);
        break;
      }
      if (input.kind === "release") break;
    }
    if (!this.#isReleasing) this.#intakes.resumeFree();
    if (turn.emitted.length === 0) return "done";
    if (!(await this.#append(held, base, turn.emitted))) return "lost";
    this.#actions.afterAck(turn.emitted, queued);
    this.#checkpointIfDue(held);
    return "done";
  }

  #turnEnv(appender: Appender): TurnEnv {
    const { clock, codec, topics, partitionCount, namespace, codeVersion, check } = this.#options;
    return {
      topic: topics.events,
      atMs: clock.nowMs(),
      partitionCount,
      batchBytes: appender.maxBatchBytes - BATCH_OVERHEAD_BYTES,
      namespace,
      codeVersion,
      check,
      encode: (event, previousDigest) => {
        const bytes = codec.encode(event.type, event as never);
        return { bytes, digest: fastDigestChain(previousDigest, bytes) };
      },
    };
  }

  async #append(held: Held, base: bigint, emitted: readonly EmittedEvent[]): Promise<boolean> {
    const { clock, metrics, logger } = this.#options;
    const records = emitted.map((one) => this.#recordOf(held, one));
    const startMs = clock.monotonicMs();
    const outcome = await held.appender.append(records);
    held.endKnownMs = clock.monotonicMs();
    metrics.appendSeconds.observe((held.endKnownMs - startMs) / 1000);
    if (outcome.kind === "appended" && outcome.baseOffset === base) {
      for (const { event } of emitted) {
        metrics.decisions.inc({ type: event.type });
        for (const guard of guardsIn(event)) metrics.guardActs.inc({ guard });
      }
      if (outcome.appendedAtMs !== null) held.ticking.skewMs = clock.nowMs() - outcome.appendedAtMs;
      return true;
    }
    // Measured before it was decided: tried again it would be refused again.
    if (outcome.kind === "refused")
      throw busbarError("BUSBAR_APPEND_REFUSED", { what: outcome.error.message }, outcome.error);
    metrics.appendsLost.inc();
    logger.warn({ outcome: outcome.kind, offset: base.toString() }, "append not acknowledged at its offset");
    return false;
  }

  #recordOf(held: Held, one: EmittedEvent): NewRecord {
    const { event, bytes, offset, previousDigest, digest } = one;
    const stamp = { type: event.type, at: offset, claim: held.claim, prev: previousDigest, value: bytes };
    const headers = stampHeaders(stamp, () => digest);
    return {
      key: event.meta.chainId === "" ? `partition-${this.partition}` : event.meta.chainId,
      value: bytes,
      headers,
    };
  }

  /**
   * Due after `checkpointEvery` events, or after as many as the state has entries, if these are more: an event then pays
   * for one entry, however large the state is, and a successor reads at most so many events. Nobody waits for it.
   */
  #checkpointIfDue(held: Held): void {
    const { state } = held;
    const every = Math.max(this.#options.settings.checkpointEvery, state.openChains + state.closedOrder.length);
    if (this.#isSaving || state.events - held.checkpointed < every) return;
    held.checkpointed = state.events;
    this.#isSaving = true;
    void this.#save(snapshotOf(state)).finally(() => (this.#isSaving = false));
  }

  async #save(state: PartitionState): Promise<void> {
    const { checkpoints, logger, partition } = this.#options;
    const checkpoint = { offset: BigInt(state.end), version: STATE_VERSION, state: state as unknown as Json };
    const isSaved = await checkpoints.save("door", partition, checkpoint).catch((error: unknown) => {
      logger.debug({ err: error }, "checkpoint failed");
      return false;
    });
    if (!isSaved) logger.warn({}, "checkpoint not saved: the next owner reads from further back");
  }

  #tick(): void {
    const held = this.#held;
    if (held === null || this.#loop.state() !== "active") return;
    this.#observe(held.state);
    for (const input of inputsOfTick(this.#options, held.state, held.ticking)) this.#push(input);
    this.#actions.askChildren(held.state, held.ticking);
    void this.#checkEnd(held);
  }

  #observe({ door, openChains }: PartitionState): void {
    const { metrics } = this.#options;
    const partition = String(this.partition);
    for (const state of ["closed", "open", "degraded"]) metrics.door.set({ partition, state }, state === door ? 1 : 0);
    metrics.openChains.set({ partition }, openChains);
  }

  /** An idle owner notices a successor or an intruder without having to write. */
  async #checkEnd(held: Held): Promise<void> {
    const { clock, settings, log, topics, partition, logger } = this.#options;
    if (clock.monotonicMs() - held.endKnownMs < settings.idleCheckMs || this.#loop.isTurning()) return;
    held.endKnownMs = clock.monotonicMs();
    try {
      const { end } = await log.offsets(topics.events, partition);
      // A turn may have run meanwhile: only an end that is ahead of us while we are idle is foreign.
      const isForeign = this.#held === held && !this.#loop.isTurning() && end > BigInt(held.state.end);
      if (isForeign) this.#loop.lose(`the log ends at ${end}, not at ${held.state.end}`);
    } catch (error) {
      logger.debug({ err: error }, "the log's end could not be asked");
    }
  }

  async #release(): Promise<void> {
    const { settings, clock, timers } = this.#options;
    this.#isReleasing = true;
    // Nothing more is admitted: what is undecided is the next owner's.
    this.#queue.dropFromLog();
    this.#intakes.pause();
    await this.#actions.drain(settings.drainMs);
    this.#push({ kind: "release", owner: this.#options.owner, reason: "the partition was given away" });
    const endMs = clock.monotonicMs() + settings.drainMs;
    while (this.hasWork() && this.#loop.state() === "active" && clock.monotonicMs() < endMs) {
      await pause(timers, 5);
    }
  }

  async unload(): Promise<void> {
    this.#cancelTick();
    this.#unsubscribe();
    await this.#intakes.stop();
    await this.#actions.stop();
    await this.#held?.appender.close();
    this.#held = null;
  }
}
