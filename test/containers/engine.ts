/** Whether a Docker engine answers here. Without one the tests of this level are not run, and the level says so. */
import { machineProbes } from "@busbar/infra";

export const engine = await machineProbes().docker();
export const notRun = `not run: ${engine.reason}`;
