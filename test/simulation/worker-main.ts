/** A worker of the simulation: runs the seeds it is sent and answers with their verdicts. Argument: a mutant's name. */
import { infect, MUTANTS } from "./mutants.ts";

const mutant = MUTANTS.find(({ name }) => name === process.argv[2]);
if (mutant !== undefined) infect(mutant);
// Only now: what is loaded from here on is the mutant's.
const { checkSeed } = await import("./check-seed.ts");

process.on("message", (seeds: readonly number[]) => {
  void (async () => {
    for (const seed of seeds) process.send?.(await checkSeed(seed));
    process.send?.("idle");
  })();
});
process.on("disconnect", () => process.exit(0));
process.send?.("idle");
