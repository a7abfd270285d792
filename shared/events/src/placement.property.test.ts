import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { claimHeaders, GENESIS_DIGEST, initialPlacement, place, type PlacedPosition, stampHeaders } from "./index.ts";

type Headers = Record<string, string>;

/** What one writer tries at one position; names are resolved against the log so far. */
interface Try {
  readonly gap: number;
  readonly kind: "claim" | "event" | "flawed-claim" | "foreign" | "hole";
  readonly nonce: string;
  readonly shift: number;
  /** Which of the earlier claims is named: 0 the latest, 1 the one before, … */
  readonly back: number;
  readonly otherNonce: boolean;
  readonly spelling: string;
}

const tries: fc.Arbitrary<readonly Try[]> = fc.array(
  fc.record({
    gap: fc.constantFrom(0, 0, 0, 1, 3),
    kind: fc.constantFrom("claim", "event", "event", "event", "event", "flawed-claim", "foreign", "hole"),
    nonce: fc.constantFrom("a", "b", "c"),
    shift: fc.constantFrom(0, 0, 0, 0, 1, -1, 7),
    back: fc.constantFrom(0, 0, 0, 1, 2),
    otherNonce: fc.constantFrom(false, false, false, true),
    spelling: fc.constantFrom("", "", "", "0", " ", "+"),
  }),
  { maxLength: 40 },
);

function headersOf(step: Try, offset: bigint, claims: readonly { offset: bigint; nonce: string }[]): Headers | null {
  const named = claims[claims.length - 1 - step.back];
  const epoch = `${named?.offset ?? 0n}:${step.otherNonce ? "z" : (named?.nonce ?? "a")}`;
  const at = `${step.spelling}${offset + BigInt(step.shift)}`;
  switch (step.kind) {
    case "claim":
      return { type: "PartitionClaimed", nonce: step.nonce, owner: "g" };
    case "flawed-claim":
      return { type: "PartitionClaimed", nonce: step.nonce, owner: "g", at, epoch };
    case "event":
      return { type: "EffectAdmitted", at, epoch };
    case "foreign":
      return step.shift === 0 ? { type: "EffectAdmitted", at } : { epoch };
    case "hole":
      return null;
  }
}

function buildLog(start: bigint, steps: readonly Try[]): readonly PlacedPosition[] {
  const claims: { offset: bigint; nonce: string }[] = [];
  let offset = start;
  return steps.map((step) => {
    offset += BigInt(step.gap);
    const headers = headersOf(step, offset, claims);
    if (step.kind === "claim") claims.push({ offset, nonce: step.nonce });
    const position = { offset, headers };
    offset += 1n;
    return position;
  });
}

const isClaim = (headers: Headers): boolean =>
  headers["type"] === "PartitionClaimed" &&
  /^\w+$/.test(headers["nonce"] ?? "") &&
  !("at" in headers) &&
  !("epoch" in headers);

/** Offset and nonce that an epoch names, and the offset of `at`; null for any other spelling. */
function parseStamp(headers: Headers): { readonly claim: string; readonly at: bigint } | null {
  const { at, epoch } = headers as { readonly at?: string; readonly epoch?: string };
  const [, offset, nonce] = /^(0|[1-9]\d*):(\w+)$/.exec(epoch ?? "") ?? [];
  if (offset === undefined || !/^(0|[1-9]\d*)$/.test(at ?? "")) return null;
  return { claim: JSON.stringify([offset, nonce]), at: BigInt(at ?? "") };
}

/** The rule again, from the text of PROTOCOL 2.2: parses where the code compares, and searches the whole log. */
function oracle(log: readonly PlacedPosition[]): readonly string[] {
  return log.map(({ offset, headers }, index) => {
    if (headers === null) return "void";
    if (headers["type"] === "PartitionClaimed") return isClaim(headers) ? "claim" : "void";
    const latest = log.slice(0, index).findLast((other) => other.headers !== null && isClaim(other.headers));
    const stamp = parseStamp(headers);
    if (latest === undefined || stamp === null) return "void";
    const named = stamp.claim === JSON.stringify([String(latest.offset), latest.headers?.["nonce"]]);
    return named && stamp.at === offset ? "valid" : "void";
  });
}

function verdicts(log: readonly PlacedPosition[], start = initialPlacement()): readonly string[] {
  let state = start;
  return log.map((position) => {
    const placed = place(state, position);
    state = placed.state;
    return placed.verdict;
  });
}

const starts = fc.constantFrom(0n, 1n, 9n, 99n, 2n ** 53n - 3n, 2n ** 62n);

describe("placement, against an independent reading of the rule", () => {
  test("verdicts are those of the rule [placement:headers-alone] [placement:void-epoch-mismatch]", () => {
    fc.assert(
      fc.property(starts, tries, (start, steps) => {
        const log = buildLog(start, steps);
        expect(verdicts(log)).toEqual(oracle(log));
      }),
      { numRuns: 1000 },
    );
  });

  test("a reader that starts in mid-log judges the rest alike [placement:start-in-mid-log] [placement:readers-agree]", () => {
    fc.assert(
      fc.property(starts, tries, fc.nat(40), (start, steps, cut) => {
        const log = buildLog(start, steps);
        let state = initialPlacement();
        for (const position of log.slice(0, cut)) state = place(state, position).state;
        const resumed = initialPlacement({ offset: state.next, claim: state.claim });
        expect(verdicts(log.slice(cut), resumed)).toEqual(verdicts(log).slice(cut));
      }),
      { numRuns: 300 },
    );
  });

  test("what two owners stamp counts only while their own claim is the latest [placement:headers-stamped]", () => {
    const turns = fc.array(fc.record({ who: fc.nat(1), claims: fc.boolean(), late: fc.boolean() }), { maxLength: 30 });
    fc.assert(
      fc.property(turns, (steps) => {
        const own: ({ offset: bigint; nonce: string } | undefined)[] = [undefined, undefined];
        let latest = -1;
        let state = initialPlacement();
        steps.forEach(({ who, claims, late }, index) => {
          const offset = BigInt(index);
          const claim = own[who];
          if (claims || claim === undefined) {
            own[who] = { offset, nonce: `n${who}` };
            latest = who;
            state = place(state, { offset, headers: claimHeaders({ owner: `g${who}`, nonce: `n${who}` }) }).state;
            return;
          }
          const at = late ? offset + 1n : offset;
          const headers = stampHeaders({
            type: "TimerFired",
            at,
            claim,
            prev: GENESIS_DIGEST,
            value: new Uint8Array(),
          });
          const placed = place(state, { offset, headers });
          state = placed.state;
          expect(placed.verdict === "valid").toBe(who === latest && !late);
        });
      }),
      { numRuns: 300 },
    );
  });
});
