/**
 * The levels of the tests, in the order in which they run: which files belong to one, what it needs, how long one test
 * may take. The vitest projects and the runner are both made from this table.
 */

/** One level. `phase`: levels of one phase run in one vitest process, and so share one broker. */
export interface Level {
  readonly name: string;
  readonly phase: "unit" | "bus" | "tidy" | "broker" | "containers";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly testTimeoutMs: number;
  /** Files that run at once; null: one more than the machine has cores, and they share the modules of their worker. */
  readonly workers: number | null;
  /** Name of the environment variable without which the level cannot run, and the words for that. */
  readonly needs?: { readonly variable: string; readonly otherwise: string };
  /** Why all tests of the level may skip themselves: then they are named as not run, with their count. */
  readonly whereNoneRuns?: string;
}

/** Whole buses on a log in memory. */
const IN_MEMORY = "shared/testkit/src/**/*.test.ts";
const SOURCES = "{shared,services,infra,schemas}/**";

const broker = (name: string, include: string): Level => ({
  name,
  phase: "broker",
  include: [include],
  exclude: [],
  testTimeoutMs: 60_000,
  workers: 1,
});

/** Every level. */
export const LEVELS: readonly Level[] = [
  {
    name: "unit",
    phase: "unit",
    include: [`${SOURCES}/*.test.ts`, "test/{harness,chaos,bench}/*.test.ts"],
    exclude: [`${SOURCES}/*.property.test.ts`, `${SOURCES}/*.int.test.ts`, IN_MEMORY],
    testTimeoutMs: 45_000,
    workers: null,
  },
  {
    name: "property",
    phase: "unit",
    include: [`${SOURCES}/*.property.test.ts`, "test/simulation/*.property.test.ts"],
    exclude: [],
    testTimeoutMs: 60_000,
    workers: null,
  },
  {
    name: "bus",
    phase: "bus",
    include: [IN_MEMORY],
    exclude: [],
    testTimeoutMs: 45_000,
    workers: null,
  },
  {
    name: "tidy",
    phase: "tidy",
    include: ["test/tidy/**/*.test.ts"],
    exclude: [],
    testTimeoutMs: 60_000,
    workers: null,
  },
  broker("contract", "test/contract/**/*.test.ts"),
  broker("integration", "test/integration/**/*.int.test.ts"),
  broker("scenarios", "test/scenarios/**/*.test.ts"),
  { ...broker("real", "test/real/**/*.test.ts"), needs: { variable: "BUSBAR_REAL_DATA", otherwise: "data absent" } },
  { ...broker("e2e", "test/e2e/**/*.test.ts"), testTimeoutMs: 180_000 },
  {
    ...broker("containers", "test/containers/**/*.test.ts"),
    phase: "containers",
    whereNoneRuns: "no Docker engine answers",
  },
];

/** Folders that are no source of tests here; those of the template run in a project made of it. */
export const IGNORED: readonly string[] = ["**/node_modules/**", ".busbar/**", "services/cli/template/**"];
