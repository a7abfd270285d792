/**
 * Agent processes killed in the middle of chains that reach over two agents: support (an XState machine) hands the
 * stock question to the warehouse, refunds, mails. The database's own journal says how often each effect happened.
 */
import { expect, inject, test } from "vitest";
import { type Bus, withBus } from "../harness/bus.ts";
import { crowdOf } from "../harness/crowd.ts";
import { judgeFires } from "../harness/fires.ts";
import { type Lives, watchLives } from "../harness/lives.ts";
import type { ServiceProcess } from "../harness/process.ts";

const KILLS = 20;
type Role = "support" | "warehouse";
const CREW: readonly Role[] = ["support", "support", "support", "warehouse", "warehouse", "warehouse"];
/** Killed together; one of each role is left. */
const WAVE: readonly Role[] = ["support", "support", "warehouse", "warehouse"];

/** The processes of both roles: what is left takes over while the killed ones are replaced. */
class Crew {
  readonly #bus: Bus;
  readonly #lives: Lives;
  readonly #services = new Map<Role, ServiceProcess[]>();
  #count = 0;

  constructor(bus: Bus, lives: Lives) {
    this.#bus = bus;
    this.#lives = lives;
  }

  async start(role: Role): Promise<void> {
    this.#count += 1;
    const service = await this.#bus.agent(`${role}-${this.#count}`, { names: [role] });
    const same = this.#services.get(role) ?? [];
    this.#services.set(role, [...same, service]);
  }

  /** Kills a process of the role that runs chains now, and replaces it; asks for load while none does. */
  async killBusy(role: Role, fill: () => void): Promise<void> {
    const victim = await this.#takeBusy(role, fill);
    await victim.kill();
    await this.start(role);
  }

  /** Out of the crew at once, so that nobody else takes the same one. */
  async #takeBusy(role: Role, fill: () => void): Promise<ServiceProcess> {
    const busy = (): ServiceProcess | undefined => {
      fill();
      return this.#services.get(role)?.find(({ name }) => this.#lives.chains(`${name}/${role}`) > 0);
    };
    for (;;) {
      await this.#lives.until(() => busy() !== undefined, `a ${role} process runs a chain`);
      const victim = busy();
      if (victim === undefined) continue;
      const others = (this.#services.get(role) ?? []).filter((one) => one !== victim);
      this.#services.set(role, others);
      return victim;
    }
  }
}

const countBy = (values: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(values, (value) => value)].map(([value, found]) => [value, found.length]));

test(
  `${KILLS} agents killed in the middle of chains: every chain completes in another process, each side effect done once [chaos:agents-killed] [agents:resume-after-kill] [agents:reassigned-without-life] [agents:machine-agent] [agents:subtask] [effects:rerun-gets-recorded-answer]`,
  { timeout: 120_000 },
  async () => {
    await withBus({ brokers: inject("brokers"), name: "agents", inventoryMs: 500 }, async (bus) => {
      const lives = await watchLives(bus.log, bus.codec, bus.topics.heartbeats);
      const crew = new Crew(bus, lives);
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), ...CREW.map((role) => crew.start(role))]);
      await bus.doorsOpen();
      const input = (n: number) => ({ orderId: n, reason: `reason ${n}` });
      const crowd = crowdOf(bus, { agent: "support", input, perPartition: 2 });
      for (let killed = 0; killed < KILLS; killed += WAVE.length) {
        await Promise.all(WAVE.map((role) => crew.killBusy(role, crowd.fill)));
      }
      await crowd.settled();
      const { watch } = bus;
      await watch.until(() => crowd.open().length === 0, "every acknowledged chain ends", 40_000);
      await lives.stop();
      const report = await bus.check();
      const outputs = watch
        .ofType("TaskCompleted")
        .filter(({ event }) => event.meta.agent === "support")
        .map(({ event }) => JSON.parse(event.output) as { readonly state: string });
      const fired = countBy(bus.fires().map(({ tool }) => tool));
      const again = watch.ofType("TaskAssigned").filter(({ event }) => event.incarnation > 1).length;
      const { effects, lost, duplicated } = report.effects;
      console.info(
        `${KILLS} agents killed: ${crowd.acknowledged().length} chains, ${again} assigned again, ${effects} effects, ` +
          `${lost} lost, ${duplicated} duplicated, fired ${JSON.stringify(fired)}`,
      );
      const chains = crowd.acknowledged().length;
      expect(report.findings).toEqual([]);
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
      expect(outputs.filter(({ state }) => state === "refunded")).toHaveLength(chains);
      expect(fired, "each side effect of each chain fired once").toEqual({
        "inventory.sync": chains,
        "mail.send": chains,
        "orders.refund": chains,
      });
      expect(effects).toBe(3 * chains);
      expect(again, "killed processes ran chains").toBeGreaterThanOrEqual(KILLS / 2);
      expect(watch.ofType("Diverged")).toEqual([]);
    });
  },
);
