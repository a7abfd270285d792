/** For tests of the door: a policy with one tool of each kind, and a scene that writes the commands of agents. */
import { type AppliedDirective, type BusCommand, type BusEvent, type Meta, metaWith } from "@busbar/events";
import { canonicalJson, type Json, type JsonObject, own } from "@busbar/kernel";
import type { ChainState } from "../partition-state.ts";
import {
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  type Policy,
  type ToolPolicy,
} from "../policy-document.ts";
import type { CallOutcome, Input } from "./inputs.ts";
import { createPureDoor, type PureDoor, type PureDoorOptions } from "./pure-door.ts";
import { taskChainId } from "./tasks.ts";

const tool = (row: Partial<ToolPolicy> & Pick<ToolPolicy, "effect">): ToolPolicy => ({
  ...DEFAULT_TOOL,
  digest: "",
  ...row,
});

export const POLICY: Policy = {
  version: 1,
  tools: {
    "db.read": tool({ effect: "read" }),
    "db.clock": tool({ effect: "read", volatile: true }),
    "db.write": tool({ effect: "write", subject: ["id"] }),
    "db.other": tool({ effect: "write", subject: ["id"] }),
    "db.retry": tool({ effect: "write", attempts: 3 }),
    "db.exact": tool({ effect: "write", toolClass: "exact", keyLifetimeMs: 86_400_000 }),
    "db.looked": tool({
      effect: "write",
      result: { type: "object" },
      readBack: { tool: "db.read", args: {}, expect: { there: true } },
    }),
    "db.checked": tool({ effect: "write", result: { type: "object" } }),
    "db.held": tool({ effect: "write", approve: "always" }),
    "db.drop": tool({ effect: "destructive", identity: ["table"], subject: ["table"] }),
  },
  models: {},
  agents: {
    support: { tools: ["*"], sends: ["*"], models: ["*"] },
    worker: { tools: ["db.read"], sends: [], models: [] },
  },
  statements: { backup: { tool: "db.read", args: {}, refutedWhen: { path: "there", equals: true } } },
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
};

const META: Meta = metaWith({ eventId: "", atMs: 0 });

/** Distributes over the union of commands. */
type Bodies<T> = T extends BusCommand ? Omit<T, "meta"> : never;
export type CommandBody = Bodies<BusCommand>;

export interface Sent {
  readonly sequence?: number;
  readonly incarnation?: number;
  readonly agent?: string;
  readonly principal?: string;
  readonly authProblem?: string;
  readonly source?: "commands" | "control";
  readonly meta?: Partial<Meta>;
}

type Outcomes<T> = T extends CallOutcome ? Omit<T, "chainId" | "callId" | "admitted" | "durationMs"> : never;
export type OutcomeBody = Outcomes<CallOutcome>;

/** A whole answer of a model. */
/** Outcomes of a tool call: no answer in time, and none because nothing was begun. */
export const late = { kind: "timeout", reason: "no answer within 10000 ms" } as const;
export const notStarted = {
  kind: "failed",
  code: "BUSBAR_EFFECT_NOT_STARTED",
  reason: "no route",
  beforeEffect: true,
} as const;

export const MODEL_REPLY = {
  kind: "model-completed",
  response: "{}",
  inputTokens: 4,
  outputTokens: 6,
  estimated: false,
  finishReason: "stop",
  problems: [],
} as const satisfies OutcomeBody;

export type Orders = Readonly<Record<string, unknown>>;

export interface Scene {
  readonly door: PureDoor;
  readonly policy: Policy;
  /** Opens a task and gives it to its agent; the chain's id. */
  submit(key: string, fields?: Partial<Extract<CommandBody, { type: "SubmitTask" }>>): string;
  chain(chainId: string): ChainState;
  /** A command of the chain's agent with the next sequence, not yet decided. */
  command(chainId: string, body: CommandBody, sent?: Sent): Input;
  call(chainId: string, step: number, tool: string, args?: JsonObject, sent?: Sent & { repeat?: number }): Input;
  outcome(chainId: string, step: number, body: OutcomeBody, admitted?: string): Input;
  /** Directives as the feed hands them over. */
  orders(...orders: readonly (readonly [kind: string, body: Orders])[]): Input;
  /** Decides one call and its success. */
  done(chainId: string, step: number, tool: string, args?: JsonObject, result?: Json): void;
}

export const types = (events: readonly BusEvent[]): readonly string[] => events.map(({ type }) => type);

/** The only event of a type; fails where there is none or more. */
export function only<T extends BusEvent["type"]>(events: readonly BusEvent[], type: T): Extract<BusEvent, { type: T }> {
  const [found, ...more] = events.filter((event): event is Extract<BusEvent, { type: T }> => event.type === type);
  if (found === undefined || more.length > 0) throw new Error(`not one ${type} among ${types(events).join(", ")}`);
  return found;
}

function appliedOf(offset: bigint, kind: string, body: Orders): AppliedDirective {
  const text = (name: string): string => (typeof body[name] === "string" ? body[name] : "");
  const id = text("fence") || text("freezeId") || text("hash") || text("grantId") || text("key");
  return {
    offset: offset.toString(),
    kind,
    scope: text("scope"),
    id: kind === "Halt" ? "" : id,
    detail: canonicalJson(body),
  };
}

class DoorScene implements Scene {
  readonly door: PureDoor;
  readonly policy: Policy;
  readonly #sequences = new Map<string, number>();
  readonly #offsets = { commands: 0n, control: 0n };
  #directives = 1n;

  constructor(policy: Policy, options: PureDoorOptions) {
    this.policy = policy;
    this.door = createPureDoor(options);
    this.door.open(policy);
  }

  #next(source: "commands" | "control"): bigint {
    const offset = this.#offsets[source];
    this.#offsets[source] = offset + 1n;
    return offset;
  }

  submit(key: string, fields: Partial<Extract<CommandBody, { type: "SubmitTask" }>> = {}): string {
    const chainId = taskChainId(key);
    const body: CommandBody = {
      type: "SubmitTask",
      taskKey: key,
      agent: "support",
      input: "{}",
      deadlineAtMs: 0,
      maxSteps: 0,
      budgetTokens: 0,
      parentChainId: "",
      parentCallId: "",
      untrusted: false,
      ...fields,
    };
    this.door.turn(this.command(chainId, body, { sequence: 0, incarnation: 0, principal: "client:test" }));
    return chainId;
  }

  chain(chainId: string): ChainState {
    const chain = this.door.state.chains[chainId];
    if (chain === undefined) throw new Error(`no open chain ${chainId}`);
    return chain;
  }

  command(chainId: string, body: CommandBody, sent: Sent = {}): Input {
    const { source = "commands", authProblem = null } = sent;
    const codeVersion = own(this.door.state.chains, chainId)?.version ?? "";
    const meta = { ...META, chainId, codeVersion, ...this.#sender(chainId, sent), ...sent.meta };
    const principal = sent.principal ?? `agent:${meta.agent}`;
    const command = { ...body, meta } as BusCommand;
    const at = { source, topic: `busbar.${source}`, offset: this.#next(source) };
    return { kind: "command", ...at, command, principal, authProblem };
  }

  #sender(chainId: string, sent: Sent): Pick<Meta, "agent" | "incarnation" | "streamSeq"> {
    const chain = own(this.door.state.chains, chainId);
    const { agent = chain?.agent ?? "support", incarnation = chain?.incarnation ?? 0 } = sent;
    const counter = `${chainId} ${incarnation}`;
    const streamSeq = sent.sequence ?? (this.#sequences.get(counter) ?? 0) + 1;
    if (sent.sequence === undefined) this.#sequences.set(counter, streamSeq);
    return { agent, incarnation, streamSeq };
  }

  call(
    chainId: string,
    step: number,
    name: string,
    args: JsonObject = {},
    sent: Sent & { repeat?: number } = {},
  ): Input {
    const body: CommandBody = {
      type: "CallTool",
      step,
      tool: name,
      args: canonicalJson(args),
      repeat: sent.repeat ?? 0,
    };
    return this.command(chainId, body, sent);
  }

  outcome(chainId: string, step: number, body: OutcomeBody, admitted?: string): Input {
    const callId = `${chainId}:${step}`;
    const at = admitted ?? this.door.state.chains[chainId]?.calls[callId]?.admitted ?? "";
    return { kind: "outcome", outcome: { chainId, callId, admitted: at, durationMs: 1, ...body } as CallOutcome };
  }

  orders(...orders: readonly (readonly [string, Orders])[]): Input {
    const applied = orders.map(([kind, body]) => {
      const made = appliedOf(this.#directives, kind, body);
      this.#directives += 1n;
      return made;
    });
    return { kind: "directives", applied, through: this.#directives.toString() };
  }

  done(chainId: string, step: number, name: string, args: JsonObject = {}, result: Json = {}): void {
    this.door.turn(this.call(chainId, step, name, args));
    this.door.turn(this.outcome(chainId, step, { kind: "committed", result: canonicalJson(result) }));
  }
}

/** A door that is open under the policy. */
export function createScene(policy: Policy = POLICY, options: PureDoorOptions = {}): Scene {
  return new DoorScene(policy, options);
}
