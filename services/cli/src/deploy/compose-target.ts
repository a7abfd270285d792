/**
 * `--target compose`: a version as an image and a service for Docker Compose, beside a bus that docker-compose.yml of
 * this repository runs. Files and commands only: nothing is built or started here.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Prepared } from "./prepare.ts";
import { type AgentCode, writeSnapshot } from "./snapshot.ts";

/** The image of docker-compose.yml, which holds Busbar and the Node that it is pinned to. */
export const BASE_IMAGE = "busbar/services:0.1.0";

export interface ComposeFiles {
  readonly files: readonly string[];
  readonly commands: readonly string[];
}

export interface ComposeOptions {
  /** Default: `deploy/<agent>`, beside busbar.yaml. */
  readonly into: string | undefined;
  readonly instances: number;
  readonly prefix: string;
}

/** Packages other than Busbar's own, at the versions that were found here. */
function foreignPackages({ packages }: AgentCode): readonly string[] {
  return packages.filter((name) => !name.startsWith("@busbar/"));
}

/** Installs what the base image does not hold at its version: a build without a network does where it holds all. */
function installOf(packages: readonly string[]): string {
  const checks = packages.map((name) => {
    const at = name.lastIndexOf("@");
    return `require("/app/node_modules/${name.slice(0, at)}/package.json").version === "${name.slice(at + 1)}"`;
  });
  const install = `npm install --no-save --omit=dev --ignore-scripts ${packages.join(" ")}`;
  return `USER root\nRUN node -e 'process.exit(${checks.join(" && ")} ? 0 : 1)' 2>/dev/null || ${install}\nUSER node\n`;
}

/** The image: the base, the packages of the agent, its files. */
export function dockerfile(agent: string, code: AgentCode): string {
  const packages = foreignPackages(code);
  const install = packages.length === 0 ? "" : installOf(packages);
  return `# One version of ${agent}. Its code has digest ${code.digest}.
FROM ${BASE_IMAGE}
WORKDIR /app/agents/${agent}
COPY --chown=node:node version/package.json version/busbar.yaml version/manifest.json ./
COPY --chown=node:node version/files ./files
${install}ENV BUSBAR_PROJECT=/app/agents/${agent}/busbar.yaml
WORKDIR /app
CMD ["node", "services/cli/src/main.ts", "agents", "run", "${agent}", "--deployed"]
`;
}

const READY_PROBE = `fetch("http://127.0.0.1:8080/readyz").then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

/** Compose's name of the project in which the bus runs, as docker-compose.yml names it. */
const BUS_PROJECT = "${BUSBAR_COMPOSE_PROJECT:-busbar}";

/** Letters, digits and dashes, as services and image tags allow them. */
const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

/** The service; network and keys are those of the bus's own compose project. JSON is YAML. */
export function composeFile(
  agent: string,
  version: string,
  { instances, prefix }: Omit<ComposeOptions, "into">,
): string {
  const service = {
    image: `busbar/agent-${slug(agent)}:${version.replaceAll("+", "-")}`,
    build: { context: "." },
    pull_policy: "never",
    read_only: true,
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
    stop_grace_period: "15s",
    restart: "on-failure:5",
    scale: instances,
    environment: {
      BUSBAR_BROKERS: "kafka:19092",
      BUSBAR_SECURITY: "scram",
      SCHEMA_REGISTRY_URL: "http://registry:8080/apis/ccompat/v7",
      BUSBAR_PREFIX: prefix,
      BUSBAR_KEYS: "/app/.busbar/keys",
      BUSBAR_HTTP_HOST: "0.0.0.0",
      BUSBAR_HTTP_PORT: "8080",
      BUSBAR_LOG_LEVEL: "${BUSBAR_LOG_LEVEL:-info}",
    },
    healthcheck: {
      test: ["CMD", "node", "-e", READY_PROBE],
      start_period: "60s",
      start_interval: "1s",
      interval: "10s",
      timeout: "5s",
      retries: 3,
    },
    volumes: ["agent-keys:/app/.busbar/keys:ro"],
  };
  const file = {
    name: `busbar-${slug(agent)}-${slug(version)}`,
    services: { [`${slug(agent)}-${slug(version)}`]: service },
    networks: { default: { name: `${BUS_PROJECT}_default`, external: true } },
    volumes: { "agent-keys": { name: `${BUS_PROJECT}_agent-keys`, external: true } },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Writes image and service of a version; what is to be typed then. */
export function writeComposeTarget(
  { agent, code, exported, project }: Prepared,
  options: ComposeOptions,
): ComposeFiles {
  const folder = options.into ?? join(dirname(project.file), "deploy", agent.name);
  mkdirSync(folder, { recursive: true });
  writeSnapshot({ folder: join(folder, "version"), code, agents: exported });
  const files = [join(folder, "Dockerfile"), join(folder, "compose.yaml"), join(folder, ".dockerignore")];
  const texts = [
    dockerfile(agent.name, code),
    composeFile(agent.name, agent.version, options),
    "version/node_modules\n",
  ];
  for (const [at, file] of files.entries()) writeFileSync(file, texts[at] ?? "");
  return {
    files: [...files, join(folder, "version")],
    commands: [
      `docker compose -f ${join(folder, "compose.yaml")} up -d --build --wait`,
      `npx busbar deploy ${agent.name} --promote`,
    ],
  };
}
