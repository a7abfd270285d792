import { until } from "@busbar/testkit";
import { describe, expect, it } from "vitest";
import { FAILED_STARTS_MAX, Instance, type InstanceOptions, RESTARTS_MAX, type RunningProcess } from "./instance.ts";

/** Bounds of a busy machine. */
const LIMIT_MS = 45_000;
const soon = (holds: () => boolean, what: string): Promise<void> => until(holds, what, LIMIT_MS);

interface Fake extends RunningProcess {
  end(how: string): void;
}

function fake(pid: number): Fake {
  let end: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (end = resolve));
  return {
    ready: { ready: true, http: `http://${pid}`, pid },
    ended,
    kill: () => end("signal SIGKILL"),
    stop: () => Promise.resolve(end("it was stopped")),
    end,
  };
}

/** An instance whose processes are ours; time passes only in its pauses. */
function harness(more: Partial<InstanceOptions> = {}) {
  const processes: Fake[] = [];
  const pauses: number[] = [];
  const time = { nowMs: 0 };
  const instance = new Instance({
    name: "a@1-1",
    launch: () => {
      const made = fake(processes.length + 1);
      processes.push(made);
      return Promise.resolve(made);
    },
    ask: () => Promise.resolve(true),
    pause: (delayMs) => {
      pauses.push(delayMs);
      time.nowMs += delayMs;
      return new Promise((resolve) => setTimeout(resolve, 1));
    },
    nowMs: () => time.nowMs,
    note: () => undefined,
    ...more,
  });
  return { instance, processes, pauses };
}

const state = (instance: Instance): string => instance.status().state;

describe("a supervised process", { timeout: LIMIT_MS }, () => {
  it("is ready when its page says so, and stops when it is told to [deploy:supervised]", async () => {
    const { instance, processes } = harness();
    await soon(() => state(instance) === "ready", "it is ready");
    expect(instance.status()).toMatchObject({ pid: 1, restarts: 0 });
    await instance.stop();
    expect(state(instance)).toBe("stopped");
    expect(processes).toHaveLength(1);
  });

  it("that dies is started again, after pauses that grow [deploy:supervised]", async () => {
    const { instance, processes, pauses } = harness();
    for (let life = 1; life <= 3; life += 1) {
      await soon(() => processes.length === life && state(instance) === "ready", `life ${life}`);
      processes.at(-1)?.end("signal SIGKILL");
      await soon(() => instance.status().restarts === life, `restart ${life}`);
    }
    // Without those of 500 ms, which are also the pauses between two looks at the pages.
    expect(pauses.filter((delayMs) => delayMs !== 500)).toEqual([250, 1000]);
    await instance.stop();
  });

  it("that never becomes ready is given up after a few starts, with the reason [deploy:supervised]", async () => {
    let starts = 0;
    const { instance } = harness({
      launch: () => {
        starts += 1;
        return Promise.reject(new Error("exit code 7"));
      },
    });
    await soon(() => state(instance) === "failed", "it is given up");
    expect(starts).toBe(FAILED_STARTS_MAX);
    expect(instance.status().reason).toBe("exit code 7");
    await instance.stop();
  });

  it("that keeps dying after it was ready is given up as well [deploy:supervised]", async () => {
    const { instance, processes } = harness();
    for (let life = 1; state(instance) !== "failed" && life < 20; life += 1) {
      await soon(() => processes.length === life && ["ready", "failed"].includes(state(instance)), `life ${life}`);
      processes.at(-1)?.end("exit code 9");
      await soon(() => processes.length > life || state(instance) === "failed", `end of life ${life}`);
    }
    expect(processes).toHaveLength(RESTARTS_MAX + 1);
    expect(instance.status().reason).toBe("exit code 9");
    await instance.stop();
  });

  it("that does not answer is killed and started again [deploy:supervised]", async () => {
    // Only the first process falls silent: a busy machine must not find the second one silent, too, and give it up.
    const mute = { is: false, processes: [] as readonly unknown[] };
    const { instance, processes } = harness({ ask: () => Promise.resolve(!mute.is || mute.processes.length > 1) });
    mute.processes = processes;
    await soon(() => state(instance) === "ready", "it is ready");
    mute.is = true;
    await soon(() => processes.length === 2, "a second process");
    expect(await processes[0]?.ended).toBe("signal SIGKILL");
    await soon(() => state(instance) === "ready", "it is ready again");
    await instance.stop();
  });

  it("that is alive and never ready is killed after a bound [deploy:supervised]", async () => {
    const { instance } = harness({ ask: (url) => Promise.resolve(url.endsWith("/livez")) });
    await soon(() => state(instance) === "failed", "it is given up");
    expect(instance.status().reason).toBe("signal SIGKILL");
    await instance.stop();
  });
});
