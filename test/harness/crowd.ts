/**
 * Load that stays: so many chains at work in every partition, however many end, stall or wait for a person. What was
 * acknowledged to the client is kept: none of it may be lost.
 */
import { type Json } from "@busbar/kernel";
import { type Bus, keyIn } from "./bus.ts";
import { doubtsOf } from "./doubts.ts";

export interface CrowdOptions {
  readonly agent: string;
  /** Input of the n-th task, from 1. */
  readonly input: (n: number) => Json;
  readonly perPartition: number;
}

export interface Crowd {
  /** Submits what is missing, without waiting for it. */
  fill(): void;
  /** Acknowledged chains that have not ended. */
  open(): readonly string[];
  /** Chains whose submission was acknowledged. */
  acknowledged(): readonly string[];
  /** Waits for the submissions that are under way; what was not acknowledged by then is nobody's promise. */
  settled(): Promise<void>;
}

export function crowdOf(bus: Bus, { agent, input, perPartition }: CrowdOptions): Crowd {
  const chains = new Map<string, number>();
  const pending = new Map<Promise<void>, number>();
  let count = 0;

  const ended = (): ReadonlySet<string> => {
    const ends = [...bus.watch.ofType("TaskCompleted"), ...bus.watch.ofType("TaskFailed")];
    return new Set(ends.map(({ event }) => event.meta.chainId));
  };
  const submit = async (partition: number): Promise<void> => {
    count += 1;
    const key = keyIn(partition, bus.partitions, `${agent}-${count}`);
    const { chainId } = await bus.client.submit({ agent, input: input(count), key });
    chains.set(chainId, partition);
  };
  const start = (partition: number): void => {
    const submission = submit(partition)
      .catch(() => undefined)
      .finally(() => pending.delete(submission));
    pending.set(submission, partition);
  };
  const open = (): readonly string[] => {
    const over = ended();
    return [...chains.keys()].filter((chain) => !over.has(chain));
  };
  return {
    fill: () => {
      // A chain that waits for a person does no work.
      const stalled = new Set(doubtsOf(bus.watch).map(({ chainId }) => chainId));
      const working = open().filter((chain) => !stalled.has(chain));
      for (let partition = 0; partition < bus.partitions; partition += 1) {
        const there = working.filter((chain) => chains.get(chain) === partition).length;
        const coming = [...pending.values()].filter((where) => where === partition).length;
        for (let missing = perPartition - there - coming; missing > 0; missing -= 1) start(partition);
      }
    },
    open,
    acknowledged: () => [...chains.keys()],
    settled: async () => {
      await Promise.all(pending.keys());
    },
  };
}
