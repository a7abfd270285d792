/** Which events are asked for. An agent's name covers what its chains did; a chain covers its sub-tasks. Pure. */
import { type BusEvent, MESSAGE_TYPES } from "@busbar/events";
import { busbarError } from "@busbar/kernel";

export interface EventFilter {
  readonly chain?: string;
  readonly agent?: string;
  /** Type names, or parts of one that end in `*`. */
  readonly types?: readonly string[];
}

export function matches(filter: EventFilter, event: BusEvent): boolean {
  const { chain, agent, types } = filter;
  if (chain !== undefined && event.meta.chainId !== chain && !event.meta.lineage.includes(chain)) return false;
  if (agent !== undefined && event.meta.agent !== agent) return false;
  if (types === undefined) return true;
  return types.some((type) => (type.endsWith("*") ? event.type.startsWith(type.slice(0, -1)) : event.type === type));
}

/** Type names from a comma-separated list. Throws BUSBAR_INPUT_INVALID for one that no event has. */
export function typesOption(text: string): readonly string[] {
  return text.split(",").map((given) => {
    const name = given.trim();
    const isStem = name.endsWith("*");
    const stem = (isStem ? name.slice(0, -1) : name).toLowerCase();
    const found = MESSAGE_TYPES.filter((type) =>
      isStem ? type.toLowerCase().startsWith(stem) : type.toLowerCase() === stem,
    );
    const [first] = found;
    if (first !== undefined && stem !== "") return isStem ? `${first.slice(0, stem.length)}*` : first;
    const close = MESSAGE_TYPES.filter((type) => type.toLowerCase().includes(stem) && stem !== "").slice(0, 4);
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: "--type",
      reason: `no event is named ${name}`,
      next: close.length === 0 ? "npx busbar schemas" : `write ${close.join(", or ")}`,
    });
  });
}
