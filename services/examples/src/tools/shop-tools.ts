/** All tools of the shop over one database file, as the gateway loads them. */
import type { ToolDefinition } from "@busbar/agent";
import { ensureShop } from "../shop/create-shop.ts";
import { openShop, type Shop } from "../shop/shop.ts";
import { inventorySync, mailSend, ordersAnnotate, ordersChange, ordersRefund } from "./effects.ts";
import { createFaultPlan, type Fault } from "./faults.ts";
import type { ToolKit } from "./kit.ts";
import { backupFind, customersRead, ordersRead, refundsRead, sqlRead } from "./reads.ts";
import { sqlExecute } from "./sql-execute.ts";

export interface ShopToolsOptions {
  /** The database made by `createShop`; opened at the first call. */
  readonly file: string;
  /** Makes the database at the first call where the file is missing; otherwise that call fails. Default false. */
  readonly makesMissing?: boolean;
  readonly faults?: readonly Fault[];
  /** Duration of `inventory.sync`; default 300. */
  readonly inventoryMs?: number;
}

export interface ShopTools {
  readonly tools: readonly ToolDefinition[];
  /** Closes the database if it was opened. */
  readonly close: () => void;
}

const INVENTORY_MS_DEFAULT = 300;

export function createShopTools(options: ShopToolsOptions): ShopTools {
  let opened: Shop | undefined;
  const kit: ToolKit = {
    shop: () => {
      if (opened === undefined && options.makesMissing === true) ensureShop(options.file);
      return (opened ??= openShop(options.file));
    },
    faults: createFaultPlan(options.faults ?? []),
    inventoryMs: options.inventoryMs ?? INVENTORY_MS_DEFAULT,
  };
  const tools: readonly ToolDefinition[] = [
    ordersRead(kit),
    customersRead(kit),
    refundsRead(kit),
    sqlRead(kit),
    backupFind(kit),
    ordersRefund(kit),
    ordersChange(kit),
    ordersAnnotate(kit),
    inventorySync(kit),
    mailSend(kit),
    sqlExecute(kit),
  ];
  return {
    tools,
    close() {
      opened?.close();
      opened = undefined;
    },
  };
}
