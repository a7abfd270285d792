/** A command line typed at the bus of a test, as a person types it. */
import { dirname, join } from "node:path";
import { inject } from "vitest";
import { personEnv, type as typeLine } from "../e2e/shell.ts";
import type { Bus } from "./bus.ts";

/** `npx busbar <line>` at this bus, as JSON. Throws what it wrote to standard error where it answered nothing. */
export async function asked(bus: Bus, line: string): Promise<unknown> {
  const folder = dirname(bus.keys);
  const env = personEnv({
    BUSBAR_BROKERS: inject("brokers").join(","),
    BUSBAR_PREFIX: bus.prefix,
    BUSBAR_KEYS: bus.keys,
    BUSBAR_PROJECT: join(folder, "busbar.yaml"),
  });
  const { out, err } = await typeLine(`npx busbar ${line} -o json`, folder, env);
  if (out === "") throw new Error(`busbar ${line}: ${err}`);
  return JSON.parse(out);
}
