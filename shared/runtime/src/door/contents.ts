/**
 * Content that stands in the blobs topic (PROTOCOL 5.8): arguments that an agent put aside, read and compared with their
 * digest before the command that refers to them is decided, and kept for the moment at which the effect is started.
 */
import type { EventLog } from "@busbar/log";
import { type BlobRef, readBlob } from "@busbar/log";

export interface ContentsOptions {
  readonly log: Pick<EventLog, "read">;
  readonly topic: string;
  readonly partition: number;
  /** What the process makes of a text before it acts on it: secrets that it knows are taken out, as from a record. */
  clean(text: string): string;
  /** Larger content is not read at all. */
  readonly maxBytes: number;
}

/** In memory; beyond it the oldest is read again. */
const KEPT_BYTES = 32 * 1024 * 1024;

export class Contents {
  readonly #options: ContentsOptions;
  readonly #kept = new Map<string, { readonly text: string; readonly bytes: number }>();
  #bytes = 0;

  constructor(options: ContentsOptions) {
    this.#options = options;
  }

  /** What is in memory; null: it has to be read. */
  peek({ sha256 }: BlobRef): string | null {
    return this.#kept.get(sha256)?.text ?? null;
  }

  /** The text. Throws BUSBAR_CONTENT_MISSING where the log does not hold it whole. */
  async read(ref: BlobRef): Promise<string> {
    const kept = this.peek(ref);
    if (kept !== null) return kept;
    const { log, topic, partition, maxBytes, clean } = this.#options;
    const text = clean(await readBlob(log, { topic, partition }, ref, maxBytes));
    this.#keep(ref, text);
    return text;
  }

  #keep({ sha256, bytes }: BlobRef, text: string): void {
    if (!this.#kept.has(sha256)) this.#bytes += bytes;
    this.#kept.set(sha256, { text, bytes });
    for (const [oldest, found] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES) return;
      this.#kept.delete(oldest);
      this.#bytes -= found.bytes;
    }
  }
}
