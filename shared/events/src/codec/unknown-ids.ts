/**
 * Looks up schema ids that are not in the bundle, and no more often than is good for the registry: one request per id
 * at a time, answers remembered, a token bucket over all ids (one bad record per message must not become one request
 * per message), and a bound on how many schemas are learned.
 */
import { reasonOf } from "@busbar/kernel";
import { BUILTIN_ID_BASE } from "../avro-schema.ts";

export type LookupAnswer =
  | { readonly kind: "found"; readonly schema: unknown }
  /** The registry does not know the id. */
  | { readonly kind: "absent" }
  /** The schema is not fit to be compiled here, or is no Avro record of ours. */
  | { readonly kind: "refused"; readonly reason: string }
  /** No answer; the id may be asked for again. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Asks a registry for the schema behind an id. */
export type SchemaLookup = (id: number) => Promise<LookupAnswer>;

export interface LookupOptions {
  /** How long "not known" is remembered, in ms. */
  readonly negativeTtlMs?: number;
  /** Lookups per second in the long run, and at once. */
  readonly perSecond?: number;
  readonly burst?: number;
  /** How many schemas may be learned, and how many refusals remembered. */
  readonly capacity?: number;
  readonly nowMs?: () => number;
}

export type Resolution =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Unavailable: the same record may decode later. */
      readonly code: "BUSBAR_SCHEMA_UNKNOWN" | "BUSBAR_REGISTRY_UNAVAILABLE";
      readonly reason: string;
    };

export interface UnknownIds {
  resolve(id: number): Promise<Resolution>;
}

const unknown = (reason: string): Resolution => ({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN", reason });
const unavailable = (reason: string): Resolution => ({ ok: false, code: "BUSBAR_REGISTRY_UNAVAILABLE", reason });

/** `learn` takes a found schema in, or says why not. */
export function createUnknownIds(
  lookup: SchemaLookup | undefined,
  learn: (id: number, schema: unknown) => string | null,
  options: LookupOptions = {},
): UnknownIds {
  const { negativeTtlMs = 60_000, capacity = 1000, nowMs = Date.now } = options;
  const takeToken = tokenBucket(options.perSecond ?? 5, options.burst ?? 20, nowMs);
  const refused = new Map<number, { readonly untilMs: number; readonly answer: Resolution }>();
  const learned = new Set<number>();
  const running = new Map<number, Promise<Resolution>>();

  const refuse = (id: number, reason: string): Resolution => {
    const answer = unknown(reason);
    const [oldest] = refused.keys();
    if (refused.size >= capacity && oldest !== undefined) refused.delete(oldest);
    refused.set(id, { untilMs: nowMs() + negativeTtlMs, answer });
    return answer;
  };

  const settle = (id: number, answer: LookupAnswer): Resolution => {
    if (answer.kind === "unavailable") return unavailable(answer.reason);
    if (answer.kind === "absent") return refuse(id, `the registry has no schema ${id}`);
    if (answer.kind === "refused") return refuse(id, `schema ${id} is refused: ${answer.reason}`);
    const problem = learn(id, answer.schema);
    if (problem !== null) return refuse(id, `schema ${id} is refused: ${problem}`);
    learned.add(id);
    return { ok: true };
  };

  const start = (id: number, ask: SchemaLookup): Promise<Resolution> => {
    const answer = ask(id)
      .then((found) => settle(id, found))
      .catch((error: unknown) => unavailable(reasonOf(error)))
      .finally(() => running.delete(id));
    running.set(id, answer);
    return answer;
  };

  return {
    async resolve(id) {
      if (learned.has(id)) return { ok: true };
      if (!Number.isInteger(id) || id < 1 || id >= BUILTIN_ID_BASE)
        return unknown(`no registry gives out the id ${id}`);
      // A registry gave it out, and here is none: whoever must not miss the record waits or says so.
      if (lookup === undefined) return unavailable("no registry is configured");
      const remembered = refused.get(id);
      if (remembered !== undefined && nowMs() < remembered.untilMs) return remembered.answer;
      refused.delete(id);
      const asked = running.get(id);
      if (asked !== undefined) return asked;
      if (learned.size >= capacity) return unknown(`${capacity} schemas are known already`);
      return takeToken() ? start(id, lookup) : unavailable("too many lookups; ask again later");
    },
  };
}

function tokenBucket(perSecond: number, burst: number, nowMs: () => number): () => boolean {
  let tokens = burst;
  let filledMs = nowMs();
  return () => {
    const now = nowMs();
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledMs) * perSecond) / 1000);
    filledMs = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
