/** How an agent process speaks: every command that it sends, in its name and with its key. */
import type { ClaimCheck } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { type AppendOutcome, blobOf, type EventLog, type NewRecord } from "@busbar/log";
import { type CommandBody, commandRecord } from "./command-record.ts";
import type { PutAside } from "./command-sender.ts";
import type { AgentDefinition } from "./define-agent.ts";
import type { RunCommand } from "./run-context.ts";
import type { Timers } from "./timers.ts";

export interface AgentCommandsOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly prefix: string;
  readonly key: Uint8Array;
  readonly agent: AgentDefinition;
  readonly timers: Pick<Timers, "now">;
}

/** Of which run a command is. */
export interface CommandContext {
  readonly chainId: string;
  readonly partition: number;
  readonly incarnation: number;
  readonly lineage: readonly string[];
  readonly traceparent: string;
  /** Event id of the last inbox event. */
  readonly causationId: string;
}

export class AgentCommands {
  readonly #options: AgentCommandsOptions;

  constructor(options: AgentCommandsOptions) {
    this.#options = options;
  }

  /** The record of one command of a run. Throws for what the codec refuses. */
  encode(command: RunCommand, sequence: number, context: CommandContext, aside: ClaimCheck | null): NewRecord {
    return this.#record(command, sequence, context, aside);
  }

  /** Puts what has no room in a command into the blobs topic, once; see `PutAside`. */
  async putAside(partition: number, text: string): Promise<PutAside> {
    const { codec, log, prefix } = this.#options;
    const { publications, refOf } = blobOf(`${prefix}.blobs`, partition, codec.content(text));
    const outcomes = await log.publish(publications);
    const refused = outcomes.find((outcome) => outcome.kind === "refused");
    return refused === undefined ? refOf(outcomes) : { refused: refused.error };
  }

  publish(partition: number, records: readonly NewRecord[]): Promise<readonly AppendOutcome[]> {
    const topic = `${this.#options.prefix}.commands`;
    return this.#options.log.publish(records.map((record) => ({ topic, partition, record })));
  }

  /** Asks for the journal of a chain that does not run here. It stands outside of any run: sequence 0. */
  async requestJournal(partition: number, chainId: string, incarnation: number, reason: string): Promise<void> {
    const context = { chainId, partition, incarnation, lineage: [chainId], traceparent: "", causationId: "" };
    await this.publish(partition, [this.#record({ type: "RequestJournal", reason }, 0, context)]);
  }

  #record(
    body: CommandBody,
    sequence: number,
    context: CommandContext,
    claimCheck: ClaimCheck | null = null,
  ): NewRecord {
    const { codec, prefix, key, agent, timers } = this.#options;
    const { partition, ...from } = context;
    const meta = { ...from, sequence, agent: agent.name, atMs: timers.now(), codeVersion: agent.version, claimCheck };
    return commandRecord({ codec, key, prefix, principal: `agent:${agent.name}` }, partition, body, meta);
  }
}
