/** config.md: every key of busbar.yaml, from its JSON Schema and the defaults of the policy. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type Json, type JsonObject, parseJson } from "@busbar/kernel";
import {
  DEFAULT_APPROVALS,
  DEFAULT_BREAKER,
  DEFAULT_DEGRADATION,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
} from "@busbar/policy";
import { code, pageOf, table } from "./markdown.ts";

const MANIFEST = "that of the tool's manifest";

/** What a key means; a key of the schema that is not here, or one that is only here, fails the generator. */
const MEANING: Readonly<Record<string, readonly [fallback: string, meaning: string]>> = {
  version: ["", "form of this file"],
  "modules.tools": ["none", "modules that export an array `tools`; loaded by gateways only"],
  "modules.models": ["none", "modules that export an array `models`; loaded by gateways only"],
  "modules.agents": ["none", "modules that export an array `agents`"],
  "tools.<name>.attempts": ["`1`", "attempts of one call while the error is known to be before the effect"],
  "tools.<name>.timeoutMs": [MANIFEST, "from the hand-over to the tool to its answer"],
  "tools.<name>.fireBoundMs": [MANIFEST, "from queueing the admission to the hand-over; later it never starts"],
  "tools.<name>.volatile": [MANIFEST, "a read whose answer changes by nature: two answers are no contradiction"],
  "tools.<name>.claims": [
    MANIFEST,
    "what a result says of subjects; of each: `subject` (`order:{$result.id}`), `value` (`$result.x`), `source`, and, where wanted, `each` (a list, whose entries are `$item`), `version`, `asOf`, `ttlMs`",
  ],
  "tools.<name>.trust": [MANIFEST, "`untrusted`: a result holds text of third parties"],
  "tools.<name>.outbound": [
    MANIFEST,
    "it sends something out: an argument that derives from untrusted text is put to a person",
  ],
  "tools.<name>.sensitive": [MANIFEST, "a change that is treated like an outbound one"],
  "tools.<name>.tracked": [MANIFEST, "of such a tool: the arguments that are compared with untrusted text"],
  "tools.<name>.person": [MANIFEST, "a result is what the person has said whom the agent serves"],
  "tools.<name>.undo.tool": [MANIFEST, "the tool that undoes what it does; without one nothing of it can be undone"],
  "tools.<name>.undo.args": ["", "its arguments: `$args.x`, `$result.y` or literals"],
  "tools.<name>.approve": [
    "as `approvals.effects` says",
    "`always`: a person approves each call with its exact arguments; `never`: nobody is asked",
  ],
  "tools.<name>.checks": [
    MANIFEST,
    "what arguments must hold before the call is admitted; of each: `name`, `require` and, where it does not always apply, `when` (CEL), `otherwise` (`refuse`, `degrade`, `approve`), `mode` (`enforce`, `shadow`, `off`), `reason`; see [the guide](../guides/checks.md)",
  ],
  "tools.<name>.resultChecks": [
    MANIFEST,
    "what a result must hold, else it is invalid; of each: `name`, `when`, `require`, `reason`",
  ],
  "tools.<name>.concurrency": ["none", "calls of it that are out at once, over the whole bus"],
  "tools.<name>.rate.calls": ["none", "calls of it that begin in any window, over the whole bus"],
  "tools.<name>.rate.perMs": ["", "length of that window"],
  "httpTools.<name>.description": ["", "what the tool does, for people and models"],
  "httpTools.<name>.effect": ["", "what a call does to the world"],
  "httpTools.<name>.toolClass": [
    "`at-most-once`",
    "`exact`: the endpoint honours the effect's key, so a call may be sent again",
  ],
  "httpTools.<name>.keyLifetimeMs": [
    "none: never sent again",
    "of class exact: how long the endpoint remembers a key; a call is sent again only while an attempt fits in",
  ],
  "httpTools.<name>.args": ["", "JSON Schema of the arguments"],
  "httpTools.<name>.result": ["none", "JSON Schema of the result"],
  "httpTools.<name>.identity": ["all arguments", "arguments that name the effect"],
  "httpTools.<name>.subject": ["none", "arguments that name what is changed"],
  "httpTools.<name>.timeoutMs": ["", "from the hand-over to the whole answer"],
  "httpTools.<name>.fireBoundMs": ["`5000`", "from queueing the admission to the hand-over; later it never starts"],
  "httpTools.<name>.attempts": ["`3`", "attempts of one call while nothing has happened, or it is a read"],
  "httpTools.<name>.volatile": ["`false`", "a read whose answer changes by nature: two answers are no contradiction"],
  "httpTools.<name>.claims": [
    "none",
    "what a result says of subjects; of each: `subject` (`order:{$result.id}`), `value` (`$result.x`), `source`, and, where wanted, `each` (a list, whose entries are `$item`), `version`, `asOf`, `ttlMs`",
  ],
  "httpTools.<name>.trust": ["`trusted`", "`untrusted`: a result holds text of third parties"],
  "httpTools.<name>.outbound": [
    "`false`",
    "it sends something out: an argument that derives from untrusted text is put to a person",
  ],
  "httpTools.<name>.sensitive": ["`false`", "a change that is treated like an outbound one"],
  "httpTools.<name>.tracked": ["all", "of such a tool: the arguments that are compared with untrusted text"],
  "httpTools.<name>.person": ["`false`", "a result is what the person has said whom the agent serves"],
  "httpTools.<name>.checks": [
    "none",
    "what arguments must hold before the call is admitted; of each: `name`, `require` and, where it does not always apply, `when` (CEL), `otherwise` (`refuse`, `degrade`, `approve`), `mode` (`enforce`, `shadow`, `off`), `reason`; see [the guide](../guides/checks.md)",
  ],
  "httpTools.<name>.resultChecks": [
    "none",
    "what a result must hold, else it is invalid; of each: `name`, `when`, `require`, `reason`",
  ],
  "httpTools.<name>.readBack.tool": [
    "none",
    "a read that shows whether the change is there: made after each success, and for a change in doubt",
  ],
  "httpTools.<name>.readBack.args": ["", "its arguments: `$args.x`, `$result.y` or literals"],
  "httpTools.<name>.readBack.expect": [
    "",
    "what its result must hold: values by dotted path (the same templates), or a CEL expression over `args`, `result` and `seen`",
  ],
  "httpTools.<name>.readBack.withinMs": ["`0`", "how long the change may take to show"],
  "httpTools.<name>.version": [
    "none",
    "where the result tells a version: `$result.x`, or `$result` for a digest of all of it",
  ],
  "httpTools.<name>.dependsOn.tool": [
    "none",
    "a read that tells a version: the change carries it, and is refused as stale where another one is there",
  ],
  "httpTools.<name>.dependsOn.args": ["", "its arguments: `$args.x` or literals"],
  "httpTools.<name>.dependsOn.check": [
    "`gateway`",
    "who compares: the gateway by a read right before the change, or the endpoint (`http.versionHeader`)",
  ],
  "httpTools.<name>.http.method": ["", "method"],
  "httpTools.<name>.http.url": ["", "address; `{argument}` stands in path segments only, encoded"],
  "httpTools.<name>.http.query": ["none", "query parameters: `$args.x` or literals; null ones are left out"],
  "httpTools.<name>.http.headers.<name>": ["none", "value of a header, with secrets by name: `Bearer ${PAY_TOKEN}`"],
  "httpTools.<name>.http.body": [
    "the arguments left over",
    "JSON body with `$args`, `$args.x` and `$key` anywhere in it",
  ],
  "httpTools.<name>.http.idempotencyHeader": [
    "`Idempotency-Key` for class exact",
    "header that carries the effect's key",
  ],
  "httpTools.<name>.http.versionHeader": [
    "`If-Match`",
    "with `dependsOn.check: tool`: header that carries the version; 412 then says that the change is stale",
  ],
  "httpTools.<name>.http.serverErrors": [
    "`unknown`",
    "what a 5xx means for a change: in doubt, or `not-done` where its makers promise it",
  ],
  "httpTools.<name>.http.expects": ["`json`", "form of the result"],
  "httpTools.<name>.http.responseLimitBytes": ["`1048576`", "longest answer"],
  "models.<name>.timeoutMs": ["that of the model's definition", "from the hand-over to the model to its whole answer"],
  "models.<name>.attempts": ["that of the model's definition", "attempts of one call; being throttled takes none"],
  "models.<name>.resultChecks": ["none", "what an answer (`result`) must hold, else the call failed"],
  "models.<name>.concurrency": ["none", "calls of it that are out at once, over the whole bus"],
  "models.<name>.rate.calls": ["none", "calls of it that begin in any window, over the whole bus"],
  "models.<name>.rate.perMs": ["", "length of that window"],
  "models.<name>.kind": ["none", "declares a model here, without a module: behind an OpenAI-compatible endpoint"],
  "models.<name>.model": ["the row's name", "how the endpoint knows it"],
  "models.<name>.baseUrl": ["`OPENAI_BASE_URL` of the gateway's environment, else OpenAI's", "address of the endpoint"],
  "models.<name>.apiKey": ["`OPENAI_API_KEY`, which may be missing", "name of the secret that holds the key"],
  "models.<name>.firstTokenTimeoutMs": ["`30000`", "up to the first token of a streamed answer"],
  "models.<name>.stream": ["`true`", "`false` for endpoints that cannot stream"],
  "agents.<name>.tools": ["none", "tools that it may call, or `*`"],
  "agents.<name>.sends": ["none", "agents that it may send tasks to, or `*`"],
  "agents.<name>.models": ["none", "models that it may ask, or `*`"],
  "agents.<name>.grounded": [
    "none",
    "patterns of subjects of which each answer has to tell a claim that its chain knows",
  ],
  "agents.<name>.answerChecks": [
    "none",
    "what the answer of a task (`result`) must hold before the task is completed; `otherwise`: `refuse` (the task fails) or `degrade`",
  ],
  "agents.<name>.concurrency": ["none", "its calls of tools and models that are out at once, over the whole bus"],
  "agents.<name>.rate.calls": ["none", "its calls of tools and models that begin in any window, over the whole bus"],
  "agents.<name>.rate.perMs": ["", "length of that window"],
  "agents.<name>.destructive.concurrency": ["none", "its destructive effects that are out at once, by whatever tool"],
  "agents.<name>.destructive.rate.calls": [
    "none",
    "its destructive effects that begin in any window, by whatever tool and in whatever chain",
  ],
  "agents.<name>.destructive.rate.perMs": ["", "length of that window"],
  "agents.<name>.perTool.<name>.concurrency": ["none", "its calls of that tool that are out at once"],
  "agents.<name>.perTool.<name>.rate.calls": ["none", "its calls of that tool that begin in any window"],
  "agents.<name>.perTool.<name>.rate.perMs": ["", "length of that window"],
  "rules.consecutiveErrors": ["", "errors in a row that halt a chain; 0 turns the rule off"],
  "rules.contradictions": ["", "contradictory results that halt a chain; 0 turns the rule off"],
  "rules.destructiveRun": [
    "",
    "destructive effects in a row without a verification that halt a chain; 0 turns the rule off",
  ],
  "rules.modes.<name>": [
    "`enforce`",
    "`shadow`: what the rule would have done is recorded (`RuleShadowed`) and nothing else happens; `off`; the rules are `consecutive-errors`, `contradiction`, `destructive-run`, `verification-gate`, `untrusted-text`, `reconciliation`",
  ],
  "rules.gate.every": ["3", "tool calls after which the chain's next change needs evidence; 0 turns the gate off"],
  "rules.gate.require": [
    "answered",
    "what counts as evidence: `answered` (a tool answered what its schema allows) or `verified` (a read, a declared schema, a read-back)",
  ],
  "authorities.<name>.tool": [
    "",
    "by pattern of subjects (`refund-policy:{topic}`): the read that knows, and whose `claims` name the same subject",
  ],
  "authorities.<name>.args": ["none", "its arguments: literals, or `$args.topic` for a place of the pattern"],
  "authorities.<name>.resolve": [
    "`authority`",
    "who is right where sources differ: the authority, the newer one (version, else as-of), or what `k` sources say",
  ],
  "authorities.<name>.also": ["none", "of a quorum: further sources, each with `tool` and `args`"],
  "authorities.<name>.k": ["`2`", "of a quorum: sources that have to say the same"],
  "authorities.<name>.skewMs": ["`60000`", "of freshness: what clocks of sources may differ"],
  "statements.<name>.tool": ["", "the read that knows better than a statement about this subject"],
  "statements.<name>.args": ["`{}`", "its arguments"],
  "statements.<name>.refutedWhen.path": ["", "dotted path into its result"],
  "statements.<name>.refutedWhen.equals": ["", "the value there that refutes the statement"],
  "breaker.consecutiveFailures": [
    "",
    "failures in a row of one tool, over all chains, that open its breaker; 0 turns the breakers of tools off",
  ],
  "breaker.perAgent": ["", "of these, failures of one agent that count at most; 0: all"],
  "breaker.agentFailures": [
    "",
    "failures in a row of one agent, over all its chains and tools, that open its breaker; 0 turns these off",
  ],
  "breaker.perTool": ["", "of these, failures of one tool that count at most; 0: all"],
  "breaker.pairFailures": [
    "",
    "failures in a row of one agent at one tool, over all its chains, that open their breaker; 0 turns these off",
  ],
  "breaker.rates.window": [
    "20",
    "last calls of a tool, an agent or the two together that are looked at; 0 turns it off",
  ],
  "breaker.rates.errors": ["10", "failed ones among them that open the breaker; 0: none do"],
  "breaker.rates.slow": ["0", "slow ones among them that open it; 0: none do"],
  "breaker.rates.slowMs": ["10000", "a call that took longer is slow"],
  "breaker.cooldownMs": ["", "from open to the first probe"],
  "breaker.probes": ["", "probes granted at a time while half-open"],
  "flow.agent.lower": [
    "",
    "open chains of an agent, over all partitions, at which new tasks are taken as they come again",
  ],
  "flow.agent.upper": ["", "open chains of an agent from which new tasks of it are throttled; 0: never for that"],
  "flow.agent.pause": ["", "open chains of an agent from which no new tasks of it are taken; 0: never"],
  "flow.agent.lagLowerMs": [
    "",
    "age of its oldest chain that it has not begun, at which they are taken as they come again",
  ],
  "flow.agent.lagUpperMs": ["", "such an age from which new tasks of it are throttled; 0: never for that"],
  "flow.partition.lower": ["", "the same for the open chains of each partition"],
  "flow.partition.upper": ["", "see `flow.agent.upper`"],
  "flow.partition.pause": ["", "see `flow.agent.pause`; `limits.maxOpenChains` is the bound behind it"],
  "flow.partition.lagLowerMs": ["", "see `flow.agent.lagLowerMs`"],
  "flow.partition.lagUpperMs": ["", "see `flow.agent.lagUpperMs`"],
  "flow.intervalMs": ["", "shortest time between two new tasks in one partition while throttled"],
  "flow.retryAfterMs": ["", "what a submitter is told to wait at least; up to twice as long, by its task"],
  "flow.orderEveryMs": ["", "shortest time between two orders of flow control about one agent or partition"],
  "drift.window": ["", "decisions of an agent in a window; each full one is compared with a reference; 0 turns it off"],
  "drift.psi": ["", "population stability index from which a window has drifted"],
  "drift.action": ["", "`halt` halts the agent as well; it is always told"],
  "quorum.effects": ["`[destructive]`", "effect classes whose every call is high-stakes"],
  "quorum.tools": ["none", "tools whose every call is high-stakes: what reaches people outside, for example"],
  "quorum.amount.path": ["", "dotted path of an argument; a change with more than `above` there is high-stakes"],
  "quorum.amount.above": ["", "the amount"],
  "quorum.agree": ["", "how many judges have to agree before such a call begins"],
  "quorum.judges": [
    "",
    "who judges it, each from a source of its own: `{name, kind: rule, require}` (CEL), `{name, kind: model, model, question}`, `{name, kind: check, tool, args, expect}` (a read and what it must show)",
  ],
  "quorum.otherwise": ["`hold`", "where too few agree: `hold` (a person is asked) or `refuse`"],
  "quorum.timeoutMs": ["30000", "longest time of one judge; who is late has not agreed"],
  "approvals.expiresMs": [
    `\`${DEFAULT_APPROVALS.expiresMs}\``,
    "how long a call waits for a person before it is denied; the chain's deadline ends it earlier",
  ],
  "approvals.effects": ["none", "effect classes whose every call a person approves, where the tool's row says nothing"],
  rollbackOnHalt: ["`false`", "what a rule halts is rolled back at once, as far as its tools declare undos"],
  "degradation.confidence": [
    `\`${DEFAULT_DEGRADATION.confidence}\``,
    "without the section nothing narrows a chain; below this the agent's own `ctx.confidence` is a sign of doubt",
  ],
  "degradation.refusals": [`\`${DEFAULT_DEGRADATION.refusals}\``, "so many refusals are a sign; 0: none is"],
  "degradation.refuted": [`\`${DEFAULT_DEGRADATION.refuted}\``, "a statement that its fact refutes is a sign"],
  "degradation.rungs": [
    DEFAULT_DEGRADATION.rungs.map((rung) => `\`${rung}\``).join(", "),
    "what a chain is narrowed to, one rung for each sign",
  ],
  "degradation.handOffOnHalt": [
    `\`${DEFAULT_DEGRADATION.handOffOnHalt}\``,
    "whatever a rule halts is handed to a person as well",
  ],
  "limits.maxSteps": ["", "highest step of a tool call; a task may ask for fewer"],
  "limits.maxOpenCalls": ["", "calls of one chain without an answer; more are deferred"],
  "limits.maxChildren": ["", "open sub-tasks of one chain; more are refused"],
  "limits.maxOpenChains": ["", "open chains of one partition; more are deferred"],
  "limits.closedChainsMs": [
    "",
    "how long a finished chain is remembered, so that its task is known when it is sent again",
  ],
  "limits.settleMarginMs": ["", "waited on top of fire bound and time-out before an effect in doubt is settled"],
  "limits.keyMarginMs": [
    "",
    "kept free at the end of a key's lifetime, for clocks that differ and bytes that are late",
  ],
  "limits.throttleMs": ["", "longest time that a tool or model may put a call off by asking to be called later"],
  "limits.learnPace": [
    "",
    "what one call is told by a tool or model that asks to be called later holds for all: they come in order, at the pace that it takes",
  ],
};

const DEFAULTS: Readonly<Record<string, object>> = {
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
};

interface Row {
  readonly key: string;
  readonly type: string;
}

/** What a node refers to, or itself. */
function resolved(node: JsonObject, root: JsonObject): JsonObject {
  const reference = node["$ref"];
  return typeof reference === "string" ? field(root["definitions"], reference.slice("#/definitions/".length)) : node;
}

const field = (value: Json | undefined, name: string): JsonObject => {
  const found = isJsonObject(value) ? value[name] : undefined;
  return isJsonObject(found) ? found : {};
};

function typeOf(node: JsonObject, root: JsonObject): string {
  if (node["$ref"] !== undefined) return typeOf(resolved(node, root), root);
  if (node["const"] !== undefined) return `\`${JSON.stringify(node["const"])}\``;
  if (Array.isArray(node["enum"])) return (node["enum"] as readonly string[]).map((value) => code(value)).join(", ");
  if (node["type"] === "array") {
    const items = field(node["items"], "properties");
    return Object.keys(items).length > 0 ? "list of objects" : "list of text";
  }
  if (Array.isArray(node["type"]))
    return (node["type"] as readonly string[]).map((name) => (name === "string" ? "text" : name)).join(" or ");
  if (node["type"] === "integer") {
    const highest = node["maximum"] === undefined ? "" : ` to ${JSON.stringify(node["maximum"])}`;
    return `whole number from ${JSON.stringify(node["minimum"] ?? 0)}${highest}`;
  }
  return typeof node["type"] === "string"
    ? node["type"].replace("string", "text").replace("boolean", "yes or no")
    : "any value";
}

/** The leaves of the schema, in its order. */
function rowsOf(given: JsonObject, root: JsonObject, path: string): readonly Row[] {
  const node = resolved(given, root);
  const properties = Object.entries(field(node, "properties"));
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const inner = properties.flatMap(([name]) => rowsOf(field(node["properties"], name), root, at(name)));
  const more = field(node, "additionalProperties");
  if (Object.keys(more).length > 0) return [...inner, ...rowsOf(more, root, at("<name>"))];
  return properties.length > 0 ? inner : [{ key: path, type: typeOf(node, root) }];
}

function defaultOf(key: string): string {
  const value = key.split(".").reduce<unknown>((found, name) => {
    return typeof found === "object" && found !== null ? (found as Readonly<Record<string, unknown>>)[name] : undefined;
  }, DEFAULTS);
  return value === undefined ? "" : code(JSON.stringify(value));
}

/** The page. Throws when a key of the schema has no meaning here, or the other way round. */
export function configPage(root: string): string {
  const path = "schemas/policy/busbar.schema.json";
  const schema = parseJson(readFileSync(join(root, path), "utf8"));
  const rows = isJsonObject(schema) ? rowsOf(schema, schema, "") : [];
  const strangers = [...rows.map(({ key }) => key), ...Object.keys(MEANING)].filter(
    (key) => MEANING[key] === undefined || !rows.some((row) => row.key === key),
  );
  if (strangers.length > 0) throw new Error(`page-config.ts and ${path} differ in ${strangers.join(", ")}`);
  const cells = rows.map(({ key, type }) => {
    const [fallback = "", meaning = ""] = MEANING[key] ?? [];
    return [code(key), type, fallback === "" ? defaultOf(key) : fallback, meaning];
  });
  return pageOf("busbar.yaml", [
    `Generated from \`${path}\` and the defaults in \`shared/policy/src/policy-document.ts\`. \`version\` and \`agents\` are required; a key that is not listed is an error with its line. Paths are relative to the file and start with \`./\` or \`../\`. Times are in ms.`,
    table(["Key", "Type", "Default", "Meaning"], cells),
    "A gateway puts the whole policy on the log when it starts (`SetPolicy`), unless the same one is in force; the rows of deployed agents stay as they were deployed. A change takes effect in a partition from the record that applies it. An agent, tool or model that is not listed is refused.",
  ]);
}
