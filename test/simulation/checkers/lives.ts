/** Liveness: what has become of each chain, as the log tells it, and whether it may stay like that. */
import { chainOfTaskKey } from "@busbar/agent";
import type { Fact } from "./log-view.ts";
import { isCovered } from "./log-view.ts";

const ENDS_DOUBT: ReadonlySet<string> = new Set([
  "EffectAdmitted",
  "EffectCommitted",
  "EffectCommittedInvalid",
  "EffectFailed",
  "EffectSettled",
  "EffectAbandoned",
]);

interface Applied {
  readonly kind: string;
  readonly scope: string;
  readonly offset: string;
  readonly id: string;
  readonly detail: string;
}

interface Life {
  readonly chainId: string;
  readonly partition: number;
  readonly agent: string;
  readonly lineage: readonly string[];
  /** Sub-tasks that have not reported, by call. */
  readonly children: Map<string, string>;
  /** Doubts that were left to a person. */
  readonly left: Set<string>;
  /** What is in doubt, by call. */
  readonly doubts: Map<string, { readonly tool: string; readonly effectClass: string }>;
  isEnded: boolean;
  isHalted: boolean;
}

/** Folds facts as they land. */
export class Lives {
  readonly #lives = new Map<string, Life>();
  /** Admissions without outcome or doubt, as `partition/offset`. */
  readonly #open = new Set<string>();
  /** Standing fences by partition: scope -> offset of the halt. */
  readonly #fences = new Map<number, Map<string, string>>();
  /** Standing freezes by partition and id. */
  readonly #freezes = new Map<number, Map<string, { readonly scope: string; readonly effects: readonly string[] }>>();
  readonly #classes = new Map<string, string>();
  /** Tasks that flow control put off. */
  readonly #held = new Map<string, { readonly partition: number; readonly agent: string }>();

  take({ partition, offset, event }: Fact): void {
    if (event.type === "EffectAdmitted") {
      this.#open.add(`${partition}/${offset}`);
      this.#classes.set(event.callId, event.effectClass);
    } else if ("admitted" in event) this.#open.delete(`${partition}/${event.admitted}`);
    if (event.type === "CommandDeferred" && event.code === "BUSBAR_FLOW_HELD") {
      this.#held.set(event.meta.chainId, { partition, agent: event.meta.agent });
    }
    if (event.type === "TaskSubmitted") {
      const { chainId, lineage } = event.meta;
      const rest = { children: new Map(), left: new Set<string>(), doubts: new Map(), isEnded: false, isHalted: false };
      this.#lives.set(chainId, { chainId, partition, agent: event.agent, lineage, ...rest });
      return;
    }
    if (event.type === "HaltAcknowledged" || event.type === "DirectivesApplied") {
      return this.#orders(partition, event.applied);
    }
    const life = this.#lives.get(event.meta.chainId);
    if (life === undefined) return;
    this.#doubt(life, event);
    step(life, event);
  }

  #doubt({ doubts }: Life, event: Fact["event"]): void {
    if (event.type === "EffectInDoubt") {
      doubts.set(event.callId, { tool: event.tool, effectClass: this.#classes.get(event.callId) ?? "" });
    } else if ("callId" in event && ENDS_DOUBT.has(event.type)) doubts.delete(event.callId);
  }

  #orders(partition: number, applied: readonly Applied[]): void {
    const fences = this.#fences.get(partition) ?? new Map<string, string>();
    this.#fences.set(partition, fences);
    const freezes = this.#freezes.get(partition) ?? new Map<string, { scope: string; effects: readonly string[] }>();
    this.#freezes.set(partition, freezes);
    for (const { kind, scope, offset, id, detail } of applied) {
      if (kind === "Freeze") freezes.set(id, { scope, ...(JSON.parse(detail) as { effects: readonly string[] }) });
      if (kind === "Unfreeze") freezes.delete(id);
      if (kind === "Halt") fences.set(scope, offset);
      if (kind === "Resume" && fences.get(scope) === id) fences.delete(scope);
    }
  }

  /** Chains that neither ended nor are halted nor wait for a person, with those whose task nobody has taken. */
  unsettled(taskKeys: readonly string[], hostile: ReadonlySet<string>): readonly string[] {
    const waiting = taskKeys
      .map((key) => chainOfTaskKey(key))
      .filter((chain) => !this.#lives.has(chain) && !this.#waitsForPerson(chain, hostile));
    const open = [...this.#lives.values()].filter((life) => !this.#isSettled(life, hostile));
    return [
      ...waiting.map((chain) => `${chain} was not taken`),
      ...open.map(({ chainId, agent }) => `${chainId} of ${agent} is still open`),
      ...[...this.#open].map((position) => `the effect admitted at ${position} has neither outcome nor doubt`),
    ];
  }

  /** Put off while all that its agent has open in that partition waits for a person: so does the task. */
  #waitsForPerson(chain: string, hostile: ReadonlySet<string>): boolean {
    const held = this.#held.get(chain);
    if (held === undefined) return false;
    const before = [...this.#lives.values()].filter(
      ({ agent, partition, isEnded }) => agent === held.agent && partition === held.partition && !isEnded,
    );
    return before.length > 0 && before.every((life) => this.#isSettled(life, hostile));
  }

  #isSettled(life: Life, hostile: ReadonlySet<string>): boolean {
    if (life.isEnded || life.isHalted || life.left.size > 0) return true;
    // What a hostile agent does to its own chains is its own affair.
    if (hostile.has(life.agent) || this.#isFenced(life) || this.#doubtIsHeld(life)) return true;
    return [...life.children.values()].some((childId) => {
      const child = this.#lives.get(childId);
      return child !== undefined && !child.isEnded && this.#isSettled(child, hostile);
    });
  }

  /** A doubt whose tool a person halted or froze waits for that person: nothing may be tried. */
  #doubtIsHeld({ partition, agent, lineage, doubts }: Life): boolean {
    const fences = [...(this.#fences.get(partition)?.keys() ?? [])];
    const freezes = [...(this.#freezes.get(partition)?.values() ?? [])];
    return [...doubts.values()].some(({ tool, effectClass }) => {
      const asked = { agent, tool, lineage };
      const isFrozen = freezes.some(({ scope, effects }) => effects.includes(effectClass) && isCovered(scope, asked));
      return isFrozen || fences.some((scope) => isCovered(scope, asked));
    });
  }

  #isFenced({ partition, agent, lineage }: Life): boolean {
    return [...(this.#fences.get(partition)?.keys() ?? [])].some((scope) => isCovered(scope, { agent, lineage }));
  }
}

function step(life: Life, event: Fact["event"]): void {
  switch (event.type) {
    case "TaskCompleted":
    case "TaskFailed":
      life.isEnded = true;
      return;
    case "ChainHalted":
      life.isHalted = true;
      return;
    case "ChainResumed":
      life.isHalted = false;
      return;
    case "TaskSent":
      life.children.set(event.callId, event.childChainId);
      return;
    case "SubtaskFinished":
      life.children.delete(event.callId);
      return;
    case "EffectDisputed":
      life.left.add(event.callId);
      return;
    case "EffectSettled":
      if (event.outcome === "unknown") life.left.add(event.callId);
      else life.left.delete(event.callId);
      return;
    default:
      return;
  }
}
