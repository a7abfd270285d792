/** The agent module named in busbar.yaml: its `agents` is what `busbar agent run` and `busbar dev` load. */
import { cleaner } from "./cleaner.ts";
import { looper } from "./looper.ts";
import { support } from "./support.ts";
import { warehouse } from "./warehouse.ts";

export { cleaner, looper, support, warehouse };

/** The honest ones first: `busbar dev` offers their examples in this order. */
export const agents = [support, warehouse, cleaner, looper] as const;
