/** What this machine has for a bus: Node, Docker, Java, Maven. One way to a broker is enough, and there is always one. */
import { machineProbes } from "@busbar/infra";
import { type Check, ok, warn } from "./check.ts";

const NODE_MAJOR = 24;

export async function checkMachine(env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const probes = machineProbes(env);
  const [docker, jvm] = await Promise.all([probes.docker(), probes.jvm()]);
  const isNodeRight = Number.parseInt(process.versions.node, 10) >= NODE_MAJOR;
  const node = isNodeRight
    ? ok("node", process.versions.node)
    : warn(
        "node",
        `${process.versions.node} is older than ${NODE_MAJOR}`,
        "npx busbar doctor, which runs on the repository's Node",
      );
  const isEnough = docker.ok || jvm.ok;
  const without = "nothing, or install a JDK 17 and Maven, or start Docker; without them the embedded log is used";
  const way = (name: string, probe: { readonly ok: boolean; readonly reason: string }): Check => {
    if (probe.ok) return ok(name, probe.reason);
    return isEnough ? ok(name, `${probe.reason}; not needed`) : warn(name, probe.reason, without);
  };
  return [node, way("docker", docker), way("java, maven", jvm)];
}
