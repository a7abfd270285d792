/**
 * The tools of the fault tests, loaded by real gateways: those of the example shop, one that fails on demand, and
 * around each a line in a file at the moment at which a gateway hands it a call. The file knows what the database
 * cannot: who fired, when, and what was fired without landing.
 */
import { appendFileSync } from "node:fs";
import { defineTool, type ToolDefinition, type ToolRunContext } from "@busbar/agent";
import { createShopTools, parseFaults } from "@busbar/examples";
import type { Json } from "@busbar/kernel";
import type { Fire } from "./fires.ts";

const environment = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set`);
  return value;
};

function note(tool: string, { key, attempt, callId, chainId }: ToolRunContext): void {
  // Reads have no key: they may be fired as often as anyone likes.
  if (key === "") return;
  const fire: Fire = { owner: environment("BUSBAR_OWNER"), tool, key, attempt, callId, chainId, atMs: Date.now() };
  appendFileSync(environment("BUSBAR_FIRES"), `${JSON.stringify(fire)}\n`);
}

function noted(tool: ToolDefinition): ToolDefinition {
  return {
    ...tool,
    run: (args, context) => {
      note(tool.name, context);
      return tool.run(args, context);
    },
  };
}

/** Fails when it is told to; otherwise it does nothing at all. Nothing of it is in the database's journal. */
const parcelBook = defineTool<{ readonly n: number; readonly fail: boolean; readonly label?: string }>({
  name: "parcel.book",
  description: "Books parcel n, or fails.",
  effect: "write",
  toolClass: "at-most-once",
  args: {
    type: "object",
    properties: { n: { type: "integer" }, fail: { type: "boolean" }, label: { type: "string" } },
    required: ["n", "fail"],
    additionalProperties: false,
  },
  result: {
    type: "object",
    properties: { booked: { type: "integer" }, labelled: { type: "integer" } },
    required: ["booked"],
  },
  timeoutMs: 1500,
  run: ({ n, fail, label }): Json => {
    if (fail) throw new Error(`parcel ${n} cannot be booked`);
    return label === undefined ? { booked: n } : { booked: n, labelled: label.length };
  },
});

export interface VaultArgs {
  readonly note: string;
  readonly fail: boolean;
  /** The result is too large for a record. */
  readonly big: boolean;
}

/** Knows a secret and keeps none: it is in its result, in its error, and in what it gives back of its arguments. */
const vaultOpen = defineTool<VaultArgs>({
  name: "vault.open",
  description: "Opens the vault, and says how.",
  effect: "write",
  toolClass: "at-most-once",
  secrets: ["CANARY"],
  args: {
    type: "object",
    properties: { note: { type: "string" }, fail: { type: "boolean" }, big: { type: "boolean" } },
    required: ["note", "fail", "big"],
    additionalProperties: false,
  },
  timeoutMs: 1500,
  run: ({ note, fail, big }, context): Json => {
    const canary = context.secret("CANARY");
    if (fail)
      throw new Error(`the login with ${canary} was refused: https://vault/?token=${encodeURIComponent(canary)}`);
    const basic = Buffer.from(canary).toString("base64");
    return { token: canary, header: `Basic ${basic}`, note, padding: "x".repeat(big ? 400_000 : 0) };
  },
});

const shop = createShopTools({
  file: process.env["BUSBAR_SHOP"] ?? "",
  faults: parseFaults(process.env["BUSBAR_SHOP_FAULTS"] ?? "[]"),
  inventoryMs: Number(process.env["BUSBAR_INVENTORY_MS"] ?? "300"),
});

/** Only where there is its secret: a gateway does not start without it. */
const vault = (process.env["BUSBAR_SECRET_CANARY"] ?? "") === "" ? [] : [vaultOpen];

/** A tool whose manifest somebody changed without a word: it says of itself what it did not say before. */
const changed = (tool: ToolDefinition): ToolDefinition =>
  tool.name === process.env["BUSBAR_TEST_CHANGED_TOOL"] ? { ...tool, description: "And something else." } : tool;

/** Changes that say nothing of what their chain has read: the rule of PROTOCOL 5.7 taken out. */
const blind = (tool: ToolDefinition): ToolDefinition => {
  if ((process.env["BUSBAR_TEST_BLIND"] ?? "") === "") return tool;
  const { dependsOn: _rule, ...rest } = tool;
  return rest;
};

export const tools: readonly ToolDefinition[] = [
  ...shop.tools,
  ...[parcelBook, ...vault].map((tool) => tool as unknown as ToolDefinition),
]
  .map(changed)
  .map(blind)
  .map(noted);
