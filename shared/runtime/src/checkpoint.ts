/**
 * Checkpoints: acknowledged state of a partition, so that a new owner need not read from the beginning (PROTOCOL 3.4).
 * A cache: whatever is wrong with one, the log is read from further back instead. Two slots in turn, so that a
 * checkpoint that was cut off in the middle never destroys the one before it.
 *
 * C1 Writing one holds up nobody: text is made in slices between other work, compressed on another thread.
 * C2 Loading reads from the end of the topic backwards, until there are two of that name to choose from: its cost is a
 *    few checkpoints, whatever the topic still keeps.
 */
import { isJsonObject, type Json, type JsonObject, parseJson, sha256Hex } from "@busbar/kernel";
import type { EventLog, Publication, StoredRecord } from "@busbar/log";
import { type Compression, SYSTEM_COMPRESSION, SYSTEM_TIMERS, type Timers } from "./ports.ts";

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

/** What a store takes time and threads from. */
export interface CheckpointPorts {
  readonly timers: Pick<Timers, "turn">;
  readonly compression: Compression;
}

const SYSTEM: CheckpointPorts = { timers: SYSTEM_TIMERS, compression: SYSTEM_COMPRESSION };

export function createCheckpointStore(log: EventLog, topic: string, ports: CheckpointPorts = SYSTEM): CheckpointStore {
  const slots = new Map<string, number>();
  return {
    load: async (name, partition) => {
      const best = newest(await backwards({ log, topic, partition, name }, ports));
      // The next one goes into the other slot: cut off in the middle, it leaves this one whole.
      if (best !== null) slots.set(`${name}/${partition}`, best.slot);
      return best?.checkpoint ?? null;
    },
    save: async (name, partition, checkpoint) => {
      const slot = ((slots.get(`${name}/${partition}`) ?? 0) + 1) % 2;
      const bytes = await packed(checkpoint, ports);
      const outcomes = await log.publish(publications(topic, partition, `${name}#${slot}`, bytes));
      const isSaved = outcomes.every((outcome) => outcome.kind === "appended");
      if (isSaved) slots.set(`${name}/${partition}`, slot);
      return isSaved;
    },
  };
}

/** Entries of a container that are turned into text before other work gets its turn. */
const ENTRIES_PER_SLICE = 256;

/** Text of a JSON object, in slices. What it holds must not change below its containers meanwhile. */
async function textOf(value: JsonObject, { timers }: CheckpointPorts): Promise<string> {
  const parts: string[] = [];
  for (const [name, field] of Object.entries(value)) {
    if (!isJsonObject(field)) {
      parts.push(`${JSON.stringify(name)}:${JSON.stringify(field)}`);
      continue;
    }
    const entries = Object.entries(field);
    const texts: string[] = [];
    for (const [index, [key, one]] of entries.entries()) {
      if (one !== undefined) texts.push(`${JSON.stringify(key)}:${JSON.stringify(one)}`);
      if (index % ENTRIES_PER_SLICE === ENTRIES_PER_SLICE - 1)
        await new Promise<void>((resolve) => timers.turn(resolve));
    }
    parts.push(`${JSON.stringify(name)}:{${texts.join(",")}}`);
  }
  return `{${parts.join(",")}}`;
}

async function packed({ offset, version, state }: Checkpoint, ports: CheckpointPorts): Promise<Uint8Array> {
  const text = isJsonObject(state) ? await textOf(state, ports) : JSON.stringify(state);
  const head = `{"offset":${JSON.stringify(offset.toString())},"version":${JSON.stringify(version)},"state":`;
  return ports.compression.compress(`${head}${text}}`);
}

interface Searched {
  readonly log: EventLog;
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
}

/** First look back, in positions; it doubles. */
const FIRST_LOOK = 32n;

/** Whole checkpoints of a name from the end of the topic on: two where there are two, else all there are. */
async function backwards(
  { log, topic, partition, name }: Searched,
  { compression }: CheckpointPorts,
): Promise<readonly Found[]> {
  const sets = new Map<string, Map<number, Chunk>>();
  const { low, end } = await log.offsets(topic, partition);
  let whole: readonly Found[] = [];
  let look = FIRST_LOOK;
  for (let to = end; to > low; look *= 2n) {
    const from = to - look > low ? to - look : low;
    for await (const { records } of log.read(topic, partition, { from, to })) {
      for (const record of records) keepChunk(sets, name, record);
    }
    to = from;
    whole = await wholeOf(sets, compression);
    if (new Set(whole.map(({ slot }) => slot)).size > 1) break;
  }
  return whole;
}

function keepChunk(sets: Map<string, Map<number, Chunk>>, name: string, { key, value, headers }: StoredRecord): void {
  const [owner, slot] = (key ?? "").split("#");
  if (owner !== name || slot === undefined || value === null) return;
  const [index, count, digest] = [Number(headers["index"]), Number(headers["count"]), headers["digest"] ?? ""];
  chunksOf(sets, `${slot} ${digest}`).set(index, { index, count, digest, value });
}

async function wholeOf(
  sets: ReadonlyMap<string, ReadonlyMap<number, Chunk>>,
  compression: Compression,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const [id, chunks] of sets) {
    const checkpoint = await assemble(chunks, compression);
    if (checkpoint !== null) found.push({ slot: Number(id.split(" ")[0]), checkpoint });
  }
  return found;
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

async function assemble(chunks: ReadonlyMap<number, Chunk>, compression: Compression): Promise<Checkpoint | null> {
  const ordered = [...chunks.values()].sort((left, right) => left.index - right.index);
  const first = ordered[0];
  if (first === undefined || ordered.length !== first.count) return null;
  const bytes = Buffer.concat(ordered.map((chunk) => chunk.value));
  if (sha256Hex(bytes) !== first.digest) return null;
  try {
    const parsed = parseJson(await compression.expand(bytes, MAX_STATE_BYTES));
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
