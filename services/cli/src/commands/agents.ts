/** `busbar agents`: who is declared, what runs, in which state, with which chains; `agents run` runs them. */
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../parse/duration.ts";
import { type AgentRow, foldAgents } from "../read/agents.ts";
import { type AgentLife, foldLife, readBeats } from "../read/heartbeats.ts";
import { viewPartitions } from "../read/partition.ts";
import { foldStatus } from "../read/status.ts";
import type { Column } from "../table.ts";
import { inboxAgents } from "./status.ts";
import { runCommand } from "./run-agents.ts";

async function readAgents(bus: OpenBus): Promise<readonly AgentRow[]> {
  const views = await viewPartitions(bus);
  const nowMs = Date.now();
  const life = foldLife(await readBeats(bus, nowMs), nowMs);
  const { agents, drifts } = foldStatus(views, life, await inboxAgents(bus), nowMs);
  const states = views.map(({ state }) => state);
  return foldAgents(agents, states, drifts, life.agents);
}

const COLUMNS: readonly Column<AgentRow>[] = [
  { title: "agent", value: ({ agent }) => agent },
  { title: "declared", value: ({ declared }) => (declared ? "yes" : "no") },
  { title: "state", value: ({ state }) => state },
  { title: "instances", value: ({ instances }) => String(instances.length), align: "right" },
  { title: "open", value: ({ chains }) => String(chains.open), align: "right" },
  { title: "degraded", value: ({ chains }) => String(chains.degraded), align: "right" },
  { title: "halted", value: ({ chains }) => String(chains.halted), align: "right" },
  { title: "in doubt", value: ({ inDoubt }) => String(inDoubt), align: "right" },
  { title: "tools", value: ({ tools }) => tools.join(",") },
  { title: "sends to", value: ({ sends }) => sends.join(",") },
  { title: "drift", value: ({ drift }) => drift },
  { title: "models", value: ({ models }) => models.join(",") },
];

const INSTANCES: readonly Column<AgentLife>[] = [
  { title: "instance", value: ({ instance }) => instance },
  { title: "state", value: ({ state }) => state },
  { title: "last beat", value: ({ ageMs }) => `${formatDuration(ageMs)} ago` },
  { title: "chains", value: ({ chains }) => chains.join(", ") },
];

/** What to type about an agent that does not work. */
function hint(output: Output, rows: readonly AgentRow[]): void {
  if (output.form !== "table") return;
  const absent = rows.find(({ state, declared }) => state === "absent" && declared);
  if (absent !== undefined) output.note(`next: npx busbar agents run ${absent.agent}`);
  if (rows.some(({ state }) => state === "halted")) output.note("next: npx busbar status");
}

async function list(_options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const rows = await withBus(output, readAgents);
  const text = (): string => (rows.length === 0 ? "no agent is known" : output.table(rows, COLUMNS));
  output.answer({ value: rows, lines: rows, text });
  hint(output, rows);
}

async function show(name: string, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const rows = await withBus(output, readAgents);
  const row = rows.find(({ agent }) => agent === name);
  if (row === undefined) {
    const known = rows.map(({ agent }) => agent).join(", ");
    const reason = `no agent is named ${name}${known === "" ? "" : `; there are ${known}`}`;
    throw busbarError("BUSBAR_INPUT_INVALID", { what: "agents show", reason, next: "npx busbar agents" });
  }
  const instances =
    row.instances.length === 0 ? "no process gives a sign of life" : output.table(row.instances, INSTANCES);
  output.answer({ value: row, lines: [row], text: () => `${output.table([row], COLUMNS)}\n\n${instances}` });
  hint(output, [row]);
}

export function agentsCommand(): Command {
  const agents = new Command("agents").description("Agents of the bus: who is declared, what runs, in which state.");
  agents
    .command("ls", { isDefault: true })
    .description("list them")
    .addHelpText("after", "\nExample:\n  npx busbar agents -o json")
    .action(list);
  agents
    .command("show")
    .description("one of them, with its processes and their chains")
    .argument("<agent>", "its name")
    .addHelpText("after", "\nExample:\n  npx busbar agents show support")
    .action(show);
  return agents.addCommand(runCommand());
}
