export * from "./assert.ts";
export * from "./bounded-queue.ts";
export * from "./error.ts";
export * from "./error-table.ts";
export * from "./hash.ts";
export * from "./ids.ts";
export * from "./json.ts";
