/**
 * Consumer groups as a broker runs them: members join, say what they own, and are given partitions; one that is silent
 * for the session is put out and, when it is heard of again, learns that and joins anew. While the weather is bad the
 * assignment is sometimes drawn by lot: nobody's safety may rest on it.
 */
import type { JoinOptions, Membership, OwnedPartition } from "@busbar/log";
import type { Broker } from "./broker.ts";
import type { Network } from "./network.ts";
import type { SimNode } from "./node.ts";

const SESSION_MS = 3000;
const WATCH_MS = 500;
const REBALANCE_LIMIT_MS = 2000;

interface Member {
  readonly name: string;
  readonly node: SimNode;
  readonly options: JoinOptions;
  joinedAtMs: number;
  seenAtMs: number;
  /** What it said in this round; null: it has not answered yet. */
  owned: readonly OwnedPartition[] | null;
  /** The round in which it was asked; who comes during a round waits for the next one. */
  asked: number;
  /** Of the last assignment that reached it. */
  generation: number;
  state: "member" | "out" | "left";
}

interface Group {
  readonly name: string;
  readonly members: Member[];
  generation: number;
  isRebalancing: boolean;
  isAskedAgain: boolean;
}

export class Groups {
  readonly #broker: Broker;
  readonly #network: Network;
  readonly #groups = new Map<string, Group>();
  /** Share of assignments that are drawn by lot. */
  lotShare = 0;
  #members = 0;

  constructor(broker: Broker, network: Network) {
    this.#broker = broker;
    this.#network = network;
    this.#watch();
  }

  join(node: SimNode, options: JoinOptions): Membership {
    const { scheduler } = this.#network;
    const group = this.#group(options.group);
    this.#members += 1;
    const name = `${node.name}#${this.#members}`;
    const { nowMs } = scheduler;
    const times = { joinedAtMs: nowMs, seenAtMs: nowMs, generation: 0, asked: 0 };
    const member: Member = { name, node, options, owned: null, state: "member", ...times };
    group.members.push(member);
    this.rebalance(options.group);
    return {
      memberName: name,
      heartbeats: () => ({
        generation: member.generation,
        count: Math.floor((member.seenAtMs - member.joinedAtMs) / WATCH_MS),
      }),
      commit: (topic, positions) => this.#commit(member, topic, positions),
      leave: () => {
        member.state = "left";
        scheduler.schedule(this.#network.delayMs(), null, `${name} leaves`, () => this.#remove(group, member));
        return Promise.resolve();
      },
    };
  }

  names(): readonly string[] {
    return [...this.#groups.keys()];
  }

  /** A new round: everybody says what it owns, then all partitions are given out. */
  rebalance(name: string): void {
    const { scheduler } = this.#network;
    const group = this.#group(name);
    if (group.isRebalancing) {
      group.isAskedAgain = true;
      return;
    }
    group.isRebalancing = true;
    group.isAskedAgain = false;
    group.generation += 1;
    const { generation } = group;
    for (const member of group.members) this.#ask(group, member, generation);
    scheduler.schedule(REBALANCE_LIMIT_MS, null, `${name}: round ${generation} is over`, () =>
      this.#assign(group, generation),
    );
  }

  #group(name: string): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const made: Group = { name, members: [], generation: 0, isRebalancing: false, isAskedAgain: false };
    this.#groups.set(name, made);
    return made;
  }

  async #commit(member: Member, topic: string, positions: ReadonlyMap<number, bigint>): Promise<void> {
    const channel = this.#network.open(member.node);
    const answer = await channel.ask(`commit ${topic}`, () => {
      if (member.state !== "member") return false;
      for (const [partition, next] of positions) this.#broker.commit(member.options.group, topic, partition, next);
      return true;
    });
    if (answer !== true) throw new Error("the commit was not taken");
  }

  #ask(group: Group, member: Member, generation: number): void {
    member.owned = null;
    member.asked = generation;
    const delayMs = this.#network.delayMs();
    member.node.later(delayMs, `${group.name}: join round ${generation}`, () => {
      if (member.node.cutSinceMs !== null || member.state !== "member") return;
      const owned = member.options.owned();
      this.#network.scheduler.schedule(this.#network.delayMs(), null, `${member.name} joined`, () => {
        if (group.generation !== generation || !group.isRebalancing) return;
        member.owned = owned;
        if (group.members.every((one) => one.owned !== null || one.asked !== generation)) {
          this.#assign(group, generation);
        }
      });
    });
  }

  #assign(group: Group, generation: number): void {
    if (group.generation !== generation || !group.isRebalancing) return;
    group.isRebalancing = false;
    const silent = group.members.filter((member) => member.owned === null && member.asked === generation);
    keepOnly(group.members, (member) => !silent.includes(member));
    for (const member of silent) this.#putOut(member);
    const present = group.members.filter((member) => member.asked === generation);
    if (present.length > 0) this.#give(group.name, present, generation);
    if (present.length < group.members.length) group.isAskedAgain = true;
    if (group.isAskedAgain) this.rebalance(group.name);
  }

  #give(name: string, members: readonly Member[], generation: number): void {
    const [first] = members;
    const count = this.#broker.partitions(first?.options.topics[0] ?? "");
    const byLot = this.#network.scheduler.chance(this.lotShare);
    const given = new Map<Member, number[]>(members.map((member) => [member, []]));
    for (let partition = 0; partition < count; partition += 1) {
      const member = byLot ? this.#network.scheduler.pick(members) : this.#keeper(given, partition, count);
      given.get(member)?.push(partition);
    }
    for (const [member, partitions] of given) {
      const what = `${name}: ${member.name} has ${partitions.join(",")}`;
      member.node.later(this.#network.delayMs(), what, () => {
        if (member.state !== "member" || generation <= member.generation) return;
        member.generation = generation;
        member.options.onAssignment(partitions, generation);
      });
    }
  }

  /** Who claims the highest epoch of it and has not its share yet; else who has the fewest. */
  #keeper(given: ReadonlyMap<Member, readonly number[]>, partition: number, count: number): Member {
    const members = [...given.keys()];
    const share = Math.ceil(count / members.length);
    const epochOf = (member: Member): bigint =>
      member.owned?.find((owned) => owned.partition === partition)?.epoch ?? -1n;
    const free = members.filter((member) => (given.get(member)?.length ?? 0) < share);
    const owners = free.filter((member) => epochOf(member) >= 0n);
    const [owner] = owners.toSorted((a, b) => (epochOf(b) > epochOf(a) ? 1 : -1));
    const [least] = free.toSorted((a, b) => (given.get(a)?.length ?? 0) - (given.get(b)?.length ?? 0));
    const found = owner ?? least;
    if (found === undefined) throw new Error("a group without members is given nothing");
    return found;
  }

  #remove(group: Group, member: Member): void {
    keepOnly(group.members, (one) => one !== member);
    if (group.members.length > 0) this.rebalance(group.name);
  }

  /** The coordinator's look at the sessions, again and again. */
  #watch(): void {
    const { scheduler } = this.#network;
    scheduler.schedule(WATCH_MS, null, "sessions", () => {
      for (const group of this.#groups.values()) for (const member of group.members.slice()) this.#look(group, member);
      this.#watch();
    });
  }

  #look(group: Group, member: Member): void {
    const { nowMs } = this.#network.scheduler;
    if (member.node.isReachable) {
      member.seenAtMs = nowMs;
      return;
    }
    if (nowMs - member.seenAtMs <= SESSION_MS) return;
    this.#remove(group, member);
    this.#putOut(member);
  }

  #putOut(member: Member): void {
    if (member.state !== "member" || member.node.state === "dead") return;
    member.state = "out";
    // A frozen node learns it when it thaws, one that is cut off by its own watch.
    member.node.later(0, `${member.name} is out of its group`, () => {
      member.options.onLost("no heartbeat succeeded");
      this.#rejoin(member);
    });
  }

  #rejoin(member: Member): void {
    if (member.node.isReachable) {
      member.state = "member";
      member.owned = null;
      member.joinedAtMs = this.#network.scheduler.nowMs;
      member.seenAtMs = member.joinedAtMs;
      const group = this.#group(member.options.group);
      if (!group.members.includes(member)) group.members.push(member);
      return this.rebalance(group.name);
    }
    member.node.later(WATCH_MS, `${member.name} tries to join`, () => {
      if (member.state !== "left") this.#rejoin(member);
    });
  }
}

function keepOnly<T>(list: T[], isKept: (one: T) => boolean): void {
  const kept = list.filter(isKept);
  list.splice(0, list.length, ...kept);
}
