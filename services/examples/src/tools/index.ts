/**
 * The tool module named in busbar.yaml: its `tools` is what a gateway loads. The database is the one that
 * BUSBAR_SHOP names (default `.busbar/shop.db`), made at the first call where it is missing; BUSBAR_SHOP_FAULTS holds
 * planned faults as JSON.
 */
import { parseFaults } from "./faults.ts";
import { createShopTools } from "./shop-tools.ts";

export const SHOP_FILE_DEFAULT = ".busbar/shop.db";

export const { tools, close } = createShopTools({
  file: process.env["BUSBAR_SHOP"] ?? SHOP_FILE_DEFAULT,
  makesMissing: true,
  faults: parseFaults(process.env["BUSBAR_SHOP_FAULTS"] ?? "[]"),
});
