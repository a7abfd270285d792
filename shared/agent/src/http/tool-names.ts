/**
 * Names of tools as chat endpoints allow them: letters, digits, `_` and `-`, at most 64. The bus's own may hold dots. The
 * mapping is a function of the tools on offer, in their order, so a request asked again is the same request.
 */
import { isJsonObject, type Json } from "@busbar/kernel";

const WIRE_LENGTH = 64;

/** The name of an offered tool specification; null for what is none. */
export function offeredName(tool: Json): string | null {
  const named = isJsonObject(tool) ? tool["function"] : undefined;
  const name = isJsonObject(named) ? named["name"] : undefined;
  return typeof name === "string" ? name : null;
}

export interface WireNames {
  toWire(name: string): string;
  /** The bus's name; a name that was not offered stays as it is. */
  fromWire(wire: string): string;
}

const sanitized = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, WIRE_LENGTH);

export function wireNames(tools: readonly Json[]): WireNames {
  const byName = new Map<string, string>();
  const byWire = new Map<string, string>();
  for (const tool of tools) {
    const name = offeredName(tool);
    if (name === null || byName.has(name)) continue;
    let wire = sanitized(name);
    for (let twin = 2; byWire.has(wire); twin += 1) wire = `${sanitized(name).slice(0, WIRE_LENGTH - 4)}_${twin}`;
    byName.set(name, wire);
    byWire.set(wire, name);
  }
  return {
    toWire: (name) => byName.get(name) ?? sanitized(name),
    fromWire: (wire) => byWire.get(wire) ?? wire,
  };
}
