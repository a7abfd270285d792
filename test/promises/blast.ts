/** Blast radius: what bounds destruction over chains (docs/guides/guards/blast-radius.md). */
export const BLAST_PROMISES = {
  "blast:across-chains":
    "the destructive effects of an agent are capped over all of its chains and tools; what is too much waits for its window",
} as const;
