/**
 * Which version did what, judged from raw evidence: the notes in the tools' own database, and the records of the
 * commands topic as they lie there. Shares nothing with the door, the pinning or the inbox.
 */
import { DatabaseSync } from "node:sqlite";
import type { Codec } from "@busbar/events/codec";
import type { EventLog, StoredRecord } from "@busbar/log";

type Versions = ReadonlyMap<string, ReadonlySet<string>>;

export interface VersionFacts {
  /** Chain -> versions that left a note for it. */
  readonly noted: Versions;
  /** Chain -> numbers of its notes, in order. */
  readonly notes: ReadonlyMap<string, readonly number[]>;
  /** Chain -> versions that sent a command for it, accepted or not. */
  readonly spoken: Versions;
}

export interface Evidence {
  /** File of the tools' database. A note reads `<version> <chain>`. */
  readonly database: string;
  readonly log: EventLog;
  readonly codec: Codec;
  /** Commands topic. */
  readonly commands: string;
  readonly agent: string;
}

export async function versionFacts(evidence: Evidence): Promise<VersionFacts> {
  return { ...readNotes(evidence.database), spoken: await readCommands(evidence) };
}

function readNotes(database: string): Pick<VersionFacts, "noted" | "notes"> {
  const noted = new Map<string, Set<string>>();
  const notes = new Map<string, number[]>();
  const open = new DatabaseSync(database, { readOnly: true, timeout: 5000 });
  try {
    for (const row of open.prepare("SELECT n, text FROM order_notes ORDER BY n").all()) {
      const [version = "", chain = ""] = String(row["text"]).split(" ");
      noted.set(chain, (noted.get(chain) ?? new Set()).add(version));
      notes.set(chain, [...(notes.get(chain) ?? []), Number(row["n"])]);
    }
  } finally {
    open.close();
  }
  return { noted, notes };
}

async function readCommands({ log, codec, commands, agent }: Evidence): Promise<Versions> {
  const spoken = new Map<string, Set<string>>();
  const take = ({ value }: StoredRecord): void => {
    const decoded = codec.decode(value, "command");
    if (!decoded.ok) return;
    const { chainId, codeVersion, incarnation, agent: sender } = decoded.message.meta;
    // Incarnation 0: a submission, which is no agent's.
    if (sender === agent && incarnation > 0) spoken.set(chainId, (spoken.get(chainId) ?? new Set()).add(codeVersion));
  };
  const count = await log.partitionCount(commands);
  for (let partition = 0; partition < count; partition += 1) {
    for await (const { records } of log.read(commands, partition, { from: 0n }))
      for (const record of records) take(record);
  }
  return spoken;
}

/** Chains for which more than one version shows. */
export const splitChains = (found: Versions): readonly string[] =>
  [...found].flatMap(([chain, versions]) => (versions.size > 1 ? [`${chain}: ${[...versions].join(", ")}`] : []));
