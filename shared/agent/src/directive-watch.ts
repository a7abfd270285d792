/**
 * The standing halts as the directives topic tells them, folded. A courtesy: an agent that stops by itself spares the
 * door some refusals; whether an effect passes, the door alone decides.
 */
import { type BusDirective, covers, HEADER } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { sha256Hex } from "@busbar/kernel";
import type { EventLog, Follower, StoredRecord } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";

export interface Fence {
  readonly scope: string;
  /** Offset of the scope's last Halt, as directives name it. */
  readonly fence: string;
  readonly reason: string;
}

export type FenceChange =
  | { readonly kind: "halt"; readonly fence: Fence }
  | { readonly kind: "resume"; readonly fence: Fence };

export class Fences {
  readonly #standing = new Map<string, Fence>();

  /** Folds one directive; null where it changes no fence (a resume that names an older one changes none). */
  apply(offset: bigint, directive: BusDirective): FenceChange | null {
    if (directive.type === "Halt") {
      const fence = { scope: directive.scope, fence: String(offset), reason: directive.reason };
      this.#standing.set(directive.scope, fence);
      return { kind: "halt", fence };
    }
    if (directive.type !== "Resume") return null;
    const standing = this.#standing.get(directive.scope);
    if (standing?.fence !== directive.fence) return null;
    this.#standing.delete(directive.scope);
    return { kind: "resume", fence: standing };
  }

  standing(): readonly Fence[] {
    return [...this.#standing.values()];
  }

  /** The first standing fence that covers a chain, or null. */
  covering(agent: string, lineage: readonly string[]): Fence | null {
    return this.standing().find(({ scope }) => covers(scope, { agent, lineage })) ?? null;
  }
}

/** Whether an order carries the signature of its principal. */
export type OrderCheck = (
  order: {
    readonly topic: string;
    readonly principal: string;
    readonly value: Uint8Array;
    readonly offset?: bigint;
  },
  sig: string,
) => boolean;

export interface DirectiveWatchOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly logger: Logger;
  /** What it does not vouch for is no order. */
  readonly isOrderSigned: OrderCheck;
  /** After each change, once the past is read: what stands, and the fence that was just lifted, if any. */
  onFences(standing: readonly Fence[], lifted: Fence | null): void;
}

/** Follows the directives topic from its start. */
export class DirectiveWatch {
  readonly #options: DirectiveWatchOptions;
  readonly #fences = new Fences();
  /** Digests of the orders that were believed: the same bytes again are a copy, and no new order. */
  readonly #seen = new Set<string>();
  #follower: Follower | null = null;

  constructor(options: DirectiveWatchOptions) {
    this.#options = options;
  }

  covering(agent: string, lineage: readonly string[]): Fence | null {
    return this.#fences.covering(agent, lineage);
  }

  async start(): Promise<void> {
    const { log, topic, logger } = this.#options;
    const { low, end } = await log.offsets(topic, 0);
    this.#follower = log.follow({
      topic,
      partition: 0,
      from: low,
      onDelivery: ({ records, next }) => {
        let isTold = false;
        for (const record of records) {
          const { offset } = record;
          const directive = this.#believed(record);
          const change = directive === null ? null : this.#fences.apply(offset, directive);
          // Old halts may have been lifted since: nothing counts until all of the past is read. Then each change is told,
          // a halt too: a resume behind it in the same delivery names it.
          if (change === null || offset < end) continue;
          this.#options.onFences(this.#fences.standing(), change.kind === "resume" ? change.fence : null);
          isTold = true;
        }
        if (next >= end && !isTold) this.#options.onFences(this.#fences.standing(), null);
      },
      onProblem: ({ kind }) => {
        logger.warn({ topic, problem: kind }, "the directives cannot be read; the door goes by them anyway");
      },
    });
  }

  #believed({ headers, value, offset }: StoredRecord): BusDirective | null {
    const { codec, topic, isOrderSigned } = this.#options;
    const decoded = codec.decode(value, "directive");
    if (!decoded.ok || value === null) return null;
    const principal = headers[HEADER.principal] ?? "";
    const sig = headers[HEADER.sig] ?? "";
    const said = `${principal} ${sha256Hex(value)}`;
    if (this.#seen.has(said) || !isOrderSigned({ topic, principal, value, offset }, sig)) return null;
    this.#seen.add(said);
    return decoded.message;
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }
}
