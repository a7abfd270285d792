import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { BROKER_SETTINGS, serverProperties } from "./kafka-settings.ts";

const COMPOSE = path.join(import.meta.dirname, "..", "..", "docker-compose.yml");
/** The image's name for a setting. */
const variable = (setting: string) => `KAFKA_${setting.toUpperCase().replaceAll(".", "_")}`;

describe("the settings of our broker", () => {
  it("are the same in the compose file", () => {
    const lines = readFileSync(COMPOSE, "utf8").matchAll(/^ +(KAFKA_\w+): "?([^"\n]*)"?$/gm);
    const inCompose = Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
    const ours = Object.fromEntries(Object.entries(BROKER_SETTINGS).map(([name, value]) => [variable(name), value]));
    expect(inCompose).toMatchObject(ours);
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
