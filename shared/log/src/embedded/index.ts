/** The log in one SQLite file or in memory. */
export { createEmbeddedLog, type EmbeddedLogOptions } from "./embedded-log.ts";
