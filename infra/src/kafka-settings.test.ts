import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { BROKER_SETTINGS, SECURED_SETTINGS, serverProperties } from "./kafka-settings.ts";

const COMPOSE = path.join(import.meta.dirname, "..", "..", "docker-compose.yml");
/** The image's name for a setting. */
const variable = (setting: string) => `KAFKA_${setting.toUpperCase().replaceAll(".", "_")}`;

describe("the settings of our broker", () => {
  it("are the same in the compose file", () => {
    const lines = readFileSync(COMPOSE, "utf8").matchAll(/^ +(KAFKA_\w+): "?([^"\n]*?)"?$/gm);
    const inCompose = Object.fromEntries(
      [...lines].map(([, name, value = ""]) => [name, value.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1")]),
    );
    const all = Object.entries({ ...BROKER_SETTINGS, ...SECURED_SETTINGS });
    const ours = Object.fromEntries(all.map(([name, value]) => [variable(name), value]));
    expect(inCompose).toMatchObject(ours);
  });

  it("deny by default on a broker that asks, which no listener of it is spared [security:deny-by-default]", () => {
    const text = serverProperties({ port: 1, controllerPort: 2 }, "/d", {}, "s3cret");
    expect(text).toContain("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n");
    expect(text).toContain("allow.everyone.if.no.acl.found=false\n");
    expect(text).toContain("super.users=User:admin\n");
    expect(text).toContain("listeners=SASL://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n");
    const map = /^listener\.security\.protocol\.map=(.+)$/m.exec(text)?.[1];
    expect(map).toContain("CONTROLLER:SASL_PLAINTEXT,SASL:SASL_PLAINTEXT");
    expect(serverProperties({ port: 1, controllerPort: 2 }, "/d")).not.toMatch(/sasl|authorizer/);
  });

  it("let a test replace one and keep the others", () => {
    const text = serverProperties({ port: 1, controllerPort: 2 }, "/d", { "node.id": "7", "x.y": "z" });
    expect(text).toContain("node.id=7\n");
    expect(text).not.toContain("node.id=1\n");
    expect(text).toContain("x.y=z\n");
    expect(text).toContain("listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n");
    expect(text).toContain("auto.create.topics.enable=false\n");
  });
});
