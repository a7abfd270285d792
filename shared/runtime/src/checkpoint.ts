/**
 * Checkpoints: acknowledged state of a partition, so that a new owner need not read from the beginning (PROTOCOL 3.4).
 * A cache: whatever is wrong with one, the log is read from further back instead. Two slots in turn, so that a
 * checkpoint that was cut off in the middle never destroys the one before it.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { type Json, parseJson, sha256Hex } from "@busbar/kernel";
import type { EventLog, Publication } from "@busbar/log";

export interface Checkpoint {
  /** First position that is not in the state. */
  readonly offset: bigint;
  /** Version of the code and machines that made the state; another version rebuilds. */
  readonly version: string;
  readonly state: Json;
}

export interface CheckpointStore {
  /** The newest whole checkpoint under a name; null where there is none. */
  load(name: string, partition: number): Promise<Checkpoint | null>;
  /** False when the log did not take it: nothing is lost but the short cut. */
  save(name: string, partition: number, checkpoint: Checkpoint): Promise<boolean>;
}

/** Bytes of one chunk; several make a checkpoint. */
const CHUNK_BYTES = 512 * 1024;
/** Largest state after decompression that is read back, bytes. */
const MAX_STATE_BYTES = 512 * 1024 * 1024;

interface Chunk {
  readonly index: number;
  readonly count: number;
  readonly digest: string;
  readonly value: Uint8Array;
}

export function createCheckpointStore(log: EventLog, topic: string): CheckpointStore {
  const slots = new Map<string, number>();
  return {
    load: async (name, partition) => {
      const sets = new Map<string, Map<number, Chunk>>();
      const { low, end } = await log.offsets(topic, partition);
      for await (const { records } of log.read(topic, partition, { from: low, to: end })) {
        for (const record of records) {
          const [owner, slot] = (record.key ?? "").split("#");
          if (owner !== name || slot === undefined || record.value === null) continue;
          const chunks = chunksOf(sets, `${slot} ${record.headers["digest"] ?? ""}`);
          const index = Number(record.headers["index"]);
          chunks.set(index, {
            index,
            count: Number(record.headers["count"]),
            digest: record.headers["digest"] ?? "",
            value: record.value,
          });
        }
      }
      const whole = [...sets].flatMap(([id, chunks]) => {
        const checkpoint = assemble(chunks);
        return checkpoint === null ? [] : [{ slot: Number(id.split(" ")[0]), checkpoint }];
      });
      const best = newest(whole);
      // The next one goes into the other slot: cut off in the middle, it leaves this one whole.
      if (best !== null) slots.set(`${name}/${partition}`, best.slot);
      return best?.checkpoint ?? null;
    },
    save: async (name, partition, checkpoint) => {
      const slot = ((slots.get(`${name}/${partition}`) ?? 0) + 1) % 2;
      const { offset, version, state } = checkpoint;
      const bytes = gzipSync(JSON.stringify({ offset: offset.toString(), version, state }), { level: 1 });
      const outcomes = await log.publish(publications(topic, partition, `${name}#${slot}`, bytes));
      const isSaved = outcomes.every((outcome) => outcome.kind === "appended");
      if (isSaved) slots.set(`${name}/${partition}`, slot);
      return isSaved;
    },
  };
}

function chunksOf(sets: Map<string, Map<number, Chunk>>, id: string): Map<number, Chunk> {
  const known = sets.get(id);
  if (known !== undefined) return known;
  const made = new Map<number, Chunk>();
  sets.set(id, made);
  return made;
}

function publications(topic: string, partition: number, key: string, bytes: Uint8Array): readonly Publication[] {
  const count = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES));
  const digest = sha256Hex(bytes);
  return Array.from({ length: count }, (_, index) => {
    const value = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const headers = { type: "Checkpoint", index: String(index), count: String(count), digest };
    return { topic, partition, record: { key: `${key}#${index}`, value, headers } };
  });
}

function assemble(chunks: ReadonlyMap<number, Chunk>): Checkpoint | null {
  const ordered = [...chunks.values()].sort((left, right) => left.index - right.index);
  const first = ordered[0];
  if (first === undefined || ordered.length !== first.count) return null;
  const bytes = Buffer.concat(ordered.map((chunk) => chunk.value));
  if (sha256Hex(bytes) !== first.digest) return null;
  try {
    const parsed = parseJson(gunzipSync(bytes, { maxOutputLength: MAX_STATE_BYTES }).toString("utf8"));
    const found = parsed as { readonly offset: string; readonly version: string; readonly state: Json } | undefined;
    return found === undefined ? null : { offset: BigInt(found.offset), version: found.version, state: found.state };
  } catch {
    return null;
  }
}

interface Found {
  readonly slot: number;
  readonly checkpoint: Checkpoint;
}

/** Compared by offset, so an older one never wins. */
function newest(found: readonly Found[]): Found | null {
  let best: Found | null = null;
  for (const one of found) if (best === null || one.checkpoint.offset > best.checkpoint.offset) best = one;
  return best;
}
