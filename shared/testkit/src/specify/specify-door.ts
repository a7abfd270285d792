/**
 * Given, when, then for the door: what a policy makes of what an agent, a tool or a person does.
 *
 *   specifyDoor({ tools, agent: "clerk" })
 *     .given(halts("tool:db.drop"))
 *     .when(calls("db.drop", { table: "orders" }))
 *     .thenRecords("EffectRefused", { code: "BUSBAR_HALT_ACTIVE" });
 */
import { AssertionError } from "node:assert";
import type { ToolDefinition } from "@busbar/agent";
import { buildPolicy, type ProjectFile } from "@busbar/agent/project";
import type { BusEvent } from "@busbar/events";
import { DoorScene, type DoorStep } from "./door-scene.ts";

export interface DoorSpecificationOptions {
  readonly tools?: readonly ToolDefinition[];
  /** Whose task it is; default `agent`. */
  readonly agent?: string;
  /** As in a project file; an agent that it leaves out may do everything. */
  readonly policy?: Partial<Omit<ProjectFile, "version" | "modules">>;
}

export interface DoorOutcome {
  /** Fails unless an event of this type with these fields was recorded; the event. */
  thenRecords<T extends BusEvent["type"]>(
    type: T,
    fields?: Partial<Extract<BusEvent, { type: T }>>,
  ): Extract<BusEvent, { type: T }>;
  /** Fails unless exactly these types were recorded, in this order. */
  thenExactly(...types: readonly BusEvent["type"][]): void;
  thenNothingHappens(): void;
}

export interface DoorSpecification {
  given(...steps: readonly DoorStep[]): { when(step: DoorStep): DoorOutcome };
}

const fail = (message: string): never => {
  throw new AssertionError({ message });
};
const told = (events: readonly BusEvent[]): string =>
  events.length === 0 ? "nothing" : events.map(({ type }) => type).join(", ");

function fits(event: BusEvent, fields: Readonly<Record<string, unknown>>): boolean {
  const found: Readonly<Record<string, unknown>> = { ...event };
  return Object.entries(fields).every(([name, value]) => JSON.stringify(found[name]) === JSON.stringify(value));
}

function outcomeOf(events: readonly BusEvent[]): DoorOutcome {
  return {
    thenRecords: (type, fields = {}) => {
      const ofType = events.filter((event) => event.type === type);
      const found = ofType.find((event) => fits(event, fields));
      if (found === undefined && ofType.length > 0)
        fail(`${type} was recorded, but not with ${JSON.stringify(fields)}: ${JSON.stringify(ofType[0])}`);
      if (found === undefined) fail(`${type} was not recorded; recorded: ${told(events)}`);
      return found as Extract<BusEvent, { type: typeof type }>;
    },
    thenExactly: (...types) => {
      if (told(events) !== types.join(", ")) fail(`recorded: ${told(events)}; expected: ${types.join(", ")}`);
    },
    thenNothingHappens: () => {
      if (events.length > 0) fail(`recorded: ${told(events)}; expected nothing`);
    },
  };
}

/** A specification of the door under a policy: one task of one agent, step by step, without log, clock or tools. */
export function specifyDoor(options: DoorSpecificationOptions = {}): DoorSpecification {
  const { tools = [], agent = "agent", policy = {} } = options;
  const everything = { tools: ["*"], models: ["*"], sends: ["*"] };
  const agents = { [agent]: everything, ...policy.agents };
  const built = buildPolicy("specification", { version: 1, ...policy, agents }, tools);
  return {
    given: (...steps) => ({
      when: (step) => {
        const scene = new DoorScene(built, agent);
        for (const earlier of steps) earlier(scene);
        return outcomeOf(step(scene));
      },
    }),
  };
}
