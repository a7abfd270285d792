/** `busbar keys`: lists, adds and replaces the keys of the bus. It prints names and digests of keys, never a key. */
import { ensureKeys, grantAccess, type KeyRow, listKeys, placeOf, retireKeys, rotateKeys } from "@busbar/infra";
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { findBus, stateDirOf, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";
import type { Column } from "../table.ts";

const COLUMNS: readonly Column<KeyRow>[] = [
  { title: "principal", value: ({ principal }) => principal },
  { title: "kind", value: ({ kind }) => kind },
  { title: "key", value: ({ id }) => id },
  { title: "state", value: ({ state }) => state },
];

const NAMED = /^(agent|client):([A-Za-z][A-Za-z0-9_.-]{0,63})$/;

function print(output: Output, rows: readonly KeyRow[]): void {
  output.answer({ value: rows, lines: rows, text: () => output.table(rows, COLUMNS) });
}

function list(_options: object, self: Command): void {
  print(outputOf(self), listKeys(placeOf(process.env).keys));
}

async function add(principal: string, _options: object, self: Command): Promise<void> {
  const [, role, name = ""] = NAMED.exec(principal) ?? [];
  if (role === undefined) {
    const next = "name an agent or a client: npx busbar keys add client:billing";
    throw busbarError("BUSBAR_INPUT_INVALID", { what: "keys add", reason: `${principal} is neither`, next });
  }
  const { keys, prefix } = placeOf(process.env);
  const [agents, clients] = role === "agent" ? [[name], []] : [[], [name]];
  ensureKeys(keys, agents, clients);
  const output = outputOf(self);
  const env = await findBus(process.env, stateDirOf());
  if (env["BUSBAR_SECURITY"] === "scram") {
    output.note("setting its user and permissions");
    const brokers = (env["BUSBAR_BROKERS"] ?? "").split(",");
    await grantAccess({ brokers, bus: { keys, prefix, agents, clients }, env });
  }
  print(
    output,
    listKeys(keys).filter((row) => row.principal === principal),
  );
}

/** Whose processes read their own key only when they start. */
const isReadAtStart = (principal: string): boolean => NAMED.test(principal);

async function rotate(principal: string, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  print(output, await rotateKeys(placeOf(process.env).keys, principal));
  const restart = isReadAtStart(principal) ? `start the processes of ${principal} again, then ` : "";
  output.note(`the older key is accepted until it is retired; next: ${restart}npx busbar keys retire ${principal}`);
}

async function retire(principal: string, _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  await withBus(output, async ({ log, topics, keys }) => {
    const { end } = await log.offsets(topics.directives, 0);
    const retired = retireKeys(keys, principal, end);
    if (retired.length === 0) output.note(`${principal} has no key but the one that it signs with`);
    print(
      output,
      listKeys(keys).filter((row) => row.principal === principal),
    );
  });
}

export function keysCommand(): Command {
  const keys = new Command("keys").description(
    "Lists, adds and replaces keys. What is printed names a key and tells nothing about it.",
  );
  const whose = "operator, supervisor, gateway, agent:<name> or client:<name>";
  keys.command("ls", { isDefault: true }).description("list them").action(list);
  keys
    .command("add")
    .argument("<principal>", "agent:<name> or client:<name>")
    .description("make the key and the broker's user of one more agent or client")
    .action(add);
  keys
    .command("rotate")
    .argument("<principal>", whose)
    .description("give it a new key; the older one is accepted until it is retired")
    .action(rotate);
  keys
    .command("retire")
    .argument("<principal>", whose)
    .description("accept its newest key alone from now on; what the others signed before stands")
    .action(retire);
  return keys;
}
