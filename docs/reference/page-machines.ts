/** machines.md: the chain and the agent machine, drawn from the definitions that decide. */
import { agentMachine } from "@busbar/agent/machines";
import { chainMachine } from "@busbar/policy/machines";
import { pageOf } from "./markdown.ts";

interface Node {
  readonly key: string;
  readonly type: string;
  readonly transitions: ReadonlyMap<string, readonly Edge[]>;
  readonly always?: readonly Edge[] | undefined;
}

interface Edge {
  readonly eventType: string;
  readonly guard?: unknown;
  readonly target?: readonly { readonly key: string }[] | undefined;
}

interface Machine {
  readonly root: { readonly states: Readonly<Record<string, Node>> };
  readonly config: { readonly initial?: unknown };
}

function label({ eventType, guard }: Edge): string {
  const event = eventType === "" ? "at once" : eventType;
  return typeof guard === "string" ? `${event} (${guard})` : event;
}

/** Events between the same two states stand on one arrow. */
function arrowsOf(node: Node): readonly string[] {
  const edges = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  const byTarget = new Map<string, string[]>();
  for (const edge of edges) {
    const target = edge.target?.[0]?.key ?? node.key;
    byTarget.set(target, [...(byTarget.get(target) ?? []), label(edge)]);
  }
  return [...byTarget].map(([target, labels]) => `  ${node.key} --> ${target}: ${[...new Set(labels)].join(", ")}`);
}

function mermaid(machine: Machine): string {
  const nodes = Object.values(machine.root.states);
  const { initial } = machine.config;
  const start = typeof initial === "string" ? [`  [*] --> ${initial}`] : [];
  const ends = nodes.filter(({ type }) => type === "final").map(({ key }) => `  ${key} --> [*]`);
  return ["```mermaid", "stateDiagram-v2", ...start, ...nodes.flatMap(arrowsOf), ...ends, "```"].join("\n");
}

/** The page, from the machines of policy and SDK. */
export function machinesPage(): string {
  return pageOf("State machines", [
    "Generated from the definitions in `shared/policy/src/machines/chain.ts` and `shared/agent/src/machines/agent.ts`. Both are stepped purely and run no action. A word in brackets is the guard that lets the arrow be taken; an event that has no arrow in a state changes nothing there.",
    "## Chain",
    "What may happen to a chain next. The door asks it before it admits, replay steps it. Events that are not drawn leave the state as it is.",
    mermaid(chainMachine as unknown as Machine),
    "## Agent",
    "What an agent process may do next. The process asks it before it starts a chain, and its heartbeats carry the state.",
    mermaid(agentMachine as unknown as Machine),
  ]);
}
