/**
 * The tables of the embedded log: one SQLite file, or memory.
 *
 * Appends are blind: they return the offset they got, and no caller can ask for one (PROTOCOL 10). A transaction per
 * append gives order across processes; the positions of a partition have no holes.
 */
import { busbarError, reasonOf } from "@busbar/kernel";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import type { NewRecord, StoredRecord, TopicSpec } from "../event-log.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL, config TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS partitions (
    topic INTEGER NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS records (
    topic INTEGER NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL, at INTEGER NOT NULL,
    key TEXT, value BLOB, headers TEXT NOT NULL, PRIMARY KEY (topic, partition, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS commits (
    grp TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (grp, topic, partition)
  ) STRICT, WITHOUT ROWID;
`;
const BUSY_TIMEOUT_MS = 5_000;
/** Of a topic's config `max.message.bytes`, `flush.messages` and `cleanup.policy=compact` act: there are no replicas. */
const DEFAULT_MAX_BATCH_BYTES = 1_048_588;

export interface StoredTopic {
  readonly id: number;
  readonly partitions: number;
  readonly config: ReadonlyMap<string, string>;
  readonly maxBatchBytes: number;
  /** Written through to the disk before the answer (`flush.messages`), not only to the page cache. */
  readonly flushed: boolean;
  /** Of each key only the last record is kept (`cleanup.policy=compact`); positions then have holes. */
  readonly compacted: boolean;
}

/** Records of one partition that go together. */
export interface Appending {
  readonly topic: StoredTopic;
  readonly partition: number;
  readonly records: readonly NewRecord[];
}

type Row = Record<string, SQLOutputValue>;

export class LogStore {
  readonly #db: DatabaseSync;
  readonly #topics = new Map<string, StoredTopic>();
  readonly #insert: StatementSync;
  readonly #compact: StatementSync;
  readonly #take: StatementSync;
  readonly #end: StatementSync;
  readonly #range: StatementSync;
  readonly #version: StatementSync;
  #synchronous: "NORMAL" | "FULL" = "NORMAL";

  /** `file` may be `:memory:`. Throws BUSBAR_LOG_UNAVAILABLE when the file cannot be opened. */
  constructor(file: string) {
    try {
      this.#db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, readBigInts: true });
      this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
      this.#db.exec(SCHEMA);
    } catch (cause) {
      throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: `${file}: ${reasonOf(cause)}` }, cause);
    }
    this.#insert = this.#db.prepare("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#compact = this.#db.prepare("DELETE FROM records WHERE topic = ? AND partition = ? AND key = ?");
    this.#take = this.#db.prepare(
      "UPDATE partitions SET next = next + ? WHERE topic = ? AND partition = ? RETURNING next",
    );
    this.#end = this.#db.prepare("SELECT next FROM partitions WHERE topic = ? AND partition = ?");
    this.#range = this.#db.prepare(
      "SELECT * FROM records WHERE topic = ? AND partition = ? AND position >= ? AND position < ? ORDER BY position",
    );
    this.#version = this.#db.prepare("PRAGMA data_version");
  }

  /** Creates what is missing; throws BUSBAR_TOPIC_MISMATCH when one is there with other settings. */
  ensure({ name, partitions, config }: TopicSpec): void {
    this.#transaction(() => {
      const wanted = canonical(config);
      const row = this.#db.prepare("SELECT partitions, config FROM topics WHERE name = ?").get(name);
      if (row !== undefined) {
        if (Number(row["partitions"]) === partitions && row["config"] === wanted) return;
        const reason = `has ${String(row["partitions"])} partitions and ${String(row["config"])}`;
        throw busbarError("BUSBAR_TOPIC_MISMATCH", {
          topic: name,
          reason: `${reason}; ${partitions} and ${wanted} are wanted`,
        });
      }
      const insert = this.#db.prepare("INSERT INTO topics (name, partitions, config) VALUES (?, ?, ?) RETURNING id");
      const id = Number(insert.get(name, partitions, wanted)?.["id"]);
      for (let p = 0; p < partitions; p++) this.#db.prepare("INSERT INTO partitions VALUES (?, ?, 0)").run(id, p);
    });
  }

  list(): readonly string[] {
    return this.#db
      .prepare("SELECT name FROM topics ORDER BY name")
      .all()
      .map((row) => String(row["name"]));
  }

  /** Throws BUSBAR_NOT_FOUND. */
  topic(name: string): StoredTopic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const row = this.#db.prepare("SELECT id, partitions, config FROM topics WHERE name = ?").get(name);
    if (row === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: "topic", id: name });
    const config = configOf(String(row["config"]));
    const topic = {
      id: Number(row["id"]),
      partitions: Number(row["partitions"]),
      config,
      maxBatchBytes: Number(config.get("max.message.bytes") ?? DEFAULT_MAX_BATCH_BYTES),
      flushed: config.get("flush.messages") === "1",
      compacted: config.get("cleanup.policy")?.includes("compact") ?? false,
    };
    this.#topics.set(name, topic);
    return topic;
  }

  /** Throws BUSBAR_NOT_FOUND for a partition that the topic does not have. */
  partition(name: string, partition: number): StoredTopic {
    const topic = this.topic(name);
    if (partition >= 0 && partition < topic.partitions) return topic;
    throw busbarError("BUSBAR_NOT_FOUND", { what: "partition", id: `${name}/${partition}` });
  }

  /** All or nothing, each part contiguous; the offset of the first record of each. */
  append(parts: readonly Appending[], atMs: number): readonly bigint[] {
    this.#sync(parts.some(({ topic }) => topic.flushed) ? "FULL" : "NORMAL");
    return this.#transaction(() => parts.map((part) => this.#appendPart(part, atMs)));
  }

  end(topic: StoredTopic, partition: number): bigint {
    return toBigInt(this.#end.get(topic.id, partition)?.["next"]);
  }

  low(topic: StoredTopic, partition: number): bigint {
    const query = "SELECT min(position) AS low FROM records WHERE topic = ? AND partition = ?";
    const low = this.#db.prepare(query).get(topic.id, partition)?.["low"];
    return low === null || low === undefined ? this.end(topic, partition) : toBigInt(low);
  }

  offsetAt(topic: StoredTopic, partition: number, atMs: number): bigint {
    const query = "SELECT min(position) AS found FROM records WHERE topic = ? AND partition = ? AND at >= ?";
    const found = this.#db.prepare(query).get(topic.id, partition, Math.trunc(atMs))?.["found"];
    return found === null || found === undefined ? this.end(topic, partition) : toBigInt(found);
  }

  /** Records of [from, to) until about `maxBytes`, at least one where there is one. */
  read(name: string, partition: number, from: bigint, to: bigint, maxBytes: number): readonly StoredRecord[] {
    const { id } = this.topic(name);
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const row of this.#range.iterate(id, partition, from, to)) {
      const record = recordOf(name, partition, row);
      records.push(record);
      bytes += (record.value?.length ?? 0) + 64;
      if (bytes >= maxBytes) break;
    }
    return records;
  }

  commit(group: string, topic: StoredTopic, partition: number, next: bigint): void {
    this.#db.prepare("INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)").run(group, topic.id, partition, next);
  }

  committed(group: string, topic: StoredTopic, partition: number): bigint | null {
    const query = "SELECT next FROM commits WHERE grp = ? AND topic = ? AND partition = ?";
    const next = this.#db.prepare(query).get(group, topic.id, partition)?.["next"];
    return next === undefined ? null : toBigInt(next);
  }

  /** Changes when another connection has written; cheap enough to be asked often. */
  foreignVersion(): bigint {
    return toBigInt(this.#version.get()?.["data_version"]);
  }

  close(): void {
    this.#db.close();
  }

  #appendPart({ topic, partition, records }: Appending, atMs: number): bigint {
    const next = this.#take.get(records.length, topic.id, partition)?.["next"];
    const base = toBigInt(next) - BigInt(records.length);
    for (const [index, { key, value, headers }] of records.entries()) {
      const pairs = JSON.stringify(Object.entries(headers ?? {}));
      // What is kept is few: one record for each key, so looking through all of it is no matter.
      if (topic.compacted) this.#compact.run(topic.id, partition, key);
      this.#insert.run(topic.id, partition, base + BigInt(index), atMs, key, value, pairs);
    }
    return base;
  }

  #sync(level: "NORMAL" | "FULL"): void {
    if (level !== this.#synchronous) this.#db.exec(`PRAGMA synchronous = ${level}`);
    this.#synchronous = level;
  }

  #transaction<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (cause) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw cause;
    }
  }
}

function recordOf(topic: string, partition: number, row: Row): StoredRecord {
  const { position, at, key, value, headers } = row;
  return {
    topic,
    partition,
    offset: toBigInt(position),
    timestampMs: Number(at),
    key: typeof key === "string" ? key : null,
    value: value instanceof Uint8Array ? value : null,
    headers: headersOf(String(headers)),
  };
}

/** Kept as pairs, so that a name like `__proto__` stays a plain property. */
function headersOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(pairsOf(text));
}

function configOf(text: string): ReadonlyMap<string, string> {
  return new Map(pairsOf(text));
}

function pairsOf(text: string): readonly [string, string][] {
  const pairs: unknown = JSON.parse(text);
  if (!Array.isArray(pairs)) return [];
  return pairs.map((pair: unknown) => (Array.isArray(pair) ? [String(pair[0]), String(pair[1])] : ["", ""]));
}

function canonical(config: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function toBigInt(value: SQLOutputValue | undefined): bigint {
  return typeof value === "bigint" || typeof value === "number" ? BigInt(value) : 0n;
}
