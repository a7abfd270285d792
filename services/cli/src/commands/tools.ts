/** `busbar tools`: what each tool is and does, as the policy in force says; nothing of it is asked from a gateway. */
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../parse/duration.ts";
import { viewPartitions } from "../read/partition.ts";
import { foldTools, type ToolRow } from "../read/tools.ts";
import type { Column } from "../table.ts";

interface Tools {
  readonly rows: readonly ToolRow[];
  readonly partitionCount: number;
}

function readTools(output: Output): Promise<Tools> {
  return withBus(output, async (bus) => {
    const views = await viewPartitions(bus);
    return { rows: foldTools(views.map(({ state }) => state)), partitionCount: bus.partitionCount };
  });
}

const SHORT_DIGEST = 12;

/** The class, with how long an exact tool honours a key: beyond that it is fired again as little as any other. */
function classOf({ toolClass, keyLifetimeMs }: ToolRow): string {
  if (toolClass !== "exact") return toolClass;
  return keyLifetimeMs === null
    ? "exact, key lifetime unknown: never again"
    : `exact for ${formatDuration(keyLifetimeMs)}`;
}

function columns(count: number): readonly Column<ToolRow>[] {
  return [
    { title: "tool", value: ({ tool }) => tool },
    { title: "effect", value: ({ effect }) => effect },
    // Reads may always run again, so a class says nothing about them.
    { title: "class", value: (row) => (row.effect === "read" ? "" : classOf(row)) },
    { title: "time-out", value: ({ timeoutMs }) => `${timeoutMs} ms`, align: "right" },
    { title: "fire bound", value: ({ fireBoundMs }) => `${fireBoundMs} ms`, align: "right" },
    { title: "attempts", value: ({ attempts }) => String(attempts), align: "right" },
    { title: "breaker", value: ({ breaker }) => breaker },
    { title: "read-back", value: ({ readBack }) => readBack?.tool ?? "" },
    { title: "depends on", value: ({ dependsOn }) => dependsOn?.tool ?? "" },
    { title: "schemas", value: ({ schemaDigest }) => schemaDigest.slice(0, SHORT_DIGEST) },
    { title: "agents", value: ({ agents }) => agents.join(",") },
    { title: "partitions", value: ({ partitions }) => (partitions.length === count ? "" : partitions.join(",")) },
  ];
}

async function list(_options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const { rows, partitionCount } = await readTools(output);
  const nothing = "no tool is known: no policy is in force; npx busbar dev puts one on the log";
  output.answer({
    value: rows,
    lines: rows,
    text: () => (rows.length === 0 ? nothing : output.table(rows, columns(partitionCount))),
  });
}

const listed = (names: readonly string[] | null, otherwise: string): string =>
  names === null ? otherwise : names.length === 0 ? "none" : names.join(", ");

function describe(row: ToolRow): string {
  const lines: readonly (readonly [string, string])[] = [
    ["tool", row.tool],
    ["effect", row.effect],
    ["class", row.effect === "read" ? "" : classOf(row)],
    ["time-out", `${row.timeoutMs} ms`],
    ["fire bound", `${row.fireBoundMs} ms`],
    ["attempts", String(row.attempts)],
    ["identity", listed(row.identity, "all arguments")],
    ["subject", listed(row.subject, "not known")],
    ["volatile", row.volatile ? "yes" : "no"],
    ["breaker", row.breaker],
    ["read-back", row.readBack === null ? "none" : JSON.stringify(row.readBack)],
    ["version", row.version ?? "none"],
    ["depends on", row.dependsOn === undefined ? "nothing" : JSON.stringify(row.dependsOn)],
    ["agents", listed(row.agents, "")],
    ["manifest", row.digest],
    ["schemas", row.schemaDigest],
    ["arguments", JSON.stringify(row.args)],
    ["result", row.result === null ? "any" : JSON.stringify(row.result)],
    ["partitions", row.partitions.join(", ")],
  ];
  return lines.map(([name, value]) => `${name.padEnd(12)}${value}`).join("\n");
}

async function show(name: string, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const { rows } = await readTools(output);
  const found = rows.filter(({ tool }) => tool === name);
  if (found.length === 0) {
    const close = rows.filter(({ tool }) => tool.includes(name) || name.includes(tool)).map(({ tool }) => tool);
    const next = close.length === 0 ? "npx busbar tools" : `npx busbar tools show ${close[0] ?? ""}`;
    throw busbarError("BUSBAR_INPUT_INVALID", { what: "tools show", reason: `no tool is named ${name}`, next });
  }
  output.answer({ value: found, lines: found, text: () => found.map(describe).join("\n\n") });
}

export function toolsCommand(): Command {
  const tools = new Command("tools").description(
    "Tools by the policy in force: effect, class, bounds, schemas, breaker and read-back.",
  );
  tools
    .command("ls", { isDefault: true })
    .description("list them")
    .addHelpText("after", "\nExample:\n  npx busbar tools")
    .action(list);
  tools
    .command("show")
    .description("one of them, with its schemas")
    .argument("<tool>", "its name")
    .addHelpText("after", "\nExample:\n  npx busbar tools show mail.send")
    .action(show);
  return tools;
}
