/**
 * Guards, each switched off: a mutant replaces one piece of the sources as they are loaded. The simulation has to find
 * every one of them; a guard whose absence no checker sees is not proved by it. Nothing in the product knows of this.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = resolve(import.meta.dirname, "../..");

export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  /** What is no longer so. */
  readonly without: string;
  readonly edits: readonly Edit[];
}

const DOOR = "shared/runtime/src/door";
const POLICY = "shared/policy/src";

const mutant = (name: string, without: string, ...edits: readonly Edit[]): Mutant => ({ name, without, edits });
const edit = (file: string, from: string, to: string): Edit => ({ file, from, to });

export const MUTANTS: readonly Mutant[] = [
  mutant(
    "void-records-count",
    "a void record is no state for who loads a partition",
    edit(
      "shared/runtime/src/partition-reader.ts",
      'if (placed.verdict === "void" || record === null) {',
      "if (record === null) {",
    ),
  ),
  mutant(
    "offset-unchecked",
    "an append that landed elsewhere drops the memory",
    edit(
      `${DOOR}/owner.ts`,
      'outcome.kind === "appended" && outcome.baseOffset === base',
      'outcome.kind === "appended"',
    ),
  ),
  mutant(
    "unknown-ignored",
    "an append without an answer drops the memory",
    edit(
      `${DOOR}/owner.ts`,
      'if (!(await this.#append(held, base, turn.emitted))) return "lost";',
      "await this.#append(held, base, turn.emitted);",
    ),
  ),
  mutant(
    "acts-before-acknowledgement",
    "nothing is acted upon before its record is acknowledged",
    edit(
      `${DOOR}/owner.ts`,
      'if (!(await this.#append(held, base, turn.emitted))) return "lost";',
      'this.#actions.afterAck(turn.emitted, queued);\n    if (!(await this.#append(held, base, turn.emitted))) return "lost";',
    ),
  ),
  mutant(
    "queue-survives-a-loss",
    "queue and memory go together",
    edit(`${DOOR}/owner.ts`, "    this.#queue.clear();\n", ""),
  ),
  mutant(
    "inputs-from-the-start",
    "commands are taken from the position that rides on the records",
    edit(
      `${DOOR}/intakes.ts`,
      "await this.#commands.restart(BigInt(inputs.commands));",
      "await this.#commands.restart(0n);",
    ),
  ),
  mutant(
    "timers-forgotten",
    "whoever owns the partition fires a handler's timer when it is due",
    edit(
      `${POLICY}/door/timers.ts`,
      'if (kind === "timer") return status === "open";',
      'if (kind === "timer") return false;',
    ),
  ),
  mutant(
    "fire-bound-unchecked",
    "an effect is not started after its fire bound",
    edit(`${DOOR}/fire-step.ts`, "elapsedMs <= fireBoundMs", "elapsedMs <= Infinity"),
  ),
  mutant(
    "breakers-bypassed",
    "a call passes only where each breaker that it meets lets it pass",
    edit(
      `${POLICY}/door/admit.ts`,
      "for (const key of breakerKeys(chain.agent, tool)) {",
      "for (const key of breakerKeys(chain.agent, tool).slice(0, 1)) {",
    ),
  ),
  mutant(
    "grants-unspent",
    "a grant is for so many probes and no more",
    edit(`${POLICY}/replay/replay.ts`, "for (const id of event.probes) {", "for (const id of event.probes.slice(1)) {"),
  ),
  mutant(
    "share-ignored",
    "an agent's open chains in a partition end at its share",
    edit(
      `${POLICY}/flow/at-door.ts`,
      "if (share === 0 || open < share) return null;",
      "if (share !== -1) return null;",
    ),
  ),
  mutant(
    "halts-ignored-at-admission",
    "nothing is admitted under a fence",
    edit(
      `${POLICY}/door/admit.ts`,
      'if (!covers(scope, asked)) continue;\n    return refuse("BUSBAR_HALT_ACTIVE"',
      'if (covers(scope, asked)) continue;\n    return refuse("BUSBAR_HALT_ACTIVE"',
    ),
    edit(
      `${POLICY}/door/admit.ts`,
      "  if (chain.halted !== null) {\n",
      '  if (chain.halted !== null && chain.halted.rule !== "halt") {\n',
    ),
    edit(
      `${POLICY}/door/admit.ts`,
      'if (canChain(chain.status, "EffectAdmitted", effectClass)) return null;',
      'if (chain.status !== "completed") return null;',
    ),
  ),
  mutant(
    "in-flight-unnamed",
    "a halt names what it finds in flight",
    edit(
      `${POLICY}/door/directives.ts`,
      "return nameInFlight(turn, { ...current, abandoned }, openEffects(turn, isCovered));",
      "return nameInFlight(turn, { ...current, abandoned }, []);",
    ),
  ),
  mutant(
    "any-resume",
    "a resume lifts the fence that it names and no other",
    edit(
      `${POLICY}/replay/directives.ts`,
      'if (fence !== undefined && fence.fence === text(body, "fence"))',
      "if (fence !== undefined)",
    ),
  ),
  mutant(
    "through-unchecked",
    "a door opens when every directive is applied that its heartbeat knows of",
    edit(
      `${DOOR}/ticks.ts`,
      "if (!knowsClaim || !isApplied || !options.isMember()) return [];",
      "if (!knowsClaim) return [];",
    ),
    edit(`${POLICY}/door/decide.ts`, "if (BigInt(state.through) < BigInt(opening.directivesEnd)) return;", ""),
  ),
  mutant(
    "heartbeat-of-another-claim",
    "a door opens on a heartbeat that has seen its claim",
    edit(`${DOOR}/ticks.ts`, "if (!knowsClaim || !isApplied", "if (!isApplied"),
    edit(`${POLICY}/door/decide.ts`, "if (BigInt(opening.eventsThrough) <= BigInt(state.claim.offset)) return;", ""),
  ),
  mutant(
    "closed-door-admits",
    "a closed or degraded door admits no change of the world",
    edit(`${POLICY}/door/deferral.ts`, 'if (state.door === "open") return null;', "return null;"),
  ),
  mutant(
    "slots-unasked",
    "a call is admitted only with a slot",
    edit(
      `${POLICY}/door/admit.ts`,
      'const full = slotsAgainst(turn, { agent: chain.agent, kind: "tool", name, effect, callId, isFurtherAttempt });',
      "const full = slotsAgainst(turn, { agent: chain.agent, kind: 'tool', name: '', callId, isFurtherAttempt });",
    ),
  ),
  mutant(
    "cap-in-every-partition",
    "a partition has its share of a cap",
    edit(
      `${POLICY}/slots/caps.ts`,
      "return Math.floor(total / partitionCount) + (rankOf(key, partition, partitionCount) < rest ? 1 : 0);",
      "return rest >= 0 && rankOf(key, partition, partitionCount) >= 0 ? total : 0;",
    ),
  ),
  mutant(
    "ledger-unasked",
    "an effect that is done, open or in doubt is not admitted again",
    edit(`${POLICY}/door/admit.ts`, "if (answerFromLedger(turn, call, effect)) return;", ""),
  ),
  mutant(
    "key-of-the-attempt",
    "every attempt of an effect carries one key",
    edit(
      `${DOOR}/attempt.ts`,
      "effectKey: key, attempt, callId, meta } = event;",
      "effectKey, attempt, callId, meta } = event;\n  const key = effectKey + attempt;",
    ),
  ),
  mutant(
    "doubts-fired-again",
    "a tool that does not honour keys is not fired again while in doubt",
    edit(
      `${POLICY}/door/settle.ts`,
      "const against = againstFiringAgain(policy, chain, call, turn.env.atMs);",
      "const against = null;",
    ),
  ),
  mutant(
    "looks-not-awaited",
    "the next change of a chain waits for the look at the one before",
    edit(`${POLICY}/door/admit.ts`, "(isRead ? null : lookAgainst(subject.chain, atMs))", "null"),
  ),
  mutant(
    "inherited-calls-forgotten",
    "an open call of a former owner is in doubt",
    edit(`${DOOR}/owner.ts`, "if (calls.length > 0) this.#queue.push", "if (calls.length < 0) this.#queue.push"),
  ),
  mutant(
    "outcome-of-any-attempt",
    "an outcome counts for the admission that it names",
    edit(
      `${POLICY}/door/outcomes.ts`,
      "return call.admitted === outcome.admitted ? { chain, call } : null;",
      "return { chain, call };",
    ),
  ),
  mutant(
    "sequence-gaps-pass",
    "a command is the next one of its run",
    edit(`${POLICY}/door/commands.ts`, "if (streamSeq > chain.sequence + 1)", "if (streamSeq < 0)"),
  ),
  mutant(
    "old-sequences-pass",
    "a command that was taken is not taken again",
    edit(`${POLICY}/door/commands.ts`, "if (streamSeq <= chain.sequence)", "if (streamSeq < 0)"),
  ),
  mutant(
    "old-incarnations-pass",
    "commands of another incarnation are refused",
    edit(`${POLICY}/door/commands.ts`, "if (incarnation !== chain.incarnation) {", "if (incarnation < 0) {"),
  ),
  mutant(
    "second-run-hangs",
    "a second run of an incarnation is told to end",
    edit(
      `${POLICY}/door/commands.ts`,
      "const isRecorded = chain.halted !== null ||",
      "const isRecorded = chain.sequence >= 0 ||",
    ),
  ),
  mutant(
    "answers-in-any-order",
    "answers reach a handler in the order of the log",
    edit(
      "shared/agent/src/scheduler.ts",
      "const answer = this.#queue[0];\n    if (this.#isClosed",
      "const answer = this.#queue.at(-1);\n    if (this.#isClosed",
    ),
    edit("shared/agent/src/scheduler.ts", "this.#queue.shift();", "this.#queue.pop();"),
  ),
  mutant(
    "later-attempts-deny",
    "what a later attempt says of itself is no proof about an earlier one",
    edit(
      `${POLICY}/door/outcomes.ts`,
      "if (found.call.unresolved && isDenial(outcome))",
      "if (found.call.attempt < 0 && isDenial(outcome))",
    ),
  ),
  mutant(
    "halts-told-late",
    "a halt is told before a resume behind it in the same delivery",
    edit(
      "shared/agent/src/directive-watch.ts",
      "if (change === null || offset < end) continue;",
      'if (change?.kind !== "resume" || offset < end) continue;',
    ),
  ),
  mutant(
    "end-before-checkpoint",
    "the log's end is asked after the checkpoint is read",
    edit(
      `${DOOR}/load.ts`,
      "const checkpoint = await options.checkpoints.load(",
      "const { low, end } = await log.offsets(topic, partition);\n  const checkpoint = await options.checkpoints.load(",
    ),
    edit(
      `${DOOR}/load.ts`,
      "an end that we asked before.\n  const { low, end } = await log.offsets(topic, partition);",
      "an end that we asked before.",
    ),
  ),
  mutant(
    "lifeless-chains-kept",
    "a chain without a sign of life is assigned again",
    edit(
      `${DOOR}/ticks.ts`,
      "if (nowMs - lastMs <= patienceMs(chain, settings.lifeBoundMs)) continue;",
      "if (lastMs > 0) continue;",
    ),
  ),
  mutant(
    "stages-tried-once",
    "a stage of a supervisor that did not start is tried again",
    edit(
      "shared/runtime/src/supervision/supervisor.ts",
      "this.#timers.after(STAGE_RETRY_MS, () => this.#onAssignment(this.#assigned));",
      "",
    ),
  ),
  mutant(
    "projection-forgotten",
    "what was acknowledged and not told is told by the next owner",
    edit(`${DOOR}/actions.ts`, "this.#projector.enqueue(missed);", "this.#projector.enqueue([]);"),
  ),
];

/** A source with the mutant in it. Throws where a piece does not stand there exactly once. */
export function mutated(source: string, { file, from, to }: Edit): string {
  const parts = source.split(from);
  if (parts.length !== 2) throw new Error(`${file}: a mutant's piece stands there ${parts.length - 1} times: ${from}`);
  return parts.join(to);
}

/** Every edit of a mutant on the sources as they are; throws where one no longer fits. */
export function applyToSources({ edits }: Mutant): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const one of edits) {
    const source = sources.get(one.file) ?? readFileSync(resolve(ROOT, one.file), "utf8");
    sources.set(one.file, mutated(source, one));
  }
  return sources;
}

/** From now on the modules of this process are loaded with the mutant in them. Before anything of the bus is loaded. */
export function infect(one: Mutant): void {
  const sources = new Map(
    [...applyToSources(one)].map(([file, text]) => [pathToFileURL(resolve(ROOT, file)).href, text]),
  );
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      const source = sources.get(url);
      return source === undefined ? loaded : { ...loaded, source };
    },
  });
}
