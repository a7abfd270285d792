/** A vendor that is down, comes back, fails the probe, and is well in the end, while gateways come and go. */
import type { TestBus } from "../../bus/test-bus.ts";
import { until } from "../../until.ts";
import { agentOf, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const TASKS = 16;
/** Failures that open the breaker, those under way meanwhile, and one failed probe. */
const ALLOWED = 8;
const COOLDOWN_MS = 1200;
/** Calls that go through again: what was cut off is open for both agents. */
const WELL = 6;

export const sickVendor: Scenario = {
  guard: "breakers",
  name: "sick-vendor",
  story:
    "A vendor is down; two agents go on calling it, over two partitions and two gateways; in the end it is well again.",
  without: "breakers",
  scene(isGuarded) {
    let [isSick, sick, well] = [true, 0, 0];
    const vendor = toolOf({
      name: "vendor.ask",
      effect: "read",
      run: () => {
        if (!isSick) return { ok: (well += 1) };
        sick += 1;
        throw new Error("503 from the vendor");
      },
    });
    const askers = ["anna", "ben"].map((name) => agentOf(name, (_input, ctx) => ctx.tool("vendor.ask", {})));
    const breaker = isGuarded ? { cooldownMs: COOLDOWN_MS } : QUIET.breaker;
    return {
      bus: { agents: askers, tools: [vendor], policy: { rules: QUIET.rules, breaker } },
      play: async (bus) => {
        const ask = async (n: number) => (await bus.submit(n % 2 === 0 ? "anna" : "ben", {})).state === "completed";
        for (let n = 0; n < TASKS; n += 1) {
          await ask(n);
          // The order takes its time to both doors; calls that come faster are under way meanwhile.
          if (isGuarded && n === 3) await until(() => opened(bus) >= 2, "both doors have it open", 30_000);
        }
        const before = sick;
        // The breaker is half-open after its time: a probe gets through, fails, and opens it again.
        for (let n = 0; sick === before && n < 200; n += 1) await askAfter(ask, n);
        await bus.replaceGateway();
        isSick = false;
        for (let n = 0; n < 200 && well < WELL; n += 1) await askAfter(ask, n);
      },
      look: () => {
        const isBack = well >= WELL;
        const calls = sick <= ALLOWED ? `no more than ${ALLOWED}` : "all";
        const after = isBack ? "well again, it is called" : "well again, it is not called";
        return {
          isHarmed: sick > ALLOWED || !isBack,
          told: `${calls} of ${TASKS + 1} calls reached it while it was down; ${after}`,
        };
      },
    };
  },
};

const opened = (bus: TestBus): number =>
  bus.events().filter((event) => "applied" in event && event.applied.some(({ kind }) => kind === "OpenBreaker")).length;

async function askAfter(ask: (n: number) => Promise<boolean>, n: number): Promise<boolean> {
  await new Promise((resolve) => void setTimeout(resolve, 50));
  return ask(n);
}
