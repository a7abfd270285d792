/** Who stands around a bus: a client that submits and insists, an operator who halts, resumes, freezes and settles. */
import { chainOfTaskKey, type Client, createClient } from "@busbar/agent";
import { partitionOf } from "@busbar/events";
import type { Json } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { signedPublication, metaWith } from "@busbar/runtime";
import { CODEC, PREFIX, TOPICS } from "./cluster.ts";
import { KEYRING, keyOf } from "./keys.ts";
import type { SimNode } from "./node.ts";
import type { Plan } from "./workload.ts";
import type { World } from "./world.ts";

export interface TaskSeen {
  readonly key: string;
  readonly chainId: string;
  outcome: string;
}

export class SimClient {
  readonly tasks: TaskSeen[] = [];
  readonly #client: Client;

  constructor(node: SimNode, log: EventLog) {
    this.#client = createClient({
      log,
      codec: CODEC,
      prefix: PREFIX,
      name: "sim",
      key: keyOf("client:sim"),
      timers: node,
      answerTimeoutMs: 1500,
    });
  }

  /** Submits until it is taken, then waits for the end. */
  submit(key: string, agent: string, plan: Plan): void {
    const task: TaskSeen = { key, chainId: chainOfTaskKey(key), outcome: "" };
    this.tasks.push(task);
    void this.#insist(task, agent, plan);
  }

  async #insist(task: TaskSeen, agent: string, plan: Plan): Promise<void> {
    const input = plan as unknown as Json;
    for (let tries = 0; tries < 20 && task.outcome === ""; tries += 1) {
      try {
        const handle = await this.#client.submit({ agent, input, key: task.key, timeoutMs: 8000 });
        const outcome = await this.#client.awaitOutcome(handle, { timeoutMs: 30_000 });
        task.outcome = outcome.state;
      } catch {
        // No answer in time, or the log is away: the same task once more is the same task.
      }
    }
  }
}

export class Operator {
  readonly #node: SimNode;
  readonly #log: EventLog;
  readonly #world: World;
  readonly #partitions: number;
  #orders = 0;

  constructor(node: SimNode, log: EventLog, world: World, partitions: number) {
    this.#node = node;
    this.#log = log;
    this.#world = world;
    this.#partitions = partitions;
  }

  /** The fence, or null when the log did not say that it took the order. */
  async halt(scope: string): Promise<string | null> {
    const offset = await this.#order("Halt", scope, { scope, reason: "a person said so", rule: "", cause: "" });
    return offset === null ? null : offset.toString();
  }

  async resume(scope: string, fence: string): Promise<void> {
    await this.#order("Resume", scope, { scope, fence, reason: "looked at", coversThrough: [] });
  }

  async freeze(freezeId: string, scope: string, effects: readonly string[]): Promise<void> {
    const from = { fromMs: this.#node.nowMs(), untilMs: 0 };
    await this.#order("Freeze", scope, { freezeId, scope, effects, ...from, reason: "quiet" });
  }

  async unfreeze(freezeId: string): Promise<void> {
    await this.#order("Unfreeze", "freeze", { freezeId, reason: "over" });
  }

  async closeBreaker(key: string): Promise<void> {
    await this.#order("CloseBreaker", key, { key, cause: "", reason: "mended" });
  }

  /** Says what is so: a person looks at the world before answering; while bytes are under way there is no answer. */
  async settle(callId: string, admitted: string): Promise<void> {
    if (this.#world.isUnderWay(callId)) return;
    const chainId = callId.slice(0, callId.lastIndexOf(":"));
    const outcome = this.#world.hasLanded(callId) ? "committed" : "not-done";
    const meta = this.#meta("SettleEffect", chainId);
    const by = "operator:sim";
    const value = CODEC.encode("SettleEffect", { meta, callId, admitted, outcome, reason: "looked", by });
    await this.#send(TOPICS.control, partitionOf(chainId, this.#partitions), "SettleEffect", chainId, value);
  }

  #meta(type: string, chainId = "") {
    this.#orders += 1;
    return metaWith({ eventId: `operator/${type}/${this.#orders}`, atMs: this.#node.nowMs(), chainId });
  }

  async #order(type: string, key: string, fields: Readonly<Record<string, unknown>>): Promise<bigint | null> {
    const body = { meta: this.#meta(type), by: "operator:sim", ...fields };
    const value = CODEC.encode(type as "Halt", body as never);
    return this.#send(TOPICS.directives, 0, type, key, value);
  }

  async #send(topic: string, partition: number, type: string, key: string, value: Uint8Array): Promise<bigint | null> {
    const order = signedPublication(KEYRING, { topic, partition, principal: "operator:sim", type, key, value });
    const [outcome] = await this.#log.publish([order]);
    return outcome?.kind === "appended" ? outcome.baseOffset : null;
  }
}
