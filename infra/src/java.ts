/** The Java that runs broker and registry: found on JAVA_HOME or the PATH, 17 or newer. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { busbarError } from "@busbar/kernel";

const run = promisify(execFile);
const OLDEST = 17;
const VERSION_TIMEOUT_MS = 15_000;

export interface Java {
  readonly command: string;
  /** As the JVM tells it, "17.0.15". */
  readonly version: string;
}

/** The version in the output of `java -version`; null where there is none. "1.8.0_292" is 8. */
export function parseJavaVersion(output: string): { readonly version: string; readonly major: number } | null {
  const version = /version "([^"]+)"/.exec(output)?.[1];
  if (version === undefined) return null;
  const [first = "", second = ""] = version.split(/[._-]/);
  const major = Number(first === "1" ? second : first);
  return Number.isInteger(major) ? { version, major } : null;
}

function javaCommand(env: NodeJS.ProcessEnv): string {
  const home = env["JAVA_HOME"];
  const inHome = home === undefined || home === "" ? null : path.join(home, "bin", "java");
  return inHome !== null && existsSync(inHome) ? inHome : "java";
}

/** Errors: BUSBAR_JAVA_MISSING, also for a Java that is too old or does not run. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<Java> {
  const command = javaCommand(env);
  let output: string;
  try {
    output = (await run(command, ["-version"], { env, timeout: VERSION_TIMEOUT_MS })).stderr;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw busbarError(
      "BUSBAR_JAVA_MISSING",
      { reason: missing ? "java is not on the PATH" : `${command} does not run` },
      error,
    );
  }
  const found = parseJavaVersion(output);
  if (found === null) throw busbarError("BUSBAR_JAVA_MISSING", { reason: `${command} does not tell its version` });
  if (found.major < OLDEST) {
    throw busbarError("BUSBAR_JAVA_MISSING", { reason: `${command} is version ${found.version}` });
  }
  return { command, version: found.version };
}
