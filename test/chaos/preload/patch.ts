/**
 * Changes the text of a module as it is loaded, for one process of a test: where the product has no seam and shall have
 * none. A place that is not found exactly once is an error: a patch that does nothing would prove nothing.
 */
import { registerHooks } from "node:module";

export interface Patch {
  /** End of the module's path, "runtime/src/door/actions.ts". */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The text with the patch in it. Throws where the place is not there exactly once. */
export function applyPatch(text: string, { file, find, replace }: Patch): string {
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${file} does not hold exactly once: ${find}`);
  return `${before}${replace}${after}`;
}

export function patchModules(patches: readonly Patch[]): void {
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      const own = patches.filter(({ file }) => url.endsWith(file));
      if (own.length === 0) return loaded;
      const source = own.reduce(applyPatch, Buffer.from(loaded.source as Uint8Array).toString("utf8"));
      return { ...loaded, source };
    },
  });
}
