/** A door without a log: a freeze, and a delete that is refused because of it. */
import {
  createPureDoor,
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  taskChainId,
} from "@busbar/policy";

const door = createPureDoor();
door.open({
  version: 1,
  tools: { "db.drop": { ...DEFAULT_TOOL, effect: "destructive", digest: "" } },
  agents: { cleaner: { tools: ["db.drop"], sends: [], models: [] } },
  models: {},
  statements: {},
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
});

const chainId = taskChainId("tidy up");
const base = {
  eventId: "",
  chainId,
  lineage: [chainId],
  agent: "cleaner",
  causationId: "",
  correlationId: "",
  traceparent: "",
};
const rest = {
  atMs: 0,
  namespace: "",
  commandSeq: 0,
  replay: false,
  policyHash: "",
  codeVersion: "",
  claimCheck: null,
  progress: null,
};
const meta = (incarnation: number, streamSeq: number) => ({ ...base, ...rest, incarnation, streamSeq });
const at = (offset: bigint) =>
  ({ kind: "command", source: "commands", topic: "busbar.commands", offset, authProblem: null }) as const;
const none = { deadlineAtMs: 0, maxSteps: 0, budgetTokens: 0, parentChainId: "", parentCallId: "", untrusted: false };

// #region freeze
const freeze = {
  freezeId: "f1",
  scope: "fleet",
  effects: ["destructive"],
  fromMs: 0,
  untilMs: 0,
  reason: "release day",
  by: "operator",
};
const applied = [{ offset: "1", kind: "Freeze", scope: "fleet", id: "f1", detail: JSON.stringify(freeze) }];
const recorded = [
  door.turn({ kind: "directives", applied, through: "2" }),
  door.turn({
    ...at(0n),
    principal: "client:me",
    command: { type: "SubmitTask", meta: meta(0, 0), taskKey: "tidy up", agent: "cleaner", input: "{}", ...none },
  }),
  door.turn({
    ...at(1n),
    principal: "agent:cleaner",
    command: { type: "CallTool", meta: meta(1, 1), step: 1, tool: "db.drop", args: '{"table":"customers"}', repeat: 0 },
  }),
];
for (const event of recorded.flat())
  process.stdout.write(`${event.type}${"reason" in event ? `: ${event.reason}` : ""}\n`);
// #endregion
