/** topics.md: every topic with its settings, from the declaration that is applied to the broker. */
import { topicSpecs } from "@busbar/infra";
import { code, pageOf, table } from "./markdown.ts";

const PARTITIONS = 7;

const WHAT: Readonly<Record<string, string>> = {
  events: "the facts; written by each partition's owner alone",
  commands: "requests of agents and clients; each may be refused",
  control: "signed answers of operators, for example how an effect in doubt ended",
  directives: "signed orders in one total order: halts, resumes, freezes, breakers, policy, grants",
  signals: "outcomes of tools, keyed by tool, for what is counted across chains",
  heartbeats: "signs of life of supervisors and agents",
  checkpoints: "state of partitions, to load from; a cache",
  "dead-letters": "what could not be read, with bytes, reason and origin",
  blobs: "results and arguments too large for a record, in content-addressed chunks",
};

function settingsOf(config: Readonly<Record<string, string>>, common: ReadonlySet<string>): string {
  const own = Object.entries(config).filter(([key, value]) => !common.has(`${key}=${value}`));
  return own.map(([key, value]) => code(`${key}=${value}`)).join(" ");
}

/** The page, from the declaration with the default prefix and durability on the disk. */
export function topicsPage(): string {
  const options = { prefix: "busbar", partitions: PARTITIONS, agents: ["<agent>"] };
  const specs = topicSpecs({ ...options, durability: "disk" });
  const lists = specs.map(({ config }) => Object.entries(config).map(([key, value]) => `${key}=${value}`));
  const common = new Set((lists[0] ?? []).filter((setting) => lists.every((list) => list.includes(setting))));
  const rows = specs.map(({ name, partitions, config }) => {
    const noun = name.slice("busbar.".length);
    const what = WHAT[noun] ?? "events of the agent's chains, for that agent alone";
    return [code(name), partitions === 1 ? "1" : "P", settingsOf(config, common), what];
  });
  return pageOf("Topics", [
    "Generated from `infra/src/topics.ts`. `busbar` stands for the prefix (`BUSBAR_PREFIX`); `P` is the one partition count of everything that is keyed by chain, chosen when the topics are made and never changed (`npx busbar up --partitions <count>`; 4 when nothing is said).",
    table(["Topic", "Partitions", "Settings", "What it holds"], rows),
    `All of them: ${[...common].map(code).join(", ")}.`,
    "`flush.messages=1` is set where events and directives have to survive a power loss on one replica. `npx busbar topics` compares the broker with this declaration; `npx busbar topics apply` creates what is missing and changes nothing.",
  ]);
}
