/** A broker that is slow, and one whose disk is full. */
import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "@busbar/infra";
import { until } from "@busbar/testkit";
import { rollDice } from "../../harness/dice.ts";
import type { Strike } from "../plan.ts";
import type { Scene } from "../scene.ts";
import type { FaultSpec, Range } from "../spec.ts";

/** A broker that only refuses writes may live on with its disk full; it is left so for as long, ms. */
const FULL_MS = 15_000;

export async function slow(
  scene: Scene,
  { pick }: Strike,
  { links, delayMs, forMs }: Extract<FaultSpec, { kind: "slow" }>,
): Promise<string> {
  const dice = rollDice(pick);
  const link = links[dice.below(links.length)] ?? "gateway";
  const between = ({ from, to }: Range): number => from + dice.below(to - from + 1);
  const wires = scene.wires().links;
  wires.slow(link, between(delayMs));
  await delay(between(forMs));
  wires.slow(link, 0);
  await scene.doorsOpen();
  return `slow ${link}`;
}

export async function diskFull(scene: Scene): Promise<string> {
  const [broker] = scene.brokers.nodes;
  if (broker === undefined) throw new Error("there is no broker");
  const makeRoom = scene.brokers.fillDisk();
  try {
    await until(() => !isAlive(broker.pid), "the broker gives up", FULL_MS).then(
      () => scene.count("brokers that gave up"),
      () => scene.count("brokers that lived on"),
    );
  } finally {
    makeRoom();
  }
  await broker.restart();
  await scene.doorsOpen();
  return "disk full";
}
