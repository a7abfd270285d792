/**
 * A project: `busbar.yaml` and the modules it names, as one thing. The policy that comes out is plain data with every
 * default filled in; its hash names it on the log. What is wrong is said with file, place, reason and the next step.
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import {
  DEFAULT_APPROVALS,
  DEFAULT_BREAKER,
  DEFAULT_DEGRADATION,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_GATE,
  DEFAULT_LIMITS,
  DEFAULT_QUORUM,
  DEFAULT_RATES,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  ANSWER_NAMES,
  below,
  capKey,
  checkFaults,
  evidenceFaults,
  type AgentPolicy,
  type ApprovalsPolicy,
  type Authority,
  type AuthorityRule,
  type BreakerPolicy,
  type DegradationPolicy,
  type DriftPolicy,
  type EvidenceFault,
  type FlowMarks,
  type FlowPolicy,
  type GatePolicy,
  type LimitsPolicy,
  type ModelPolicy,
  type Policy,
  type RatePolicy,
  type RuleMode,
  type RulesPolicy,
  type ToolEvidence,
  type ToolPolicy,
} from "@busbar/policy";
import type { AgentDefinition } from "../define-agent.ts";
import type { ModelDefinition } from "../model.ts";
import type { ToolDefinition } from "../tool.ts";
import { toolManifest } from "../tool-manifest.ts";
import { type CapRow, type DeclaredHttpTool, declaredModels, declaredTools, type ModelRow } from "./declared.ts";
import { faultsOfQuorum, type QuorumRow } from "./quorum-faults.ts";
import { readProjectText } from "./project-text.ts";

type ToolOverride = Partial<
  Pick<ToolPolicy, "attempts" | "timeoutMs" | "fireBoundMs" | "volatile" | "approve" | "undo">
> &
  ToolEvidence &
  CapRow;
type AgentRow = Partial<AgentPolicy> &
  CapRow & { readonly perTool?: Readonly<Record<string, CapRow>>; readonly destructive?: CapRow };
type FlowRow = Partial<Omit<FlowPolicy, "agent" | "partition">> &
  Partial<Readonly<Record<"agent" | "partition", Partial<FlowMarks>>>>;
type BreakerRow = Partial<Omit<BreakerPolicy, "rates">> & { readonly rates?: Partial<RatePolicy> };
type RulesRow = Partial<Omit<RulesPolicy, "gate" | "modes">> & {
  readonly gate?: Partial<GatePolicy>;
  readonly modes?: Readonly<Record<string, RuleMode>>;
};
type Modules = Partial<Record<"tools" | "models" | "agents", readonly string[]>>;

/** `busbar.yaml` after its schema accepted it. */
export interface ProjectFile {
  readonly version: 1;
  readonly modules?: Modules;
  readonly tools?: Readonly<Record<string, ToolOverride>>;
  readonly httpTools?: Readonly<Record<string, DeclaredHttpTool>>;
  readonly models?: Readonly<Record<string, ModelRow>>;
  readonly agents: Readonly<Record<string, AgentRow>>;
  readonly rules?: RulesRow;
  readonly authorities?: Readonly<Record<string, Partial<AuthorityRule> & Pick<AuthorityRule, "tool">>>;
  readonly statements?: Readonly<Record<string, Partial<Authority> & Pick<Authority, "tool" | "refutedWhen">>>;
  readonly breaker?: BreakerRow;
  readonly flow?: FlowRow;
  readonly drift?: Partial<DriftPolicy>;
  readonly limits?: Partial<LimitsPolicy>;
  readonly approvals?: Partial<ApprovalsPolicy>;
  readonly quorum?: QuorumRow;
  readonly degradation?: Partial<DegradationPolicy>;
  readonly rollbackOnHalt?: boolean;
}

export interface Project {
  /** Absolute path of the file. */
  readonly file: string;
  readonly policy: Policy;
  readonly tools: readonly ToolDefinition[];
  readonly models: readonly ModelDefinition[];
  readonly agents: readonly AgentDefinition[];
}

const invalid = (file: string, reason: string) => busbarError("BUSBAR_CONFIG_INVALID", { file, reason });

/** Parses and checks the text of a `busbar.yaml`. Throws BUSBAR_CONFIG_INVALID with line and reason of the first fault. */
export function parseProjectFile(file: string, text: string): ProjectFile {
  const read = readProjectText(text);
  const [fault] = read.faults;
  if (fault !== undefined) throw invalid(`${file}:${fault.line}`, fault.reason);
  return read.value as ProjectFile;
}

/** Rows of tools that nobody has, or that can never work. */
function refuseTools(file: string, project: ProjectFile, tools: readonly ToolDefinition[]): void {
  const names = new Set(tools.map((tool) => tool.name));
  for (const name of Object.keys(project.tools ?? {})) {
    if (!names.has(name)) throw invalid(file, `tools.${name}: neither a module nor httpTools has a tool of this name`);
  }
  const [fault] = rowFaults(project, tools);
  if (fault !== undefined) throw invalid(file, `${fault.path.join(".")}: ${fault.reason}`);
  for (const { name, reason } of strayReads(tools)) throw invalid(file, `tools.${name}: ${reason}`);
}

/** The policy of a checked file and the tools that its gateways load. Pure. */
export function buildPolicy(
  file: string,
  project: ProjectFile,
  tools: readonly ToolDefinition[],
  models: readonly ModelDefinition[] = [],
): Policy {
  refuseTools(file, project, tools);
  const toolPolicies = tools.map((tool) => [tool.name, toolPolicy(tool, project.tools?.[tool.name] ?? {})] as const);
  for (const { name, reason } of strayUndos(Object.fromEntries(toolPolicies)))
    throw invalid(file, `tools.${name}: ${reason}`);
  const modelPolicies = modelPoliciesOf(file, project.models ?? {}, models);
  const agents = Object.entries(project.agents).map(
    ([name, { tools: called = [], sends = [], models: asked = [], answerChecks, grounded }]) => {
      const checks = {
        ...(answerChecks === undefined ? {} : { answerChecks }),
        ...(grounded === undefined ? {} : { grounded }),
      };
      return [name, { tools: called, sends, models: asked, ...checks }] as const;
    },
  );
  const statements = Object.entries(project.statements ?? {}).map(
    ([subject, row]) => [subject, { tool: row.tool, args: row.args ?? {}, refutedWhen: row.refutedWhen }] as const,
  );
  for (const [subject, row] of statements) {
    const tool = tools.find((one) => one.name === row.tool);
    if (tool?.effect !== "read") throw invalid(file, `statements.${subject}: ${row.tool} is no tool with effect read`);
  }
  return {
    version: 1,
    tools: Object.fromEntries(toolPolicies),
    models: modelPolicies,
    agents: Object.fromEntries(agents),
    statements: Object.fromEntries(statements),
    ...authoritiesOf(project),
    rules: rulesOf(project.rules ?? {}),
    breaker: breakerOf(project.breaker ?? {}),
    flow: flowPolicyOf(file, project.flow ?? {}),
    drift: { ...DEFAULT_DRIFT, ...project.drift },
    limits: { ...DEFAULT_LIMITS, ...project.limits },
    ...capsOf(project),
    ...(project.quorum === undefined ? {} : { quorum: { ...DEFAULT_QUORUM, ...project.quorum } }),
    ...peopleOf(project),
  };
}

function breakerOf({ rates, ...breaker }: BreakerRow): BreakerPolicy {
  return { ...DEFAULT_BREAKER, ...breaker, rates: { ...DEFAULT_RATES, ...rates } };
}

function rulesOf({ gate, ...rules }: RulesRow): RulesPolicy {
  return { ...DEFAULT_RULES, ...rules, gate: { ...DEFAULT_GATE, ...gate } };
}

/** Nothing where there is none, so that such a policy keeps its hash. */
function authoritiesOf({ authorities }: ProjectFile): Pick<Policy, "authorities"> {
  if (authorities === undefined) return {};
  const rows = Object.entries(authorities).map(([pattern, row]) => {
    const also = row.also?.map((read) => ({ ...read, args: read.args ?? {} }));
    return [pattern, { ...row, args: row.args ?? {}, ...(also === undefined ? {} : { also }) }] as const;
  });
  return { authorities: Object.fromEntries(rows) };
}

/** What is wrong with authorities: a source that is no read with claims, too few sources for a quorum. */
function authorityFaults(
  { authorities = {}, tools: rows = {} }: Pick<ProjectFile, "authorities" | "tools">,
  tools: readonly ToolDefinition[],
): readonly EvidenceFault[] {
  const claiming = new Set(
    tools
      .filter(({ effect, claims, name }) => effect === "read" && (rows[name]?.claims ?? claims) !== undefined)
      .map(({ name }) => name),
  );
  return Object.entries(authorities).flatMap(([pattern, { tool, also = [], k = 2, resolve }]) => {
    const named = [tool, ...also.map((read) => read.tool)];
    const stranger = named.find((name) => !claiming.has(name));
    if (stranger !== undefined)
      return [{ path: [pattern], reason: `${stranger} is no tool with effect read that declares claims` }];
    if (resolve !== "quorum" || k <= named.length + 1) return [];
    return [{ path: [pattern], reason: `${k} sources cannot agree where there are ${named.length + 1}` }];
  });
}

/** What people decide; nothing where the file says nothing, so that such a policy keeps its hash. */
function peopleOf({ rollbackOnHalt, degradation, approvals }: ProjectFile): Partial<Policy> {
  return {
    ...(rollbackOnHalt === undefined ? {} : { rollbackOnHalt }),
    ...(degradation === undefined ? {} : { degradation: { ...DEFAULT_DEGRADATION, ...degradation } }),
    ...(approvals === undefined ? {} : { approvals: { ...DEFAULT_APPROVALS, ...approvals } }),
  };
}

/** Undos that name what changes nothing, and reads that have one. */
function strayUndos(
  tools: Readonly<Record<string, ToolPolicy>>,
): readonly { readonly name: string; readonly reason: string }[] {
  return Object.entries(tools).flatMap(([name, { effect, undo }]) => {
    if (undo === undefined) return [];
    if (effect === "read") return [{ name, reason: "undo: a read has nothing to undo" }];
    const by = Object.hasOwn(tools, undo.tool) ? tools[undo.tool] : undefined;
    const isChange = by !== undefined && by.effect !== "read";
    return isChange ? [] : [{ name, reason: `its undo names ${undo.tool}, which is no tool that changes something` }];
  });
}

/** Bulkheads and rates of tools, models and agents; nothing where there is none, so that such a policy keeps its hash. */
function capsOf({ tools = {}, models = {}, agents }: ProjectFile): Pick<Policy, "caps"> {
  const rows: (readonly [string, CapRow])[] = [
    ...Object.entries(tools).map(([name, row]) => [capKey.tool(name), row] as const),
    ...Object.entries(models).map(([name, row]) => [capKey.model(name), row] as const),
    ...Object.entries(agents).flatMap(([agent, row]) => [
      [capKey.agent(agent), row] as const,
      [capKey.destructive(agent), row.destructive ?? {}] as const,
      ...Object.entries(row.perTool ?? {}).map(([tool, on]) => [capKey.agentOnTool(agent, tool), on] as const),
    ]),
  ];
  const caps = rows.flatMap(([key, { concurrency = null, rate = null }]) =>
    concurrency === null && rate === null ? [] : [[key, { concurrency, rate }] as const],
  );
  return caps.length === 0 ? {} : { caps: Object.fromEntries(caps) };
}

/** What is wrong with what rows declare of results and require; with the path from the root of the file. */
export function rowFaults(
  { tools: rows = {}, models = {}, agents, authorities = {}, quorum }: ProjectFile,
  tools: readonly ToolDefinition[],
): readonly EvidenceFault[] {
  const ofTools = tools.flatMap(({ name, args }) => below(name, evidenceFaults(rows[name] ?? {}, args)));
  const ofModels = Object.entries(models).flatMap(([name, { resultChecks }]) =>
    below(name, below("resultChecks", checkFaults(resultChecks, ANSWER_NAMES))),
  );
  const ofAgents = Object.entries(agents).flatMap(([name, { answerChecks }]) =>
    below(name, below("answerChecks", checkFaults(answerChecks, ANSWER_NAMES))),
  );
  const ofAuthorities = below("authorities", authorityFaults({ authorities, tools: rows }, tools));
  const ofQuorum = below("quorum", faultsOfQuorum(quorum, { models, agents }, tools));
  const ofRows = [...below("tools", ofTools), ...below("models", ofModels), ...below("agents", ofAgents)];
  return [...ofRows, ...ofAuthorities, ...ofQuorum];
}

/** Tools that name, to be looked at or compared with, what is no read of this project. */
export function strayReads(
  tools: readonly ToolDefinition[],
): readonly { readonly name: string; readonly reason: string }[] {
  const reads = new Set(tools.filter(({ effect }) => effect === "read").map(({ name }) => name));
  const versioned = new Set(tools.filter(({ version }) => version !== undefined).map(({ name }) => name));
  return tools.flatMap(({ name, readBack, dependsOn }) => {
    const problems: string[] = [];
    if (readBack !== undefined && !reads.has(readBack.tool))
      problems.push(`its readBack names ${readBack.tool}, which is no tool with effect read`);
    if (dependsOn !== undefined && !(reads.has(dependsOn.tool) && versioned.has(dependsOn.tool)))
      problems.push(`its dependsOn names ${dependsOn.tool}, which is no tool with effect read that declares a version`);
    return problems.map((reason) => ({ name, reason }));
  });
}

/** Defaults filled in. Marks that could not be told apart would order back and forth. */
function flowPolicyOf(file: string, row: FlowRow): FlowPolicy {
  const agent = { ...DEFAULT_FLOW.agent, ...row.agent };
  const partition = { ...DEFAULT_FLOW.partition, ...row.partition };
  for (const [name, marks] of [["agent", agent] as const, ["partition", partition] as const]) {
    const { lower, upper, pause, lagLowerMs, lagUpperMs } = marks;
    if (upper > 0 && lower >= upper)
      throw invalid(file, `flow.${name}: lower (${lower}) is not below upper (${upper})`);
    if (upper > 0 && pause > 0 && upper > pause)
      throw invalid(file, `flow.${name}: upper (${upper}) is above pause (${pause})`);
    if (lagUpperMs > 0 && lagLowerMs >= lagUpperMs) {
      throw invalid(file, `flow.${name}: lagLowerMs (${lagLowerMs}) is not below lagUpperMs (${lagUpperMs})`);
    }
  }
  return { ...DEFAULT_FLOW, ...row, agent, partition };
}

function modelPoliciesOf(
  file: string,
  overrides: Readonly<Record<string, ModelRow>>,
  models: readonly ModelDefinition[],
): Readonly<Record<string, ModelPolicy>> {
  for (const name of Object.keys(overrides)) {
    if (!models.some((model) => model.name === name))
      throw invalid(file, `models.${name}: no module exports a model of this name, and it has no kind`);
  }
  const rows = models.map(({ name, timeoutMs, attempts }) => {
    const { timeoutMs: ownMs = timeoutMs, attempts: own = attempts, resultChecks } = overrides[name] ?? {};
    return [
      name,
      { timeoutMs: ownMs, attempts: own, ...(resultChecks === undefined ? {} : { resultChecks }) },
    ] as const;
  });
  return Object.fromEntries(rows);
}

function toolPolicy(tool: ToolDefinition, row: ToolOverride): ToolPolicy {
  const { name: _name, description: _description, ...manifest } = toolManifest(tool);
  const { concurrency: _concurrency, rate: _rate, ...override } = row;
  return { ...DEFAULT_TOOL, ...manifest, ...override } as ToolPolicy;
}

/** What the modules of a list export under `what`. Throws BUSBAR_CONFIG_INVALID. */
export async function loadModules<T>(
  file: string,
  what: "tools" | "models" | "agents",
  paths: readonly string[],
): Promise<readonly T[]> {
  const loaded: T[] = [];
  for (const path of paths) {
    const module = await importModule(file, path);
    const exported = module[what];
    if (!Array.isArray(exported)) throw invalid(file, `modules.${what}: ${path} exports no array named ${what}`);
    loaded.push(...(exported as T[]));
  }
  return loaded;
}

async function importModule(file: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(resolve(dirname(file), path)).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (isBusbarError(error)) throw error;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `${path} cannot be loaded: ${reasonOf(error)}` }, error);
  }
}

/** Two tools of one name: which of them a gateway called would be chance. */
function refuseTwice(file: string, what: string, named: readonly { readonly name: string }[]): void {
  const names = named.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(file, `${what} ${twice} is defined twice`);
}

/** Reads a project: file, modules, policy. Tools are loaded because the policy is made of their manifests. */
export async function loadProject(path: string): Promise<Project> {
  const file = resolve(path);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `it cannot be read: ${reasonOf(error)}` }, error);
  }
  const parsed = parseProjectFile(file, text);
  const { modules = {} } = parsed;
  const coded = await loadModules<ToolDefinition>(file, "tools", modules.tools ?? []);
  const tools = [...coded, ...(await declaredTools(parsed.httpTools))];
  refuseTwice(file, "tool", tools);
  const codedModels = await loadModules<ModelDefinition>(file, "models", modules.models ?? []);
  const models = [...codedModels, ...(await declaredModels(file, parsed.models))];
  refuseTwice(file, "model", models);
  const agents = await loadModules<AgentDefinition>(file, "agents", modules.agents ?? []);
  for (const agent of agents) {
    if (!Object.hasOwn(parsed.agents, agent.name))
      throw invalid(file, `agents: ${agent.name} is exported by a module and not listed`);
  }
  return { file, policy: buildPolicy(file, parsed, tools, models), tools, models, agents };
}
