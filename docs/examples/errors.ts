/** An error as every process of the bus raises it: what, why, and what to type next. */
import { busbarError, canonicalJson, shortHash } from "@busbar/kernel";

const error = busbarError("BUSBAR_NOT_FOUND", { what: "chain", id: shortHash("task", "a key") });
process.stdout.write(`${error.code}: ${error.message}\n  next: ${error.next}, exit code ${error.row.exitCode}\n`);
process.stdout.write(`${canonicalJson({ b: 1, a: [2, "x"] })}\n`);
