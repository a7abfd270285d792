/** On what and of what a figure was measured: machine, versions, commit, and how busy the machine was besides. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { resolve } from "node:path";
import { KAFKA } from "@busbar/infra";

const ROOT = resolve(import.meta.dirname, "../..");

const GIB = 1024 ** 3;

function outputOf(command: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", timeout: 10_000 });
  return `${stdout ?? ""}${stderr ?? ""}`.trim();
}

function versionOf(dependency: string): string {
  const text = readFileSync(resolve(ROOT, "node_modules", dependency, "package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Commit, with a mark when the sources it runs from are not what was committed. */
function commit(): string {
  const hash = outputOf("git", ["rev-parse", "--short=12", "HEAD"]);
  const changed = outputOf("git", [
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--",
    "shared",
    "services",
    "infra",
    "test",
  ]);
  return changed === "" ? hash : `${hash} and uncommitted changes`;
}

/** Load average over the last minute: what ran beside the bench, before it began. */
export const loadNow = (): number => loadavg()[0] ?? 0;

/** One line each, for a person. */
export function describeMachine(): readonly string[] {
  const all = cpus();
  const java = /version "([^"]+)"/.exec(outputOf("java", ["-version"]))?.[1] ?? "unknown";
  return [
    `Machine: ${all.length} cores ${all[0]?.model ?? "unknown"}, ${Math.round(totalmem() / GIB)} GiB, ${type()} ${release()}; broker, services and load share it.`,
    `Versions: Apache Kafka ${KAFKA.version}, Java ${java}, Node ${process.versions.node}, kafkajs ${versionOf("kafkajs")}, avsc ${versionOf("avsc")}.`,
    `Commit: ${commit()}.`,
  ];
}
