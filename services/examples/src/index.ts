/** @busbar/examples: the world of the demo. A real database, its tools, two adversaries, two honest agents, a checker. */
export * from "./agents/index.ts";
export { CLAIM, type CleanerReport, INSTRUCTION } from "./agents/cleaner.ts";
export * from "./checker/checker.ts";
export type { EffectsReport } from "./checker/check-effects.ts";
export type { HaltReport, HaltWindow } from "./checker/check-halt.ts";
export type { Finding, FindingKind } from "./checker/finding.ts";
export type { Decode } from "./checker/log-facts.ts";
export type { RawRecord } from "./checker/placement.ts";
export { models } from "./models/index.ts";
export { recordedModel, type Recording } from "./models/recorded-model.ts";
export {
  backupFileOf,
  countRows,
  createShop,
  type CreatedShop,
  removeShop,
  type ShopCounts,
  type ShopOptions,
  sumRows,
} from "./shop/create-shop.ts";
export { type Fault, type FaultKind, parseFaults } from "./tools/faults.ts";
export { inspectBackup } from "./tools/reads.ts";
export { createShopTools, type ShopTools, type ShopToolsOptions } from "./tools/shop-tools.ts";
export { runUnguarded, type UnguardedReport } from "./unguarded.ts";
