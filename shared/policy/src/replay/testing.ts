/** For properties of the door: drawn steps of agents, tools, people, clocks and owners, made into inputs. */
import type { Reconciliation } from "@busbar/events";
import fc from "fast-check";
import { own } from "@busbar/kernel";
import { agentKey, breakerKeys } from "../breaker/keys.ts";
import type { Input } from "../door/inputs.ts";
import {
  type CommandBody,
  createScene,
  MODEL_REPLY,
  type Orders,
  type OutcomeBody,
  POLICY,
  type Scene,
} from "../door/testing.ts";
import type { Policy } from "../policy-document.ts";
import { handOffWord, ofOpenHandOff } from "./testing-words.ts";
import { DEFAULT_DEGRADATION } from "../policy-document.ts";
import type { PartitionState } from "../partition-state.ts";
import type { Caps } from "../slots/caps.ts";

export interface Step {
  readonly kind: string;
  readonly chain: number;
  readonly step: number;
  readonly tool: string;
  readonly id: number;
  readonly variant: number;
  readonly gapMs: number;
  /** Ends the turn. */
  readonly flush: boolean;
}

const KINDS = [
  "call",
  "call",
  "call",
  "call",
  "outcome",
  "outcome",
  "outcome",
  "outcome",
  "outcome",
  "model",
  "send",
  "state",
  "report",
  "finish",
  "submit",
  "submit",
  "halt",
  "resume",
  "resume",
  "freeze",
  "breaker",
  "throttle",
  "settle",
  "word",
  "word",
  "unsure",
  "handoff",
  "answer",
  "tick",
  "tick",
  "takeover",
  "degrade",
  "reassign",
  "diverge",
  "again",
  "stranger",
  "deploy",
  "deploy",
] as const;
const stepOf = (kinds: readonly string[]): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constantFrom<string>(...kinds),
    chain: fc.nat(2),
    step: fc.integer({ min: 1, max: 12 }),
    tool: fc.constantFrom(...Object.keys(POLICY.tools), "db.nothing"),
    id: fc.nat(2),
    variant: fc.nat(8),
    gapMs: fc.constantFrom(0, 0, 1, 400, 13_000),
    flush: fc.boolean(),
  });
/** A run of them. */
export const steps = fc.array(stepOf(KINDS), { minLength: 1, maxLength: 60 });
/** Runs in which versions change under chains that are at work. */
export const upgrades = fc.array(stepOf(["submit", "call", "call", "stranger", "reassign", "deploy"]), {
  minLength: 20,
  maxLength: 40,
});

const claim = (subject: string, value: string) => ({
  subject,
  value,
  source: "rows",
  version: "",
  asOfMs: 0,
  ttlMs: 0,
});

const lost: Reconciliation = {
  subject: "row:1",
  source: "copies",
  value: "7",
  outcome: "lost",
  by: "authority",
  fact: "1",
  factSource: "rows",
  reason: "rows is the authority",
};

const OUTCOMES: readonly OutcomeBody[] = [
  { kind: "committed", result: '{"n":1}', claims: [claim("row:1", "1")], reconciled: [lost] },
  { kind: "committed", result: '{"n":2}', claims: [claim("row:2", "2"), claim("row:3", "3")] },
  { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false },
  { kind: "failed", code: "BUSBAR_EFFECT_NOT_STARTED", reason: "no", beforeEffect: true },
  { kind: "timeout", reason: "late" },
  { kind: "invalid", result: "7", reason: "no object" },
  { kind: "throttled", reason: "429", retryAfterMs: 50 },
  { kind: "unknown", reason: "cut" },
];

const MODEL_OUTCOMES: readonly OutcomeBody[] = [
  MODEL_REPLY,
  { ...MODEL_REPLY, problems: [{ toolCallId: "1", tool: "t", reason: "no JSON" }] },
  { kind: "model-throttled", reason: "429", retryAfterMs: 50 },
  {
    kind: "model-failed",
    code: "BUSBAR_TOOL_FAILED",
    reason: "cut",
    retryable: true,
    inputTokens: 3,
    outputTokens: 1,
  },
];

/** Tight enough to put some calls off. */
const CAPS: Caps = {
  "tool:db.write": { concurrency: 1, rate: null },
  "model:m": { concurrency: null, rate: { calls: 1, perMs: 300 } },
  "agent:support": { concurrency: 4, rate: { calls: 6, perMs: 1000 } },
};

/** One tool of the person, and one that brings text of strangers. */
const TOOLS: Policy["tools"] = Object.fromEntries(
  Object.entries(POLICY.tools).map(([name, tool]) => {
    if (name === "db.clock") return [name, { ...tool, person: true }];
    return [name, name === "db.read" ? { ...tool, trust: "untrusted" as const } : tool];
  }),
);

/** Turns a drawn step into an input; null where it means nothing now. */
export class Driver {
  readonly scene: Scene = createScene({
    ...POLICY,
    tools: TOOLS,
    caps: CAPS,
    degradation: { ...DEFAULT_DEGRADATION, refusals: 0 },
  });
  /** Version that each command said, by the command's position. */
  readonly spoken = new Map<string, string>();
  readonly #keys = [0, 0, 0];
  #last: Input | null = null;

  get #state(): PartitionState {
    return this.scene.door.state;
  }

  #chainOf(one: Step): string {
    return Object.keys(this.#state.chains)[one.chain] ?? "none";
  }

  submit(one: Step): void {
    this.#keys[one.chain] = (this.#keys[one.chain] ?? 0) + (one.variant === 0 ? 0 : 1);
    const deadlineAtMs = one.variant === 5 ? this.scene.door.atMs + 1000 : 0;
    this.scene.submit(`task-${one.chain}-${this.#keys[one.chain]}`, {
      deadlineAtMs,
      budgetTokens: one.variant === 4 ? 20 : 0,
    });
  }

  takeover(): void {
    const { door } = this.scene;
    door.claim();
    const calls = Object.values(this.#state.chains).flatMap(({ chainId, calls: all }) =>
      Object.entries(all).flatMap(([callId, call]) =>
        call.status === "open" && call.kind === "tool" ? [{ chainId, callId }] : [],
      ),
    );
    door.turn({ kind: "inherit", calls });
    door.turn({
      kind: "open",
      opening: { supervisor: "s", heartbeatAtMs: door.atMs, eventsThrough: this.#state.end, directivesEnd: "0" },
    });
  }

  inputOf(one: Step): Input | null {
    const input = this.#made(one);
    if (input?.kind === "command") {
      this.#last = input;
      this.spoken.set(`${input.topic}/0/${input.offset}`, input.command.meta.codeVersion);
    }
    return input;
  }

  #made(one: Step): Input | null {
    const { scene } = this;
    const chain = this.#chainOf(one);
    switch (one.kind) {
      case "call":
        return scene.call(
          chain,
          one.step,
          one.tool,
          { id: one.id, table: one.id },
          { repeat: one.variant === 5 ? 2 : 0 },
        );
      case "outcome":
        return this.#outcome(one, chain);
      case "stranger":
        return scene.call(
          chain,
          one.step,
          one.tool,
          { id: one.id },
          { meta: { codeVersion: `${one.variant}` }, sequence: (this.#state.chains[chain]?.sequence ?? 0) + 1 },
        );
      case "deploy":
        return scene.orders(deployOrderOf(one));
      case "again":
        return this.#last;
      case "tick":
        return { kind: "tick" };
      case "degrade":
        return { kind: "degrade", reason: "no heartbeat" };
      case "reassign":
        return { kind: "reassign", chainId: chain, reason: "no sign of life" };
      default:
        return this.#order(one, chain) ?? scene.command(chain, this.#settled(bodyOf(one, chain), chain), sentOf(one));
    }
  }

  /** A settlement names the attempt that is in doubt, a word of a person a request. */
  #settled(body: CommandBody, chain: string): CommandBody {
    const calls = this.#state.chains[chain]?.calls ?? {};
    if (body.type === "SettleEffect") return { ...body, admitted: calls[body.callId]?.admitted ?? "" };
    if (body.type === "TakeHandOff" || body.type === "AnswerHandOff") return ofOpenHandOff(body, calls);
    if (body.type !== "ApproveEffect" && body.type !== "DenyEffect") return body;
    const waiting = Object.entries(calls).find(([, { status }]) => status === "held");
    if (waiting === undefined) return body;
    const [callId, { admitted, argsHash }] = waiting;
    return { ...body, callId, requested: admitted, argsHash: body.argsHash === "" ? argsHash : body.argsHash };
  }

  #outcome(one: Step, chain: string): Input | null {
    const open = Object.values(this.#state.chains[chain]?.calls ?? {}).filter(
      (call) => call.status === "open" || call.status === "in-doubt",
    );
    const call = open[one.id];
    if (call === undefined) return null;
    if (call.kind === "model")
      return this.scene.outcome(chain, call.step, MODEL_OUTCOMES[one.variant % MODEL_OUTCOMES.length] ?? MODEL_REPLY);
    if (call.kind === "statement")
      return this.scene.outcome(chain, call.step, {
        kind: "checked",
        fact: "{}",
        source: "db.read",
        agrees: false,
        evidence: [],
      });
    return this.scene.outcome(chain, call.step, OUTCOMES[one.variant] ?? { kind: "abandoned", reason: "" });
  }

  /** Of the opening that stands, or of another one. */
  #grant(one: Step, key: string, cause: string): readonly [string, Orders] {
    const known = own(this.#state.breakers, key);
    const opening = one.id === 0 ? cause : (known?.cause ?? cause);
    const sequence = (known?.granted ?? 0) + (one.variant % 2);
    const at = { partition: 0, count: 1, expiresAtMs: Number.MAX_SAFE_INTEGER };
    return ["Grant", { grantId: `g${one.step}/${one.variant}`, key, cause: opening, sequence, ...at }];
  }

  #order(one: Step, chain: string): Input | null {
    const scope = ["fleet", "agent:support", "tool:db.write", `chain:${chain}`][one.variant % 4] ?? "fleet";
    const fence = this.#state.fences[scope]?.fence ?? this.#state.chains[chain]?.halted?.fence ?? "0";
    const [, ...narrower] = breakerKeys("support", one.tool);
    const key = narrower[one.variant] ?? agentKey("support");
    const cause = `busbar.events/0/${one.step}`;
    switch (one.kind) {
      case "halt":
        return this.scene.orders([
          "Halt",
          { scope, reason: "stop", by: "x", rule: "r", cause: one.id === 0 ? cause : "" },
        ]);
      case "resume":
        return this.scene.orders([
          "Resume",
          { scope, fence, reason: "", by: "x", coversThrough: [{ partition: 0, through: String(one.step) }] },
        ]);
      case "freeze":
        return this.scene.orders([
          one.id === 0 ? "Freeze" : "Unfreeze",
          { freezeId: "f", scope, effects: ["write"], fromMs: 0, untilMs: 0, reason: "", by: "x" },
        ]);
      case "throttle":
        return this.scene.orders(throttleOf(one));
      case "breaker":
        return this.scene.orders(
          [
            one.id === 0 ? "CloseBreaker" : "OpenBreaker",
            { key, rule: "r", cause, reason: "", by: "x", cooldownMs: 1 },
          ],
          this.#grant(one, key, cause),
        );
      default:
        return null;
    }
  }
}

function throttleOf(one: Step): readonly [string, Orders] {
  const key = ["agent:support", "partition:0", "fleet"][one.id] ?? "fleet";
  const by = one.variant % 3 === 0 ? "operator:ann" : "supervisor:s1";
  const level = one.variant % 2 === 0 ? "paused" : "throttled";
  const held = { key, level, intervalMs: 500, retryAfterMs: 100, reason: "", by };
  return [one.step % 2 === 0 ? "Throttle" : "Unthrottle", held];
}

function deployOrderOf(one: Step): readonly [string, Orders] {
  const agent = "support";
  const version = `${one.chain + 1}`;
  switch (one.variant) {
    case 0:
    case 1:
      return ["AgentDeployed", { agent, version, codeDigest: "d", policyHash: "", instances: one.step }];
    case 2:
    case 3:
      return ["AgentPromoted", { agent, version }];
    case 4:
      return ["AgentRolledBack", { agent, version, to: `${one.id + 1}`, reason: "bad" }];
    default:
      return ["AgentUndeployed", { agent, version: one.id === 0 ? "" : version, force: one.step > 6 }];
  }
}

const sentOf = (one: Step) => {
  if (one.kind === "report") return { principal: "gateway", sequence: 0, incarnation: 0 };
  return ["settle", "word", "answer"].includes(one.kind)
    ? { source: "control" as const, principal: "operator:x", sequence: 0 }
    : {};
};

function bodyOf(one: Step, chain: string): CommandBody {
  const callId = `${chain}:${one.step}`;
  switch (one.kind) {
    case "model":
      return { type: "CallModel", step: one.step, model: "m", request: "{}" };
    case "send":
      return { type: "SendTask", step: one.step, agent: "worker", input: "{}" };
    case "state":
      return { type: "MakeStatement", step: one.step, subject: "backup", statement: "gone" };
    case "report":
      return {
        type: "ReportSubtask",
        parentCallId: callId,
        childChainId: "x",
        state: "completed",
        output: "{}",
        childOffset: "1",
        tokensUsed: 2,
        untrusted: false,
      };
    case "settle":
      return {
        type: "SettleEffect",
        callId,
        admitted: "",
        outcome: one.variant % 2 === 0 ? "committed" : "not-done",
        reason: "",
        by: "operator:x",
      };
    case "word": {
      const type = one.variant % 3 === 0 ? "DenyEffect" : "ApproveEffect";
      const argsHash = one.variant === 8 ? "of another call" : "";
      return { type, callId, requested: "", argsHash, reason: "", by: "operator:x" };
    }
    case "unsure":
      return { type: "ReportConfidence", step: one.step, percent: one.variant * 12, about: "" };
    case "handoff":
      return { type: "HandOff", step: one.step, question: "which?" };
    case "answer":
      return handOffWord(callId, one.variant % 2 === 0);
    case "diverge":
      return { type: "ReportDivergence", step: one.step, expected: "a", actual: "b" };
    default:
      return { type: "CompleteTask", step: one.step, output: "{}" };
  }
}
