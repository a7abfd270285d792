/**
 * Which broker this machine uses: the one that is given, else Docker, else Java with Maven, else the embedded log.
 *
 * B1 The choice is a function of the environment and of the probes' answers; a probe is asked only when it matters.
 * B2 A given or forced choice is never replaced by another one: what it lacks is an error.
 */
import { busbarError } from "@busbar/kernel";

export const BROKER_KINDS = ["given", "docker", "jvm", "embedded"] as const;
export type BrokerKind = (typeof BROKER_KINDS)[number];

export interface BrokerChoice {
  readonly kind: BrokerKind;
  /** Half a sentence for a person: why this one. */
  readonly reason: string;
  /** Asked for by name: no other one may stand in. */
  readonly forced: boolean;
  /** Only of `given`. */
  readonly brokers: readonly string[];
  /** Only of `given`; null where none was named. */
  readonly registryUrl: string | null;
}

/** Whether a way is open, and what to say about it. */
export interface Probe {
  readonly ok: boolean;
  readonly reason: string;
}

export interface BrokerProbes {
  docker(): Promise<Probe>;
  jvm(): Promise<Probe>;
}

const local = (kind: BrokerKind, reason: string, forced: boolean): BrokerChoice => ({
  kind,
  reason,
  forced,
  brokers: [],
  registryUrl: null,
});

function given(list: string, env: NodeJS.ProcessEnv): BrokerChoice {
  const brokers = list.split(",").map((broker) => broker.trim());
  const bad = brokers.find((broker) => !/^\S+:\d+$/.test(broker));
  if (bad !== undefined) {
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: "BUSBAR_BROKERS",
      reason: `"${bad}" is not host:port`,
      next: "set BUSBAR_BROKERS to host:port[,host:port...]",
    });
  }
  const registryUrl = env["SCHEMA_REGISTRY_URL"];
  return { ...local("given", "BUSBAR_BROKERS is set", true), brokers, registryUrl: registryUrl || null };
}

function forced(kind: string): BrokerChoice {
  if (kind !== "docker" && kind !== "jvm" && kind !== "embedded") {
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: "BUSBAR_BROKER",
      reason: `"${kind}" is not one of docker, jvm, embedded`,
      next: "set BUSBAR_BROKER to one of them, or unset it",
    });
  }
  return local(kind, `BUSBAR_BROKER is ${kind}`, true);
}

/** Goes down the ladder. Errors: BUSBAR_INPUT_INVALID for a variable that says nothing usable. */
export async function chooseBroker(env: NodeJS.ProcessEnv, probes: BrokerProbes): Promise<BrokerChoice> {
  const list = env["BUSBAR_BROKERS"];
  if (list !== undefined && list !== "") return given(list, env);
  const kind = env["BUSBAR_BROKER"];
  if (kind !== undefined && kind !== "") return forced(kind);
  const docker = await probes.docker();
  if (docker.ok) return local("docker", docker.reason, false);
  const jvm = await probes.jvm();
  if (jvm.ok) return local("jvm", `${docker.reason}; ${jvm.reason}`, false);
  return local("embedded", `${docker.reason}; ${jvm.reason}`, false);
}

const NAMES: Readonly<Record<BrokerKind, string>> = {
  given: "the given broker",
  docker: "Kafka in Docker",
  jvm: "Kafka as a local process",
  embedded: "the embedded log (one process on one machine, no Kafka)",
};

/** One line for a person. */
export function describeChoice(choice: BrokerChoice): string {
  const where = choice.kind === "given" ? ` ${choice.brokers.join(",")}` : "";
  return `broker: ${NAMES[choice.kind]}${where}, because ${choice.reason}`;
}
