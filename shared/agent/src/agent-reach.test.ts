/** An agent that could not reach the log says so, and is itself again when it can, also where it has nothing to say. */
import { type EventLog, type FollowOptions, forwardingLog } from "@busbar/log";
import { afterEach, expect, it } from "vitest";
import type { AgentProcess } from "./agent-process.ts";
import { runAgent } from "./agent-runner.ts";
import { createClient } from "./client.ts";
import { defineAgent } from "./define-agent.ts";
import { createTestBus, KEY, PREFIX } from "./test-bus.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** An agent whose log can be cut: commands and beats are unknown, inbox followers are told. */
async function idleAgent() {
  const bus = await createTestBus(["worker"]);
  const followers: FollowOptions[] = [];
  let assign: (partitions: readonly number[]) => void = () => undefined;
  let isCut = false;
  let areBeatsCut = false;
  const log: EventLog = {
    ...forwardingLog(bus.log),
    async publish(publications) {
      const isBeat = publications[0]?.topic.endsWith(".heartbeats") ?? false;
      if (isBeat ? areBeatsCut : isCut) return publications.map(() => ({ kind: "unknown", cause: "cut" }) as const);
      return bus.log.publish(publications);
    },
    join: (options) => {
      assign = (partitions) => options.onAssignment(partitions, 2);
      return bus.log.join(options);
    },
    follow: (options) => {
      if (options.topic.includes(".inbox.")) followers.push(options);
      return bus.log.follow(options);
    },
  };
  const agent = defineAgent({ name: "worker", version: "1", handler: async (_task, ctx) => ctx.tool("a", {}) });
  const given = { log, codec: bus.codec, agent, prefix: PREFIX, key: KEY, isOrderSigned: () => true };
  const process: AgentProcess = await runAgent({ ...given, instance: "one", heartbeatMs: 5, answerTimeoutMs: 60_000 });
  ends.push(
    () => bus.close(),
    () => process.stop(),
  );
  const cut = (commands: boolean, beats: boolean): void => {
    [isCut, areBeatsCut] = [commands, beats];
  };
  return { bus, process, followers, cut, assign: (partitions: readonly number[]) => assign(partitions) };
}

it("whose command was not taken is degraded until a beat of it is on the log [agents:reach-is-told]", async () => {
  const { bus, process, cut } = await idleAgent();
  cut(true, true);

  const client = createClient({ log: bus.log, codec: bus.codec, prefix: PREFIX, name: "test", key: KEY });
  ends.push(() => client.close());
  await client.submit({ agent: "worker", input: null, key: "k", timeoutMs: 2000 });
  await expect.poll(() => process.state().state).toBe("degraded");
  // The command itself is sent again only after a minute.
  cut(true, false);
  await expect.poll(() => process.state().state).toBe("working");
});

it("whose inbox answers again is itself again, though nothing was in it [agents:reach-is-told]", async () => {
  const { process, followers } = await idleAgent();
  await expect.poll(() => followers.length).toBeGreaterThan(0);
  const away = { kind: "unreachable", cause: new Error("cut") } as const;
  for (const follower of followers) follower.onProblem(away);
  expect(process.state().state).toBe("degraded");
  const [first, ...others] = followers;
  for (const follower of others) follower.onReached?.();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(process.state().state, "one inbox partition is still away, whatever else is there").toBe("degraded");
  first?.onReached?.();
  expect(process.state().state).toBe("idle");
});

it("is itself again when the inbox partition that was away is another process's [agents:reach-is-told]", async () => {
  const { process, followers, assign } = await idleAgent();
  await expect.poll(() => followers.length).toBe(2);
  const [lost] = followers;
  lost?.onProblem({ kind: "unreachable", cause: new Error("cut") });
  expect(process.state().state).toBe("degraded");
  assign([1 - (lost?.partition ?? 0)]);
  expect(process.state().state).toBe("idle");
});
