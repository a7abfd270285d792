#!/usr/bin/env node
/**
 * The busbar command of an installed package. In the repository busbar.mjs stands in its place, which installs first.
 * Plain JavaScript that any Node can read, so that one that is too old is told what to do.
 */
const OLDEST = { major: 22, minor: 22 };
const HIDDEN = new Set(["ExperimentalWarning", "TimeoutNegativeWarning"]);

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
  const needed = `${OLDEST.major}.${OLDEST.minor}`;
  process.stderr.write(
    `busbar: Node ${process.versions.node} is too old\n` +
      `  why:  Busbar needs Node ${needed} or newer; none is in this folder's node_modules\n` +
      `  next: npm install --include=optional, or install Node 24 from https://nodejs.org\n`,
  );
  process.exitCode = 1;
} else {
  const printers = process.listeners("warning");
  process.removeAllListeners("warning").on("warning", (warning) => {
    if (!HIDDEN.has(warning.name)) for (const print of printers) print(warning);
  });
  await import(new URL("../dist/main.js", import.meta.url).href);
}
