/**
 * Agents deployed with the command line as typed, on the real broker: an upgrade under load with processes killed in the
 * middle, versions that fall over, a halt that outlives restart and redeploy. Who did what is judged from the tools'
 * database and the raw commands.
 */
import { expect, inject, test } from "vitest";
import { type Bus, withBus } from "../harness/bus.ts";
import { type Crowd, crowdOf } from "../harness/crowd.ts";
import { type Deployed, isRunning, openDeployed, type Typed } from "../harness/deployed.ts";
import { splitChains, type VersionFacts, versionFacts } from "../harness/version-oracle.ts";
import { until as untilWithin } from "@busbar/testkit";

const AGENT = "courier";
const NOTES = 8;

/** Leaves its version and chain in the tools' database at each step; a call that failed is made again. */
const HANDLER = `for (let n = 0; n < ${NOTES}; n += 1) {
    for (let isDone = false; !isDone;) {
      isDone = await ctx.tool("orders.annotate", { orderId: input.orderId, n, text: VERSION + " " + chainId })
        .then(() => true, (thrown) => {
          if (isCallError(thrown) && thrown.kind === "failed") return false;
          throw thrown;
        });
    }
  }
  return { version: VERSION };`;

/** Bounds of a busy machine. */
const until = (holds: () => boolean, what: string): Promise<void> => untilWithin(holds, what, 60_000);

const ok = ({ code, out, err }: Typed): string => {
  expect(code, `${out}\n${err}`).toBe(0);
  return out;
};

async function withDeployed(
  name: string,
  gateways: readonly string[],
  work: (bus: Bus, deployed: Deployed) => Promise<void>,
): Promise<void> {
  // An effect that a busy machine starts too late is an error of the call, and no reason to stop these chains.
  const project = { rules: { consecutiveErrors: 0 }, fireBoundMs: 5000, timeoutMs: 3000 };
  await withBus({ brokers: inject("brokers"), name, project }, async (bus) => {
    const deployed = openDeployed(bus.env, AGENT);
    try {
      await Promise.all([bus.supervisor("s1"), ...gateways.map((one) => bus.gateway(one))]);
      await bus.doorsOpen();
      await work(bus, deployed);
    } finally {
      await deployed.close();
    }
  });
}

const orders = (bus: Bus, kind: string): readonly string[] =>
  bus.watch
    .ofType("DirectivesApplied")
    .filter(({ partition }) => partition === 0)
    .flatMap(({ event }) => event.applied.filter((applied) => applied.kind === kind).map(({ id }) => id));

const isApplied = (bus: Bus, kind: string, version: string): boolean =>
  orders(bus, kind).includes(`${AGENT}@${version}`);

const outputs = (bus: Bus): ReadonlyMap<string, string> =>
  new Map(
    bus.watch
      .ofType("TaskCompleted")
      .filter(({ event }) => event.meta.agent === AGENT)
      .map(({ event }) => [event.meta.chainId, (JSON.parse(event.output) as { readonly version: string }).version]),
  );

const factsOf = (bus: Bus): Promise<VersionFacts> =>
  versionFacts({ database: bus.shop, log: bus.log, codec: bus.codec, commands: bus.topics.commands, agent: AGENT });

const completedBy = (bus: Bus, version: string): number =>
  [...outputs(bus).values()].filter((found) => found === version).length;

/** Keeps the crowd filled until `isEnough`. */
async function underLoad(bus: Bus, crowd: Crowd, isEnough: () => boolean): Promise<void> {
  while (!isEnough()) {
    crowd.fill();
    const seen = bus.watch.events.length;
    await bus.watch.until(() => bus.watch.events.length > seen, "the log grows");
  }
}

test.concurrent(
  "version 1 to version 2 under load, a process of each version and a gateway killed in the middle: no chain lost, none split [deploy:upgrade-under-load] [deploy:versions-side-by-side] [deploy:supervised]",
  { timeout: 240_000 },
  async () => {
    await withDeployed("upgrade", ["g1", "g2"], async (bus, deployed) => {
      const input = (n: number) => ({ orderId: (n % 50) + 1 });
      const crowd = crowdOf(bus, { agent: AGENT, input, perPartition: 2 });
      deployed.write("1", HANDLER);
      ok(await deployed.typed("deploy", AGENT, "--instances", "2"));
      await underLoad(bus, crowd, () => completedBy(bus, "1") >= 6);
      // The files of version 1 are overwritten: its processes have a copy of their own.
      deployed.write("2", HANDLER);
      const upgrade = deployed.typed("deploy", AGENT, "--instances", "2");
      await underLoad(bus, crowd, () => isApplied(bus, "AgentPromoted", "2"));
      const [oldProcess = 0] = deployed.pids("1");
      const [newProcess = 0] = deployed.pids("2");
      expect([oldProcess, newProcess].every((pid) => pid > 0 && isRunning(pid))).toBe(true);
      process.kill(oldProcess, "SIGKILL");
      process.kill(newProcess, "SIGKILL");
      await bus.kill("g1");
      ok(await upgrade);
      await underLoad(bus, crowd, () => completedBy(bus, "2") >= 8);
      await crowd.settled();
      await bus.watch.until(() => crowd.open().length === 0, "every acknowledged chain ends", 60_000);
      await until(() => deployed.versions().join() === "2", "version 1 has no process any more");

      const facts = await factsOf(bus);
      const chains = crowd.acknowledged();
      console.info(
        `upgrade under load: ${chains.length} chains, ${completedBy(bus, "1")} on version 1, ${completedBy(bus, "2")} on version 2`,
      );
      expect(bus.watch.ofType("TaskFailed").map(({ event }) => `${event.code}: ${event.reason}`)).toEqual([]);
      expect(splitChains(facts.noted)).toEqual([]);
      expect(splitChains(facts.spoken)).toEqual([]);
      expect([...outputs(bus).keys()].sort()).toEqual(expect.arrayContaining([...chains].sort()));
      const whole = Array.from({ length: NOTES }, (_, n) => n);
      for (const chain of chains) {
        expect(facts.notes.get(chain), chain).toEqual(whole);
        expect([...(facts.noted.get(chain) ?? [])], chain).toEqual([outputs(bus).get(chain)]);
      }
      expect((await bus.check()).findings).toEqual([]);
    });
  },
);

/** A task of its own, run to its end; its chain and how it ended. */
async function task(bus: Bus, key: string): Promise<{ readonly chainId: string; readonly version: unknown }> {
  const handle = await bus.client.submit({ agent: AGENT, input: { orderId: 1 }, key, timeoutMs: 45_000 });
  const { state, output } = await bus.client.awaitOutcome(handle, { timeoutMs: 60_000 });
  expect(state).toBe("completed");
  return { chainId: handle.chainId, version: (output as { readonly version: unknown }).version };
}

const instancesOf = (deployed: Deployed, version: string): Promise<void> =>
  until(() => deployed.pids(version).length > 0 && deployed.pids(version).every(isRunning), `${version} runs`);

test.concurrent(
  "a version that falls over is rolled back by its health check, as a candidate and after its promotion; a rollback by hand and an undeploy leave nothing behind [deploy:broken-rolled-back] [deploy:rollback] [deploy:undeployed-refused] [deploy:leaves-nothing] [deploy:code-digest]",
  { timeout: 300_000 },
  async () => {
    await withDeployed("broken", ["g1"], async (bus, deployed) => {
      deployed.write("1", HANDLER);
      ok(await deployed.typed("deploy", AGENT));
      expect(await task(bus, "first")).toMatchObject({ version: "1" });

      // It loads, so it passes the checks; as a process it ends before it is ready.
      deployed.write("2", HANDLER, `if (process.argv.includes("--deployed")) process.exit(7);`);
      const broken = await deployed.typed("deploy", AGENT);
      expect(broken.code).toBe(1);
      expect(broken.err).toMatch(/version 2 of courier failed: courier@2-1: .*exit code 7/);
      expect(orders(bus, "AgentRolledBack")).toEqual([`${AGENT}@2`]);
      expect(orders(bus, "AgentPromoted")).toEqual([`${AGENT}@1`]);
      expect(await task(bus, "second")).toMatchObject({ version: "1" });

      // The same version with other code has to get another name.
      deployed.write("2", HANDLER);
      const renamed = await deployed.typed("deploy", AGENT);
      expect(renamed.code).toBe(5);
      expect(renamed.err).toContain("give it a new version in defineAgent");

      // It becomes ready, is promoted, and ends with its first chain.
      deployed.write("3", `process.exit(9);`);
      ok(await deployed.typed("deploy", AGENT));
      const { chainId, version } = await task(bus, "third");
      expect(version).toBe("1");
      const pinned = bus.watch.ofType("TaskAssigned").filter(({ event }) => event.meta.chainId === chainId);
      expect(pinned[0]?.event.version).toBe("3");
      expect(pinned.at(-1)?.event.version).toBe("1");
      expect(orders(bus, "AgentRolledBack")).toEqual([`${AGENT}@2`, `${AGENT}@3`]);

      deployed.write("4", HANDLER);
      ok(await deployed.typed("deploy", AGENT));
      expect(await task(bus, "fourth")).toMatchObject({ version: "4" });
      ok(await deployed.typed("deploy", AGENT, "--rollback", "--reason", "version 4 is too honest"));
      expect(await task(bus, "fifth")).toMatchObject({ version: "1" });
      const facts = await factsOf(bus);
      expect([...splitChains(facts.noted), ...splitChains(facts.spoken)]).toEqual([]);

      ok(await deployed.typed("scale", AGENT, "2"));
      await until(() => deployed.pids("1").filter(isRunning).length === 2, "two processes");
      const pids = [...deployed.pids("1"), deployed.supervisorPid()];
      ok(await deployed.typed("undeploy", AGENT, "--reason", "the test is over", "--timeout", "60s"));
      await until(() => !pids.some(isRunning), "nothing of it runs any more");
      const refused = bus.client.submit({ agent: AGENT, input: {}, key: "late", timeoutMs: 45_000 });
      await expect(refused).rejects.toMatchObject({ code: "BUSBAR_AGENT_UNDEPLOYED" });
    });
  },
);

test.concurrent(
  "a halted agent stays halted over a kill of its processes, a restart of their supervisor and a redeploy [deploy:halt-survives] [deploy:supervised] [deploy:status]",
  { timeout: 240_000 },
  async () => {
    await withDeployed("halted", ["g1"], async (bus, deployed) => {
      deployed.write("1", HANDLER);
      ok(await deployed.typed("deploy", AGENT));
      expect(await task(bus, "before")).toMatchObject({ version: "1" });
      ok(await deployed.typed("halt", `agent:${AGENT}`, "--reason", "the test says so", "--timeout", "45s"));
      const fence = bus.watch.ofType("HaltAcknowledged")[0]?.event.applied[0]?.offset ?? "";
      const halted = bus.watch.events.length;

      const [process1 = 0] = deployed.pids("1");
      process.kill(process1, "SIGKILL");
      await until(() => !deployed.pids("1").includes(process1), "another process");
      await instancesOf(deployed, "1");
      // The processes of a supervisor that is killed end with it; the next command starts another one.
      const [orphan = 0] = deployed.pids("1");
      process.kill(deployed.supervisorPid(), "SIGKILL");
      await until(() => !isRunning(orphan), "its processes end with it");
      deployed.write("2", HANDLER);
      ok(await deployed.typed("deploy", AGENT));
      const handle = await bus.client.submit({ agent: AGENT, input: { orderId: 1 }, key: "held", timeoutMs: 45_000 });
      const isHeld = ({
        event,
      }: {
        readonly event: { readonly type: string; readonly meta: { readonly chainId: string } };
      }) => event.type === "ChainHalted" && event.meta.chainId === handle.chainId;
      await bus.watch.until(() => bus.watch.events.some(isHeld), "the new task is held");
      const status = JSON.parse(ok(await deployed.typed("status", "-o", "json"))) as {
        readonly agents: readonly { readonly agent: string; readonly state: string }[];
        readonly deployments: readonly { readonly version: string; readonly state: string; readonly ready: number }[];
      };
      expect(status.agents.find(({ agent }) => agent === AGENT)?.state).toBe("halted");
      expect(status.deployments).toMatchObject([{ version: "2", state: "current", ready: 1 }]);
      const admitted = bus.watch.events.slice(halted).filter(({ event }) => event.type === "EffectAdmitted");
      expect(admitted.filter(({ event }) => event.meta.agent === AGENT)).toEqual([]);

      ok(await deployed.typed("resume", `agent:${AGENT}`, "--fence", fence, "--reason", "enough", "--timeout", "45s"));
      const { state, output } = await bus.client.awaitOutcome(handle, { timeoutMs: 60_000 });
      expect({ state, output }).toMatchObject({ state: "completed", output: { version: "2" } });
    });
  },
);
