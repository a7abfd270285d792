/** What each tool of the shop is made with: the open shop, the faults, and how an effect is run. */
import type { ToolRunContext } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import type { DatabaseSync } from "node:sqlite";
import type { EffectDone, Shop } from "../shop/shop.ts";
import type { FaultPlan } from "./faults.ts";

export interface ToolKit {
  /** Opens the database at the first use, so that a module can be loaded before the file is there. */
  shop(): Shop;
  readonly faults: FaultPlan;
  /** How long `inventory.sync` talks to the (imagined) warehouse. */
  readonly inventoryMs: number;
}

export interface EffectOptions {
  readonly tool: string;
  readonly honoursKey: boolean;
  /** Waited for before the transaction, after `began_at_ms`. */
  prepare?(): Promise<void>;
}

/** One effect of a tool: begins now, runs between the planned faults, and leaves its row in the journal. */
export function runEffect(
  kit: ToolKit,
  context: ToolRunContext,
  options: EffectOptions,
  act: (database: DatabaseSync) => EffectDone,
): Promise<Json> {
  const beganAtMs = Date.now();
  return kit.faults.around(options.tool, async () => {
    const known = options.honoursKey ? kit.shop().answerOf(context.key) : undefined;
    if (known !== undefined) return known;
    await options.prepare?.();
    const { tool, honoursKey } = options;
    return kit.shop().effect({ tool, effectKey: context.key, beganAtMs, honoursKey }, act);
  });
}

/** One read, between the planned faults. */
export function runRead(kit: ToolKit, tool: string, read: (shop: Shop) => Json): Promise<Json> {
  return kit.faults.around(tool, () => read(kit.shop()));
}
