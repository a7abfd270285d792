/**
 * The two input topics of a partition: what operators answer, and commands (PROTOCOL 4.5).
 *
 * N1 Each is paused for itself, by what waits of it alone: a backlog of commands never delays an operator.
 * N2 A new owner takes the answers that are there before it takes the first command, within a bound.
 */
import type { Clock, Timers } from "../ports.ts";
import { pause } from "../ports.ts";
import { Intake, type IntakeOptions } from "./command-intake.ts";
import type { InputQueue } from "./input-queue.ts";
import type { OwnerSettings } from "./owner-options.ts";

type Source = Intake["source"];

export interface IntakesOptions extends Omit<IntakeOptions, "source" | "topic"> {
  readonly topics: Readonly<Record<Source, string>>;
  readonly queue: Pick<InputQueue, "waiting" | "contentBytes">;
  readonly settings: Pick<OwnerSettings, "queueHigh" | "contentHighBytes" | "controlHigh" | "controlReadMs">;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
}

export class Intakes {
  readonly #options: IntakesOptions;
  readonly #control: Intake;
  readonly #commands: Intake;
  #isStopped = false;

  constructor(options: IntakesOptions) {
    this.#options = options;
    const { topics } = options;
    this.#control = new Intake({ ...options, source: "control", topic: topics.control });
    this.#commands = new Intake({ ...options, source: "commands", topic: topics.commands });
  }

  get #both(): readonly Intake[] {
    return [this.#control, this.#commands];
  }

  /** From the positions of the state on. */
  async restart(inputs: Readonly<Record<Source, string>>): Promise<void> {
    this.#isStopped = false;
    await this.#control.restart(BigInt(inputs.control));
    this.#control.resume();
    await this.#controlRead();
    await this.#commands.restart(BigInt(inputs.commands));
    this.#commands.resume();
  }

  /** Something was put into the queue. */
  pauseFull(): void {
    for (const intake of this.#both) if (this.#fullness(intake) > 1) intake.pause();
  }

  /** Something was taken out of the queue. */
  resumeFree(): void {
    for (const intake of this.#both) if (this.#fullness(intake) < 0.5) intake.resume();
  }

  pause(): void {
    for (const intake of this.#both) intake.pause();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#both.map((intake) => intake.stop()));
  }

  /** What waits of a topic, as a part of what may: records, and bytes of what they refer to. */
  #fullness({ source }: Intake): number {
    const { queue, settings } = this.#options;
    if (source === "control") return queue.waiting(source) / settings.controlHigh;
    return Math.max(queue.waiting(source) / settings.queueHigh, queue.contentBytes / settings.contentHighBytes);
  }

  /** Resolves when all control records of this moment are taken, or as many as may wait, or after the bound. */
  async #controlRead(): Promise<void> {
    const { log, topics, partition, settings, timers, clock } = this.#options;
    const { end } = await log.offsets(topics.control, partition);
    const control = this.#control;
    const endMs = clock.monotonicMs() + settings.controlReadMs;
    while (control.next < end && !control.isPaused && !this.#isStopped && clock.monotonicMs() < endMs) {
      await pause(timers, 2);
    }
  }
}
