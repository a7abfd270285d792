/**
 * Lint rules. Layers and pure packages come from test/tidy/layers.json; budgets are hard: a function of 61 lines fails.
 */
import { join } from "node:path";
import { defineConfig } from "oxlint";
import { LAYERS, ROOT } from "./test/tidy/layers.ts";

const TESTS = ["**/*.test.ts"];
const CLOCKS_AND_WORLD = [
  "Date",
  "performance",
  "crypto",
  "process",
  "console",
  "fetch",
  "globalThis",
  "structuredClone",
  "Buffer",
];
const TIMERS = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "clearTimeout", "clearInterval"];

const KAFKA_MESSAGE = "only shared/log/src/kafka and test may speak to Kafka: use the EventLog port";
const kafkaBan = { name: "kafkajs", message: KAFKA_MESSAGE };

const layers = Object.entries(LAYERS);
const elements = layers.map(([type, { folder }]) => ({ type, pattern: folder, mode: "folder" }));
const policies = layers.map(([type, { may }]) => ({
  from: { element: { type } },
  allow: { to: { element: { types: { anyOf: [type, ...may] } } } },
}));

const pureFolders = layers.filter(([, layer]) => layer.pure).map(([, layer]) => `${layer.folder}/src/**/*.ts`);

export default defineConfig({
  plugins: ["typescript", "import", "unicorn", "oxc"],
  jsPlugins: ["eslint-plugin-boundaries", { name: "busbar", specifier: "./test/tidy/oxlint-rules/plugin.ts" }],
  ignorePatterns: ["**/node_modules/**", "**/dist/**", ".busbar/**", "coverage/**", "**/generated/**", "**/*.d.ts"],
  options: { typeAware: true, reportUnusedDisableDirectives: "error", denyWarnings: true },
  categories: { correctness: "error" },
  settings: {
    "boundaries/elements": elements,
    "boundaries/legacy-warnings": false,
    "import/resolver": { [join(ROOT, "test/tidy/oxlint-rules/workspace-resolver.ts")]: {} },
  },
  rules: {
    "max-lines": ["error", { max: 400 }],
    "max-lines-per-function": ["error", { max: 60 }],
    complexity: ["error", { max: 12, variant: "modified" }],
    "max-depth": ["error", { max: 3 }],
    "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "all" }],
    eqeqeq: "error",
    "no-var": "error",
    "prefer-const": "error",
    "no-restricted-imports": ["error", { paths: [kafkaBan] }],
    "import/no-cycle": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/ban-ts-comment": ["error", { "ts-expect-error": "allow-with-description" }],
    // A test of Node's own runner is awaited by the runner.
    "typescript/no-floating-promises": [
      "error",
      { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["test"] }] },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/await-thenable": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    // Interfaces here are made by factories over closures: there is no `this` to lose.
    "typescript/unbound-method": "off",
    "typescript/no-misused-spread": ["error", { allow: ["string"] }],
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "boundaries/dependencies": ["error", { default: "disallow", policies }],
    "busbar/declared-deps": "error",
    "busbar/package-entry": "error",
  },
  overrides: [
    {
      files: pureFolders,
      excludeFiles: [...TESTS, "shared/events/src/codec/**"],
      rules: {
        "no-restricted-globals": [
          "error",
          ...[...CLOCKS_AND_WORLD, ...TIMERS].map((name) => ({
            name,
            message: "this package is pure: time, chance and the world come in as arguments or events",
          })),
        ],
        "no-restricted-properties": [
          "error",
          { object: "Math", property: "random", message: "this package is pure: chance comes in as an argument" },
        ],
        "no-restricted-imports": [
          "error",
          {
            paths: [kafkaBan],
            patterns: [{ group: ["node:*"], message: "this package is pure: it runs without Node" }],
          },
        ],
      },
    },
    {
      // Their clock, timers and chance come in by port, so that a simulation holds all of them.
      files: ["shared/runtime/src/**/*.ts", "shared/agent/src/**/*.ts"],
      excludeFiles: [
        ...TESTS,
        "shared/runtime/src/ports.ts",
        "shared/agent/src/timers.ts",
        "shared/agent/src/test-*.ts",
      ],
      rules: {
        "no-restricted-globals": [
          "error",
          ...["Date", "performance", ...TIMERS].map((name) => ({ name, message: "ask the port: Clock or Timers" })),
        ],
        "no-restricted-properties": ["error", { object: "Math", property: "random", message: "ask the port: Chance" }],
      },
    },
    {
      files: ["shared/log/src/kafka/**/*.ts", "test/**/*.ts"],
      rules: { "no-restricted-imports": "off" },
    },
    {
      files: TESTS,
      rules: {
        "max-lines-per-function": ["error", { max: 300 }],
        "boundaries/dependencies": [
          "error",
          {
            default: "disallow",
            policies: [
              ...policies,
              ...layers.map(([type]) => ({
                from: { element: { type } },
                allow: { to: { element: { type: "testkit" } } },
              })),
            ],
          },
        ],
      },
    },
    {
      files: ["**/*.mjs"],
      rules: {
        "busbar/package-entry": "off",
        "boundaries/dependencies": "off",
        "typescript/no-unsafe-argument": "off",
        "typescript/no-unsafe-call": "off",
        "typescript/no-unsafe-member-access": "off",
        "typescript/no-unsafe-return": "off",
      },
    },
    {
      files: ["*.ts"],
      excludeFiles: ["*/**"],
      rules: { "boundaries/dependencies": "off" },
    },
  ],
});
