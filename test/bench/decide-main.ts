/**
 * What a decision costs the owner of a partition: tool calls and their outcomes, decided and folded with every rule of a
 * chain and the gate in force. Encoding, digests and the log are left out: they cost the same without a rule.
 * Prints one JSON line.
 */
import { type BusCommand, metaWith } from "@busbar/events";
import { buildPolicy } from "@busbar/agent/project";
import { defineTool } from "@busbar/agent";
import {
  beginTurn,
  createPureDoor,
  decide,
  DEFAULT_GATE,
  INITIAL_RULES,
  type Input,
  PURE_DOOR_START_MS,
  stepRules,
  taskChainId,
  type TurnEnv,
} from "@busbar/policy";

const CHAINS = 500;
const CALLS = 30;
const ROUNDS = 5;

const tool = (name: string, effect: "read" | "write") =>
  defineTool({ name, description: name, effect, args: { type: "object" }, timeoutMs: 1000, run: () => ({}) });
const policy = buildPolicy(
  "bench",
  {
    version: 1,
    agents: { worker: { tools: ["*"] } },
    rules: { gate: DEFAULT_GATE },
  },
  [tool("db.read", "read"), tool("db.write", "write")],
);

const ENCODED = new Uint8Array(400);
const env: TurnEnv = {
  topic: "bench.events",
  atMs: PURE_DOOR_START_MS + 1000,
  partitionCount: 1,
  batchBytes: 1_048_576,
  namespace: "",
  codeVersion: "bench",
  check: () => null,
  encode: () => ({ bytes: ENCODED, digest: "" }),
};

let offset = 0n;
function command(chainId: string, streamSeq: number, body: object): Input {
  const incarnation = streamSeq === 0 ? 0 : 1;
  const meta = metaWith({ eventId: "", atMs: 0, chainId, agent: "worker", incarnation, streamSeq });
  const principal = streamSeq === 0 ? "client:bench" : "agent:worker";
  const at = { source: "commands", topic: "bench.commands", offset: (offset += 1n) } as const;
  return { kind: "command", ...at, command: { ...body, meta } as BusCommand, principal, authProblem: null };
}

const submission = (taskKey: string) => ({
  type: "SubmitTask",
  taskKey,
  agent: "worker",
  input: "{}",
  deadlineAtMs: 0,
  maxSteps: 0,
  budgetTokens: 0,
  parentChainId: "",
  parentCallId: "",
});

/** All chains side by side, as under load: a call of each, then the outcome of each. */
function round(n: number): { readonly events: number; readonly ms: number } {
  const door = createPureDoor();
  door.open(policy);
  const { state } = door;
  const chains = Array.from({ length: CHAINS }, (_, index) => `bench ${n} ${index}`);
  let events = 0;
  const take = (input: Input): void => {
    const turn = beginTurn(state, env);
    decide(turn, input);
    events += turn.emitted.length;
  };
  for (const key of chains) take(command(taskChainId(key), 0, submission(key)));
  events = 0;
  const startMs = performance.now();
  for (let step = 1; step <= CALLS; step += 1) {
    const name = step % 3 === 0 ? "db.write" : "db.read";
    for (const key of chains) {
      const chainId = taskChainId(key);
      take(command(chainId, step, { type: "CallTool", step, tool: name, args: `{"id":${step}}`, repeat: 0 }));
      const callId = `${chainId}:${step}`;
      const admitted = state.chains[chainId]?.calls[callId]?.admitted ?? "";
      const outcome = { chainId, callId, admitted, durationMs: 1, kind: "committed", result: `{"n":${step}}` } as const;
      take({ kind: "outcome", outcome });
    }
  }
  const least = CHAINS * CALLS * 2;
  if (events < least) throw new Error(`${events} events where at least ${least} are due`);
  return { events, ms: performance.now() - startMs };
}

const FACTS = 200_000;

/** The rules of a chain alone, on the facts of calls that read and write by turns, no two alike. */
function rulesMicros(): number {
  let state = INITIAL_RULES;
  let trips = 0;
  const startMs = performance.now();
  for (let n = 0; n < FACTS; n += 1) {
    const isRead = n % 3 !== 0;
    const stepped = stepRules(
      state,
      {
        kind: n % 7 === 0 ? "error" : "success",
        tool: isRead ? "db.read" : "db.write",
        effectClass: isRead ? "read" : "write",
        argsHash: String(n % 40),
        resultHash: "r",
        verified: true,
        volatile: false,
        evidence: `bench.events/0/${n}`,
      },
      policy.rules,
    );
    state = stepped.rules;
    trips += stepped.trip === null ? 0 : 1;
  }
  if (trips > 0) throw new Error(`${trips} trips where none is due`);
  return ((performance.now() - startMs) * 1000) / FACTS;
}

// Once for the compiler, then for the figures.
round(0);
rulesMicros();
const rounds = Array.from({ length: ROUNDS }, (_, n) => round(n + 1));
const micros = rounds.map(({ events, ms }) => (ms * 1000) / events).toSorted((left, right) => left - right);
const result = {
  events: rounds.reduce((sum, { events }) => sum + events, 0),
  medianMicros: micros[Math.floor(ROUNDS / 2)] ?? 0,
  worstMicros: micros.at(-1) ?? 0,
  rulesMicros: rulesMicros(),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
