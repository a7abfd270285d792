/**
 * The guards, each taken out once: the spec that tries it must then find something, by the check that is named. A run
 * that finds nothing where the guard is gone would prove nothing where it is there.
 */
import type { CheckName } from "./checks.ts";
import type { Patch } from "./preload/patch.ts";

export interface Mutant {
  readonly name: string;
  /** What is gone. */
  readonly without: string;
  readonly patches: readonly Patch[];
  readonly spec: string;
  /** Rounds of one try. */
  readonly rounds: number;
  /** Who must find it. */
  readonly foundBy: readonly (CheckName | "engine")[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "no-fence",
    without: "the door looks at no fence before it admits",
    patches: [
      {
        file: "/policy/src/door/admit.ts",
        find: "function haltAgainst(state: PartitionState, { chain, tool, effectClass }: CallSubject): Verdict | null {",
        replace:
          "function haltAgainst(state: PartitionState, { chain, tool, effectClass }: CallSubject): Verdict | null { return null;",
      },
    ],
    spec: "halts",
    rounds: 6,
    foundBy: ["effects"],
  },
  {
    name: "unsigned-orders",
    without: "orders need no signature",
    patches: [
      {
        file: "/runtime/src/feeds.ts",
        find: 'return keyring.isOrderSigned(order, record.headers[HEADER.sig] ?? "");',
        replace: "return order.value !== null;",
      },
    ],
    spec: "halts",
    rounds: 20,
    foundBy: ["halts"],
  },
  {
    name: "fires-again",
    without: "an at-most-once effect in doubt is fired again, as an exact one is",
    patches: [
      {
        file: "/policy/src/door/settle.ts",
        find: "const against = againstFiringAgain(policy, chain, call, turn.env.atMs);",
        replace: "const against = null;",
      },
    ],
    spec: "zombies",
    rounds: 6,
    foundBy: ["effects", "fires"],
  },
  {
    name: "no-fire-bound",
    without: "an admission is fired however late",
    patches: [
      { file: "/runtime/src/door/fire-step.ts", find: "elapsedMs <= fireBoundMs", replace: "elapsedMs <= Infinity" },
    ],
    spec: "zombies-before-check",
    rounds: 4,
    foundBy: ["fires"],
  },
  {
    name: "any-offset",
    without: "an append is taken for done at whatever offset it landed",
    patches: [
      {
        file: "/runtime/src/door/owner.ts",
        find: 'outcome.kind === "appended" && outcome.baseOffset === base',
        replace: 'outcome.kind === "appended"',
      },
    ],
    spec: "zombies",
    rounds: 6,
    foundBy: ["fires", "effects", "nothing-lost", "engine"],
  },
  {
    name: "unknown-is-done",
    without: "an append without an answer is taken for done",
    patches: [
      {
        file: "/runtime/src/door/owner.ts",
        find: 'outcome.kind === "appended" && outcome.baseOffset === base',
        replace: 'outcome.kind !== "refused"',
      },
      {
        file: "/runtime/src/door/owner.ts",
        find: "if (outcome.appendedAtMs !== null)",
        replace: 'if (outcome.kind === "appended" && outcome.appendedAtMs !== null)',
      },
    ],
    spec: "zombies",
    rounds: 6,
    foundBy: ["fires", "effects", "nothing-lost", "engine"],
  },
  {
    name: "no-drain",
    without: "a gateway that is asked to stop waits for none of its running calls",
    patches: [
      {
        file: "/runtime/src/door/owner.ts",
        find: "await this.#actions.drain(settings.drainMs);",
        replace: "",
      },
    ],
    spec: "deploys",
    rounds: 10,
    foundBy: ["none-in-doubt"],
  },
  {
    name: "stale-supervisor",
    without: "an old heartbeat of the supervisor is as good as a new one",
    patches: [
      {
        file: "/runtime/src/door/ticks.ts",
        find: "found !== null && nowMs - found.atMs <= settings.heartbeatStaleMs",
        replace: "found !== null",
      },
    ],
    spec: "halt-path",
    rounds: 6,
    foundBy: ["engine"],
  },
  {
    name: "never-reassigned",
    without: "a chain without a sign of life is left where it was",
    patches: [
      {
        file: "/runtime/src/door/ticks.ts",
        find: "if (nowMs - lastMs <= patienceMs(chain, settings.lifeBoundMs)) continue;",
        replace: "if (nowMs - lastMs <= Infinity + patienceMs(chain, 0)) continue;",
      },
    ],
    spec: "kills",
    rounds: 6,
    foundBy: ["engine", "nothing-lost"],
  },
];
