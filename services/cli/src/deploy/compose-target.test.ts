import { describe, expect, it } from "vitest";
import { BASE_IMAGE, composeFile, dockerfile } from "./compose-target.ts";
import type { AgentCode } from "./snapshot.ts";

const code = (packages: readonly string[]): AgentCode => ({
  files: {},
  packages,
  entries: ["agent.ts"],
  digest: "d".repeat(64),
  base: "/",
});

describe("a version for Docker Compose", () => {
  it("is an image on the pinned base, with its files and the packages that the base lacks [deploy:compose]", () => {
    const text = dockerfile("support", code(["@busbar/agent@0.1.0", "left-pad@1.3.0"]));
    expect(text).toContain(`FROM ${BASE_IMAGE}\n`);
    expect(text).toContain("COPY --chown=node:node version/files ./files");
    expect(text).toContain('require("/app/node_modules/left-pad/package.json").version === "1.3.0"');
    expect(text).toContain("|| npm install --no-save --omit=dev --ignore-scripts left-pad@1.3.0\n");
    expect(text).toContain('CMD ["node", "services/cli/src/main.ts", "agents", "run", "support", "--deployed"]');
    expect(text).toContain("d".repeat(64));
    expect(dockerfile("support", code(["@busbar/agent@0.1.0"]))).not.toContain("RUN");
  });

  it("is a service with health check, bounded restarts and its instances, on the bus's network [deploy:compose]", () => {
    const file = JSON.parse(composeFile("my.Agent", "1.0+b", { instances: 3, prefix: "shop" })) as {
      readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
      readonly networks: unknown;
      readonly volumes: unknown;
    };
    const service = file.services["my-agent-1-0-b"];
    expect(service).toMatchObject({
      image: "busbar/agent-my-agent:1.0-b",
      restart: "on-failure:5",
      scale: 3,
      read_only: true,
      environment: { BUSBAR_SECURITY: "scram", BUSBAR_PREFIX: "shop", BUSBAR_HTTP_PORT: "8080" },
      volumes: ["agent-keys:/app/.busbar/keys:ro"],
    });
    expect(JSON.stringify(service?.["healthcheck"])).toContain("/readyz");
    expect(file.networks).toEqual({ default: { name: "${BUSBAR_COMPOSE_PROJECT:-busbar}_default", external: true } });
    expect(file.volumes).toEqual({
      "agent-keys": { name: "${BUSBAR_COMPOSE_PROJECT:-busbar}_agent-keys", external: true },
    });
  });
});
