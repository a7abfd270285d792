/** An agent that is given several times what it can do. */
import { gate } from "../../bus/scenes.ts";
import { until } from "../../until.ts";
import { agentOf, QUIET } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const TASKS = 60;
const PAUSE = 12;

export const slowAgent: Scenario = {
  guard: "backpressure",
  name: "slow-agent",
  story: `A slow agent is given ${TASKS} tasks at once; it can hold ${PAUSE}.`,
  without: "the marks of flow control",
  scene(isGuarded) {
    const at = gate();
    let [now, most, done] = [0, 0, 0];
    const slow = agentOf("slow", async () => {
      now += 1;
      most = Math.max(most, now);
      await at.passed;
      now -= 1;
      done += 1;
      return "done";
    });
    const quick = agentOf("quick", async () => "done");
    const marks = isGuarded ? { lower: 4, upper: 8, pause: PAUSE } : { lower: 0, upper: 0, pause: 0 };
    const flow = { agent: marks, intervalMs: 20, retryAfterMs: 60, orderEveryMs: 50 };
    return {
      bus: { agents: [slow, quick], policy: { ...QUIET, flow }, limitMs: 60_000 },
      play: async (bus) => {
        const started = Array.from({ length: TASKS }, () => bus.start("slow", {}));
        for (const one of started) one.catch(() => undefined);
        const isFull = (): boolean => most >= (isGuarded ? PAUSE : TASKS);
        await until(isFull, "the slow agent has all that it is given", 45_000);
        // Others go on meanwhile.
        for (let n = 0; n < 10; n += 1) await bus.submit("quick", {});
        at.open();
        const handles = await Promise.all(started);
        await Promise.all(handles.map((handle) => bus.outcome(handle)));
      },
      look: () => ({
        isHarmed: most > PAUSE || done < TASKS,
        told: `${most > PAUSE ? `more than ${PAUSE}` : `no more than ${PAUSE}`} open at once, ${done} of ${TASKS} done in the end`,
      }),
    };
  },
};
