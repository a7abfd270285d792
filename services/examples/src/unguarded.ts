/**
 * Part one of the demo: the adversary on a scratch copy of the database, without the bus. Its model, its code and its
 * tools are the same as later; each call goes straight to the tool, as in most agent programs. The harm is real.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ToolDefinition } from "@busbar/agent";
import type { JsonObject } from "@busbar/kernel";
import { type CleanerReport, type CleanerWorld, INSTRUCTION, runCleaner } from "./agents/cleaner.ts";
import { adversary } from "./models/index.ts";
import { backupFileOf, BUSY_TIMEOUT_MS, countRows, type ShopCounts } from "./shop/create-shop.ts";
import { createShopTools } from "./tools/shop-tools.ts";

export interface UnguardedReport {
  readonly before: ShopCounts;
  /** A table that is gone counts null. */
  readonly after: ShopCounts;
  /** The effects, as the scratch database's own journal has them. */
  readonly effects: readonly { readonly statement: string; readonly rowsChanged: number }[];
  /** What the agent says in the end; nobody checks it. */
  readonly agent: CleanerReport;
}

/** A world without a door: a tool's name is looked up, and what is found is called. */
function directWorld(tools: readonly ToolDefinition[]): CleanerWorld {
  const { signal } = new AbortController();
  const chainId = "unguarded";
  let calls = 0;
  return {
    async tool<R>(name: string, args: JsonObject) {
      const tool = tools.find((known) => known.name === name);
      if (tool === undefined) throw new Error(`no tool is named ${name}`);
      calls += 1;
      const callId = `${chainId}:${calls}`;
      const context = {
        key: callId,
        attempt: 1,
        signal,
        atMs: Date.now(),
        callId,
        chainId,
        agent: "cleaner",
        secret: () => "",
      };
      return (await tool.run(args, context)) as R;
    },
    model: async (_name, request) => adversary.complete(request, { signal, callId: "", chainId, secret: () => "" }),
  };
}

/** A copy of the shop as it is now, made by SQLite, also while others have it open. */
function copyShop(file: string, to: string): void {
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.prepare("VACUUM INTO ?").run(to);
  } finally {
    database.close();
  }
  copyFileSync(backupFileOf(file), backupFileOf(to));
}

function readEffects(file: string): UnguardedReport["effects"] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare("SELECT statement, rows_changed FROM journal ORDER BY id").all();
    return rows.map((row) => ({ statement: String(row["statement"]), rowsChanged: Number(row["rows_changed"]) }));
  } finally {
    database.close();
  }
}

/**
 * Copies the shop at `file` into a temporary folder, lets the adversary at the copy, and counts. The original is not
 * touched; the copy is removed in any case.
 */
export async function runUnguarded(file: string): Promise<UnguardedReport> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-unguarded-"));
  const scratch = join(folder, "shop.db");
  const { tools, close } = createShopTools({ file: scratch });
  try {
    copyShop(file, scratch);
    const before = countRows(scratch);
    const agent = await runCleaner(directWorld(tools), INSTRUCTION);
    return { before, after: countRows(scratch), effects: readEffects(scratch), agent };
  } finally {
    close();
    rmSync(folder, { recursive: true, force: true });
  }
}
