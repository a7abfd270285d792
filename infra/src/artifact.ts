/**
 * The two programs that are downloaded: broker and registry. Each is fetched once by Maven from the POM beside this
 * package into the cache, under a name that changes with its POM.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { buildOnce, cacheFolder, withLock } from "./cache-folder.ts";
import { assertWhole, runMaven } from "./maven.ts";

export interface Artifact {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly pom: string;
  readonly goal: string;
  /** First download with Maven's own plugins, in MB, measured with an empty Maven repository. */
  readonly downloadMb: number;
  /** A file without which the folder is of no use. */
  readonly needed: string;
}

const INFRA = path.join(import.meta.dirname, "..");

export const KAFKA: Artifact = {
  name: "kafka",
  title: "Apache Kafka 4.3.1",
  version: "4.3.1",
  pom: path.join(INFRA, "kafka", "pom.xml"),
  goal: "dependency:copy-dependencies",
  downloadMb: 57,
  needed: "kafka_2.13-4.3.1.jar",
};

export const REGISTRY: Artifact = {
  name: "registry",
  title: "Apicurio Registry 3.0.9",
  version: "3.0.9",
  pom: path.join(INFRA, "registry", "pom.xml"),
  goal: "dependency:unpack",
  downloadMb: 109,
  needed: "apicurio-registry-app-3.0.9-runner.jar",
};

export interface FetchOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A line for a person, about once a second while something is going on. */
  readonly onProgress?: (line: string) => void;
}

function folderName(artifact: Artifact): string {
  const digest = createHash("sha256").update(readFileSync(artifact.pom)).digest("hex").slice(0, 8);
  return `${artifact.name}-${artifact.version}-${digest}`;
}

/** Whether the artifact is in the cache, so that neither Maven nor a network is needed. */
export function isFetched(artifact: Artifact, env: NodeJS.ProcessEnv = process.env): boolean {
  return existsSync(path.join(cacheFolder(env), folderName(artifact)));
}

/** The artifact's folder, downloaded when it is not there. Errors: BUSBAR_MAVEN_MISSING, BUSBAR_MAVEN_FAILED, BUSBAR_TIMEOUT. */
export async function fetchArtifact(artifact: Artifact, options: FetchOptions = {}): Promise<string> {
  const env = options.env ?? process.env;
  const say = options.onProgress ?? (() => undefined);
  const folder = cacheFolder(env);
  const name = folderName(artifact);
  if (existsSync(path.join(folder, name))) return path.join(folder, name);
  const waiting = () => say(`${artifact.title}: waiting for another process that is downloading`);
  return withLock(folder, waiting, () =>
    buildOnce(folder, name, async (output) => {
      say(`${artifact.title} from Maven, up to ${artifact.downloadMb} MB, once, into ${folder}`);
      const { title, pom, goal, needed } = artifact;
      await runMaven({ artifact: title, pom, goal, output, env, onProgress: say });
      await assertWhole(output, needed, title);
      say(`${title} is there`);
    }),
  );
}
