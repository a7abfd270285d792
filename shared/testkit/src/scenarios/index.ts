/** Every scenario, by guard. */
import { slowAgent } from "./guards/backpressure.ts";
import { aThousandChains, codeFreeze, productionDatabase } from "./guards/blast-radius.ts";
import { malformedPrice, promisedRefund } from "./guards/boundary.ts";
import { sickVendor } from "./guards/breakers.ts";
import { drippingModel, endlessLoop } from "./guards/budgets.ts";
import { turnedOverNight } from "./guards/drift.ts";
import { twoChainsOneOrder } from "./guards/freshness.ts";
import { handedOver, hostileAgent } from "./guards/halt.ts";
import { refundInFiveSpellings } from "./guards/idempotency.ts";
import { confidentRefund } from "./guards/multi-path.ts";
import {
  answeredAfterRestart,
  approvedOneRanAnother,
  deletedRows,
  nobodyDecides,
  unsureAgent,
} from "./guards/people.ts";
import { anotherRow, nothingChanged } from "./guards/read-your-writes.ts";
import { bothPages, onlyTheOldPage } from "./guards/reconciliation.ts";
import { chargedThenSilent } from "./guards/retries.ts";
import { twoBalances } from "./guards/trip-rules.ts";
import { attestsItself, fourCallsDeep } from "./guards/verification-gate.ts";
import { orderInAPage } from "./guards/untrusted-text.ts";
import type { Scenario } from "./scenario.ts";

export const SCENARIOS: readonly Scenario[] = [
  slowAgent,
  hostileAgent,
  handedOver,
  endlessLoop,
  drippingModel,
  malformedPrice,
  promisedRefund,
  orderInAPage,
  onlyTheOldPage,
  bothPages,
  refundInFiveSpellings,
  sickVendor,
  productionDatabase,
  aThousandChains,
  codeFreeze,
  chargedThenSilent,
  nothingChanged,
  anotherRow,
  twoChainsOneOrder,
  twoBalances,
  fourCallsDeep,
  confidentRefund,
  attestsItself,
  approvedOneRanAnother,
  nobodyDecides,
  unsureAgent,
  answeredAfterRestart,
  deletedRows,
  turnedOverNight,
];

export const scenariosOf = (guard: string): readonly Scenario[] => SCENARIOS.filter((one) => one.guard === guard);

export {
  type Finding,
  playScenario,
  type Scenario,
  type Scene,
  tellTrial,
  type Trial,
  tryScenario,
} from "./scenario.ts";
