/** The probes of the broker ladder on the real machine. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isBusbarError } from "@busbar/kernel";
import { isFetched, KAFKA } from "./artifact.ts";
import type { BrokerProbes, Probe } from "./broker-choice.ts";
import { probeDocker } from "./docker.ts";
import { findJava } from "./java.ts";

const run = promisify(execFile);
const MAVEN_TIMEOUT_MS = 15_000;

/** Java 17 or newer, and Kafka in the cache or a Maven that can bring it. */
export async function probeJvm(env: NodeJS.ProcessEnv = process.env): Promise<Probe> {
  let version: string;
  try {
    version = (await findJava(env)).version;
  } catch (error) {
    return { ok: false, reason: isBusbarError(error) ? String(error.fields["reason"]) : "java does not run" };
  }
  const reason = `Java ${version} is there`;
  if (isFetched(KAFKA, env)) return { ok: true, reason };
  const maven = await run("mvn", ["-v"], { env, timeout: MAVEN_TIMEOUT_MS }).catch(() => null);
  return maven === null
    ? { ok: false, reason: `${reason}, but mvn is not` }
    : { ok: true, reason: `${reason} and so is Maven` };
}

/** Asks this machine. */
export function machineProbes(env: NodeJS.ProcessEnv = process.env): BrokerProbes {
  return { docker: () => probeDocker(env), jvm: () => probeJvm(env) };
}
