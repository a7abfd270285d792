export * from "./assert.ts";
export * from "./bounded-queue.ts";
export * from "./error.ts";
export { type Disposition, DISPOSITIONS, type ErrorRow } from "./error-row.ts";
export * from "./error-table.ts";
export * from "./hash.ts";
export * from "./ids.ts";
export * from "./json.ts";
