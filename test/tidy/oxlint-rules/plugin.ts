/**
 * The repository's own lint rules, loaded by oxlint. Each has a test beside the tidy tests.
 */
import { declaredDeps } from "./declared-deps.ts";
import { packageEntry } from "./package-entry.ts";

export default {
  meta: { name: "busbar" },
  rules: { "declared-deps": declaredDeps, "package-entry": packageEntry },
};
