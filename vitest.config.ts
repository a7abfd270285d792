/**
 * One vitest project per level of test/levels.ts. Levels on the broker run one file at a time, in their order. Files of
 * the others share the modules of their worker (no test changes what a module holds), which halves the
 * time; there is one worker more than cores, since tests wait too (vitest by itself leaves a core free).
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { IGNORED, type Level, LEVELS } from "./test/levels.ts";

const projectOf = (level: Level, index: number) => ({
  test: {
    name: level.name,
    include: [...level.include],
    exclude: [...IGNORED, ...level.exclude],
    testTimeout: level.testTimeoutMs,
    hookTimeout: Math.max(level.testTimeoutMs, 120_000),
    isolate: level.workers !== null,
    maxWorkers: level.workers ?? availableParallelism() + 1,
    ...(level.name === "property" && process.env["BUSBAR_HISTORIES"] !== undefined
      ? { setupFiles: ["./test/histories-setup.ts"] }
      : {}),
    sequence: { groupOrder: index },
    ...(level.phase === "broker" ? { globalSetup: ["./test/shared-broker.ts"] } : {}),
  },
});

export default defineConfig({ test: { projects: LEVELS.map(projectOf) } });
