/** A seed as a story: every scheduled event, every record that landed, every line that a process logged. */
import type { Family } from "@busbar/events";
import type { Placed } from "./bus/broker.ts";
import { CODEC, TOPICS } from "./bus/cluster.ts";
import type { TracedStep } from "./bus/scheduler.ts";
import type { Trace } from "./check-seed.ts";

const LONGEST = 300;

const familyOf = (topic: string): Family | null => {
  if (topic === TOPICS.events || topic.startsWith(TOPICS.inbox(""))) return "event";
  if (topic === TOPICS.commands || topic === TOPICS.control) return "command";
  if (topic === TOPICS.directives) return "directive";
  return topic === TOPICS.signals ? "signal" : null;
};

function told({ topic, value, headers }: Placed): string {
  const family = familyOf(topic);
  const decoded = family === null ? null : CODEC.decode(value, family);
  if (decoded === null || !decoded.ok) return headers["type"] ?? "?";
  const { meta, type, ...body } = decoded.message;
  const { chainId, agent, incarnation, commandSeq, streamSeq } = meta;
  const about = chainId === "" ? "" : ` ${chainId} of ${agent} i${incarnation} c${commandSeq} s${streamSeq}`;
  return `${type}${about} ${JSON.stringify(body).slice(0, LONGEST)}`;
}

/** Writes a line for whatever happens. */
export function tracer(write: (line: string) => void): Trace {
  return {
    step: ({ step, atMs, node, what }: TracedStep) => write(`${step} ${atMs.toFixed(2)} ${node}: ${what}`),
    say: (node, level, message) => write(`    ${node} says (${level}): ${message}`),
    landed: (record, isVoid) => {
      const { topic, partition, offset } = record;
      write(`  + ${topic}/${partition}/${offset}${isVoid ? " void" : ""} ${told(record)}`);
    },
  };
}
