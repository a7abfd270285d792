/**
 * One vitest project per level of test/levels.ts. Levels on the broker run one file at a time, in their order.
 */
import { defineConfig } from "vitest/config";
import { IGNORED, type Level, LEVELS } from "./test/levels.ts";

const projectOf = (level: Level, index: number) => ({
  test: {
    name: level.name,
    include: [...level.include],
    exclude: [...IGNORED, ...level.exclude],
    testTimeout: level.testTimeoutMs,
    hookTimeout: Math.max(level.testTimeoutMs, 30_000),
    fileParallelism: level.parallel,
    sequence: { groupOrder: index },
    ...(level.phase === "broker" ? { globalSetup: ["./test/shared-broker.ts"] } : {}),
  },
});

export default defineConfig({ test: { projects: LEVELS.map(projectOf) } });
