/** The agent module named in busbar.yaml: its `agents` is what `busbar agent run` and `busbar dev` load. */
import { cleaner } from "./cleaner.ts";
import { looper } from "./looper.ts";
import { support } from "./support.ts";
import { warehouse } from "./warehouse.ts";

export { cleaner, looper, support, warehouse };

export const agents = [cleaner, looper, support, warehouse] as const;
