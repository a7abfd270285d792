/**
 * Runs a script on a given Node as this process's stand-in: same standard streams, same exit code, same signal.
 *
 * L1. A signal reaches the script once. A terminal hands Ctrl-C to the whole foreground group, the script included,
 *     so there it is not passed on; in all other cases it is, the first time it comes.
 * L2. This process ends after the script, never before it.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { BootstrapError } from "./failure.mjs";

const FLAGS = ["--disable-warning=TimeoutNegativeWarning", "--disable-warning=ExperimentalWarning"];
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Whether the terminal has already given Ctrl-C to our children: we are its foreground process group. */
function isTerminalForeground() {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[2] === fields[5];
  } catch {
    return process.stdin.isTTY === true;
  }
}

/** Runs `script` with `args` on the Node at `node`; ends this process as the script ends. */
export async function runOnNode(node, script, args) {
  const child = spawn(node, [...FLAGS, script, ...args], { stdio: "inherit" });
  const passedOn = new Set();
  const passOn = (signal) => {
    if (passedOn.has(signal) || (signal === "SIGINT" && isTerminalForeground())) return;
    passedOn.add(signal);
    child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, passOn);
  const { error, code, signal } = await new Promise((resolve) => {
    child.once("error", (reason) => resolve({ error: reason }));
    child.once("exit", (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
  });
  for (const name of SIGNALS) process.off(name, passOn);
  if (error !== undefined) {
    throw new BootstrapError(
      `${node} does not run`,
      error.message,
      "install Node 24 from https://nodejs.org, remove node_modules and type the same command again",
    );
  }
  if (signal === null) process.exitCode = code;
  else process.kill(process.pid, signal);
}
