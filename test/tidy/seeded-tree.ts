/**
 * A copy of the repository's configuration in a temporary folder, where a test may break rules: the manifests, the
 * compiler's and the linter's settings, and no source but what the test writes.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "./layers.ts";
import { repositoryFiles } from "./repository.ts";

const CONFIGURATION =
  /(^|\/)(package\.json|tsconfig[^/]*\.json|oxlint\.config\.ts)$|^test\/tidy\/(layers\.|oxlint-rules\/)/u;

/** A tree; `Symbol.dispose` removes it. */
export interface SeededTree extends Disposable {
  readonly root: string;
  /** Writes a source file at a path from the tree's root. */
  write(path: string, text: string): void;
}

/** Makes a tree. */
export function createSeededTree(): SeededTree {
  const root = mkdtempSync(join(tmpdir(), "busbar-tidy-"));
  for (const path of repositoryFiles().filter((each) => CONFIGURATION.test(each))) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    cpSync(join(ROOT, path), join(root, path));
  }
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  return {
    root,
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
