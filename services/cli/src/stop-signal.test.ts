import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const MODULE = resolve(import.meta.dirname, "stop-signal.ts");

/** A process that hears the signal and then hangs. */
function hanging(boundMs: number) {
  const script = `const { stopSignal } = await import(${JSON.stringify(MODULE)});
    stopSignal(${boundMs}).then(() => console.log("asked"));
    console.log("started"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, BUSBAR_EXIT_WITH_PARENT: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  return { child, ended: once(child, "exit"), started: once(child.stdout, "data") };
}

test("a stop that hangs ends at its bound, after a signal and after the parent's end [cli:signal-during-start]", async () => {
  const [signalled, orphan] = [hanging(50), hanging(50)];
  await Promise.all([signalled.started, orphan.started]);
  signalled.child.kill("SIGTERM");
  orphan.child.stdin.end();
  expect(await signalled.ended).toEqual([1, null]);
  expect(await orphan.ended).toEqual([1, null]);
});
