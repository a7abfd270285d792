/** Two pages of one airline about one refund; what was promised by the old one had to be paid (Moffatt v. Air Canada, 2024). */
import type { AgentContext } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { agentOf, carelessly, QUIET, toolOf } from "../parts.ts";
import type { Scenario } from "../scenario.ts";

const TOPIC = "bereavement";
const OLD = "Refunds can be requested within 90 days after travel.";
const RIGHT = "A reduced fare has to be requested before travel.";
const DAY_MS = 86_400_000;

interface Airline {
  readonly name: string;
  readonly story: string;
  /** Calls of the assistant, and what it tells its customer in the end. */
  assistant(ctx: AgentContext): Promise<string>;
}

const readPage = (ctx: AgentContext, tool: string): Promise<{ readonly text: string }> =>
  ctx.tool<{ text: string }>(tool, { topic: TOPIC });

function airline({ name, story, assistant }: Airline): Scenario {
  return {
    guard: "reconciliation",
    name,
    story,
    without: "the declared authority",
    scene(isGuarded) {
      const told: string[] = [];
      // The old page's server runs a day ahead.
      const page = (text: string, aheadMs: number) => (): Json => ({ text, changed: Date.now() + aheadMs });
      const claimed = (source: string) => [
        { subject: "refund-policy:{$args.topic}", value: "$result.text", source, asOf: "$result.changed" },
      ];
      const website = toolOf({
        name: "website.page",
        effect: "read",
        volatile: true,
        claims: claimed("website"),
        run: page(OLD, DAY_MS),
      });
      const policy = toolOf({
        name: "policy.get",
        effect: "read",
        volatile: true,
        claims: claimed("policy"),
        run: page(RIGHT, 0),
      });
      const authorities = { "refund-policy:{topic}": { tool: "policy.get", args: { topic: "$args.topic" } } };
      const chat = agentOf("chat", async (_input, ctx) => ({ text: await assistant(ctx) }));
      return {
        bus: { agents: [chat], tools: [website, policy], policy: { ...QUIET, ...(isGuarded ? { authorities } : {}) } },
        play: async (bus) => {
          const { state, output } = await bus.submit("chat", {});
          if (state === "completed") told.push((output as { readonly text: string }).text);
        },
        look: () => ({
          isHarmed: told.includes(OLD),
          told: told.length === 0 ? "the customer is told nothing" : `the customer is told: ${told.join(" ")}`,
        }),
      };
    },
  };
}

export const onlyTheOldPage = airline({
  name: "only-the-old-page",
  story: "An airline's assistant reads one page about refunds, the old one, and tells what stands there.",
  assistant: async (ctx) => {
    let text = "I hand you over to a colleague.";
    await carelessly(async () => {
      ({ text } = await readPage(ctx, "website.page"));
    });
    return text;
  },
});

export const bothPages = airline({
  name: "both-pages",
  story:
    "It reads the right page, then the old one, whose clock is a day ahead, and tells its customer what it believes to be newer.",
  assistant: async (ctx) => {
    await readPage(ctx, "policy.get");
    await carelessly(() => readPage(ctx, "website.page"));
    return OLD;
  },
});
