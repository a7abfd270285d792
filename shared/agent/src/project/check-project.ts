/**
 * Everything that is wrong with a project, at once: its text, its modules, and names that nothing answers to. Loading a
 * project stops at the first fault; a person who corrects one wants to see them all.
 */
import { reasonOf } from "@busbar/kernel";
import type { AgentDefinition } from "../define-agent.ts";
import type { ModelDefinition } from "../model.ts";
import type { ToolDefinition } from "../tool.ts";
import { declaredModels, declaredTools } from "./declared.ts";
import { loadModules, type ProjectFile, rowFaults, strayReads } from "./project.ts";
import { type Path, type ProjectFault, type ProjectText, readProjectText } from "./project-text.ts";

type Kind = "tools" | "models" | "agents";

/** What the modules of a project export; null where one of them could not be loaded. */
interface Exported {
  readonly tools: readonly ToolDefinition[] | null;
  readonly models: readonly ModelDefinition[] | null;
  readonly agents: readonly AgentDefinition[] | null;
}

async function load<T>(
  file: string,
  text: ProjectText,
  kind: Kind,
  faults: ProjectFault[],
): Promise<readonly T[] | null> {
  const paths = (text.value as ProjectFile).modules?.[kind] ?? [];
  const all: T[] = [];
  let isWhole = true;
  for (const [index, path] of paths.entries()) {
    try {
      all.push(...(await loadModules<T>(file, kind, [path])));
    } catch (error) {
      isWhole = false;
      faults.push(text.faultAt(["modules", kind, index], reasonOf(error), "module"));
    }
  }
  return isWhole ? all : null;
}

/** How many letters have to be changed to make one of the other. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [at, letter] of Array.from(left).entries()) {
    const next = [at + 1];
    for (const [index, other] of Array.from(right).entries()) {
      const change = (row[index] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

const CLOSE = 3;

/** The name that was meant, where one is close. */
export function closest(name: string, names: Iterable<string>): string | null {
  const ranked = [...names].map((one) => [distance(name, one), one] as const).sort(([left], [right]) => left - right);
  const [best] = ranked;
  return best !== undefined && best[0] <= Math.min(CLOSE, Math.ceil(name.length / 2)) ? best[1] : null;
}

/** What the file declares by itself, row by row; a row that can never work is a fault at its name. */
async function declare<Row, T>(
  text: ProjectText,
  group: "httpTools" | "models",
  rows: Readonly<Record<string, Row>> | undefined,
  make: (one: Readonly<Record<string, Row>>) => Promise<readonly T[]>,
  faults: ProjectFault[],
): Promise<readonly T[]> {
  const all: T[] = [];
  for (const [name, row] of Object.entries(rows ?? {})) {
    try {
      all.push(...(await make({ [name]: row })));
    } catch (error) {
      faults.push(text.faultAt([group, name], reasonOf(error), "text"));
    }
  }
  return all;
}

interface Names {
  readonly what: string;
  readonly known: ReadonlySet<string>;
}

function stranger(text: ProjectText, path: Path, name: string, { what, known }: Names): readonly ProjectFault[] {
  if (name === "*" || known.has(name)) return [];
  const meant = closest(name, known);
  const hint = meant === null ? "" : `; is ${meant} meant?`;
  return [text.faultAt(path, `${path.join(".")}: there is no ${what} ${name}${hint}`, "name")];
}

const namesOf = (what: string, list: readonly { readonly name: string }[]): Names => ({
  what,
  known: new Set(list.map(({ name }) => name)),
});

/** Names in the file that nothing answers to. What could not be loaded is not asked. */
function strangers(text: ProjectText, { tools, models, agents }: Exported): readonly ProjectFault[] {
  const file = text.value as ProjectFile;
  const declared: Names = { what: "agent", known: new Set(Object.keys(file.agents)) };
  const toolNames = tools === null ? null : namesOf("tool", tools);
  const modelNames = models === null ? null : namesOf("model", models);
  const inList = (path: Path, list: readonly string[], names: Names | null): readonly ProjectFault[] =>
    names === null ? [] : list.flatMap((name, index) => stranger(text, [...path, index], name, names));
  const inKeys = (path: Path, rows: object | undefined, names: Names | null): readonly ProjectFault[] =>
    names === null ? [] : Object.keys(rows ?? {}).flatMap((name) => stranger(text, [...path, name], name, names));
  const ofAgents = Object.entries(file.agents).flatMap(([agent, row]) => [
    ...inList(["agents", agent, "tools"], row.tools ?? [], toolNames),
    ...inList(["agents", agent, "sends"], row.sends ?? [], declared),
    ...inList(["agents", agent, "models"], row.models ?? [], modelNames),
    ...inKeys(["agents", agent, "perTool"], row.perTool, toolNames),
  ]);
  const overrides = [...inKeys(["tools"], file.tools, toolNames), ...inKeys(["models"], file.models, modelNames)];
  const exported = (agents ?? [])
    .filter(({ name }) => !declared.known.has(name))
    .map(({ name }) => text.faultAt(["agents"], `agents: ${name} is exported by a module and not listed`, "name"));
  return [...overrides, ...ofAgents, ...exported];
}

/** What a tool is looked at by or compared with is a read that is there. */
function namedReads(text: ProjectText, tools: Exported["tools"]): readonly ProjectFault[] {
  const { httpTools = {} } = text.value as ProjectFile;
  return strayReads(tools ?? []).map(({ name, reason }) => {
    const path = Object.hasOwn(httpTools, name) ? ["httpTools", name] : ["modules", "tools"];
    return text.faultAt(path, `${name}: ${reason}`, "name");
  });
}

/** What rows declare of results can be filled in, and what they require can be evaluated. */
const evidence = (text: ProjectText, tools: Exported["tools"]): readonly ProjectFault[] =>
  rowFaults(text.value as ProjectFile, tools ?? []).map(({ path, reason, at }) => {
    const told = `${path.join(".")}: ${reason}`;
    return at === undefined ? text.faultAt(path, told, "text") : text.faultIn(path, at, told, "text");
  });

/** A statement is checked by a read that is there. */
function authorities(text: ProjectText, tools: Exported["tools"]): readonly ProjectFault[] {
  if (tools === null) return [];
  return Object.entries((text.value as ProjectFile).statements ?? {}).flatMap(([subject, row]) => {
    if (tools.find(({ name }) => name === row.tool)?.effect === "read") return [];
    const path = ["statements", subject, "tool"];
    return [text.faultAt(path, `statements.${subject}: ${row.tool} is no tool with effect read`, "name")];
  });
}

const inOrder = (left: ProjectFault, right: ProjectFault): number =>
  left.line - right.line || left.column - right.column;

/** All faults of a project in the order of the file; modules are loaded only where its text is right. */
export async function checkProject(file: string, source: string): Promise<readonly ProjectFault[]> {
  const text = readProjectText(source);
  if (text.faults.length > 0) return text.faults.toSorted(inOrder);
  const faults: ProjectFault[] = [];
  const { httpTools, models: rows } = text.value as ProjectFile;
  const coded = await load<ToolDefinition>(file, text, "tools", faults);
  const codedModels = await load<ModelDefinition>(file, text, "models", faults);
  const tools = await declare(text, "httpTools", httpTools, declaredTools, faults);
  const models = await declare(text, "models", rows, (one) => declaredModels(file, one), faults);
  const exported: Exported = {
    tools: coded === null ? null : [...coded, ...tools],
    models: codedModels === null ? null : [...codedModels, ...models],
    agents: await load(file, text, "agents", faults),
  };
  return [
    ...faults,
    ...strangers(text, exported),
    ...authorities(text, exported.tools),
    ...namedReads(text, exported.tools),
    ...evidence(text, exported.tools),
  ].toSorted(inOrder);
}
