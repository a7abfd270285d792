/** The project file of a test bus: short bounds, so that a doubt is settled while a test waits. JSON is YAML. */
import { relative, resolve } from "node:path";

const HERE = import.meta.dirname;
const EXAMPLES = resolve(HERE, "../../services/examples/src");

export interface ProjectOverrides {
  readonly rules?: Readonly<Record<string, number>>;
  readonly breaker?: Readonly<Record<string, number>>;
  readonly flow?: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  readonly drift?: Readonly<Record<string, number | string>>;
  /** Of every mutating tool, ms. */
  readonly fireBoundMs?: number;
  readonly timeoutMs?: number;
  /** Bulkheads and rates, by tool. */
  readonly caps?: Readonly<Record<string, object>>;
  /** The section of this name; default: there is none. */
  readonly degradation?: object;
}

const MUTATING = ["orders.refund", "orders.change", "orders.annotate", "inventory.sync", "mail.send", "parcel.book"];

/** `folder` is where the file will lie: modules are named relative to it. */
export function projectText(folder: string, overrides: ProjectOverrides): string {
  const { fireBoundMs = 1000, timeoutMs = 1500, caps = {} } = overrides;
  const bounds = { fireBoundMs, timeoutMs, attempts: 3 };
  const tools = Object.fromEntries(MUTATING.map((name) => [name, { ...bounds, ...caps[name] }]));
  const agents = {
    looper: { tools: ["orders.annotate"], models: ["adversary-loop"] },
    support: { tools: ["orders.read", "customers.read", "orders.refund", "mail.send"], sends: ["warehouse"] },
    warehouse: { tools: ["inventory.sync", "sql.read"] },
    courier: { tools: ["orders.annotate", "mail.send"] },
    rebel: { tools: ["orders.annotate"] },
    teller: { tools: ["vault.open"], models: ["adversary-loop"] },
    plotter: { tools: ["orders.annotate"], sends: ["rebel"] },
    booker: { tools: ["orders.annotate", "parcel.book"] },
    adder: { tools: ["orders.read", "orders.change"] },
    porter: { tools: ["orders.annotate", "parcel.book"] },
  };
  const modules = {
    tools: [relative(folder, resolve(HERE, "tools.ts"))],
    models: [relative(folder, resolve(EXAMPLES, "models/index.ts"))],
    agents: [relative(folder, resolve(HERE, "agents.ts"))],
  };
  const limits = { maxSteps: 10_000, settleMarginMs: 300 };
  const rules = { consecutiveErrors: 2, ...overrides.rules };
  const breaker = { consecutiveFailures: 0, agentFailures: 0, pairFailures: 0, ...overrides.breaker };
  const { flow = {}, drift = {}, degradation } = overrides;
  return JSON.stringify({ version: 1, modules, tools, agents, rules, breaker, flow, drift, limits, degradation });
}
