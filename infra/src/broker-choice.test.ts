import { describe, expect, it } from "vitest";
import { type BrokerProbes, chooseBroker, describeChoice } from "./broker-choice.ts";

const probes = (docker: boolean, jvm: boolean): BrokerProbes => ({
  docker: () =>
    Promise.resolve({ ok: docker, reason: docker ? "a Docker engine answers" : "no Docker engine answers" }),
  jvm: () => Promise.resolve({ ok: jvm, reason: jvm ? "Java 17 is there" : "java is not on the PATH" }),
});
const unasked: BrokerProbes = {
  docker: () => Promise.reject(new Error("Docker was asked")),
  jvm: () => Promise.reject(new Error("Java was asked")),
};

describe("the ladder of brokers [infra:broker-choice]", () => {
  it.each([
    [true, true, "docker", "a Docker engine answers"],
    [true, false, "docker", "a Docker engine answers"],
    [false, true, "jvm", "no Docker engine answers; Java 17 is there"],
    [false, false, "embedded", "no Docker engine answers; java is not on the PATH"],
  ])("Docker %s, Java %s: %s", async (docker, jvm, kind, reason) => {
    expect(await chooseBroker({}, probes(docker, jvm))).toEqual({
      kind,
      reason,
      forced: false,
      brokers: [],
      registryUrl: null,
    });
  });

  it("takes the given brokers and asks nothing", async () => {
    const env = {
      BUSBAR_BROKERS: "a:9092, b:9093",
      SCHEMA_REGISTRY_URL: "http://r/apis/ccompat/v7",
      BUSBAR_BROKER: "jvm",
    };
    const choice = await chooseBroker(env, unasked);
    expect(choice).toMatchObject({ kind: "given", forced: true, brokers: ["a:9092", "b:9093"] });
    expect(choice.registryUrl).toBe("http://r/apis/ccompat/v7");
    expect(describeChoice(choice)).toBe("broker: the given broker a:9092,b:9093, because BUSBAR_BROKERS is set");
  });

  it("takes empty variables for unset ones", async () => {
    const choice = await chooseBroker({ BUSBAR_BROKERS: "", BUSBAR_BROKER: "" }, probes(false, true));
    expect(choice.kind).toBe("jvm");
    expect((await chooseBroker({ BUSBAR_BROKERS: "a:1", SCHEMA_REGISTRY_URL: "" }, unasked)).registryUrl).toBeNull();
  });

  it.each(["docker", "jvm", "embedded"])("is forced to %s and asks nothing", async (kind) => {
    expect(await chooseBroker({ BUSBAR_BROKER: kind }, unasked)).toMatchObject({ kind, forced: true });
  });

  it.each([[{ BUSBAR_BROKER: "kafka" }], [{ BUSBAR_BROKERS: "localhost" }], [{ BUSBAR_BROKERS: "a:1,,b:2" }]])(
    "names what it cannot use: %o [infra:clear-failures]",
    async (env) => {
      await expect(chooseBroker(env, unasked)).rejects.toMatchObject({ code: "BUSBAR_INPUT_INVALID" });
    },
  );

  it("says in one line that the embedded log is one machine", async () => {
    const line = describeChoice(await chooseBroker({}, probes(false, false)));
    expect(line).toContain("embedded log (one process on one machine, no Kafka)");
    expect(line).not.toContain("\n");
  });
});
