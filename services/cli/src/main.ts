/** The busbar command on Node 24: runs one command line and ends with its exit code. */
import { processStreams } from "./output.ts";
import { run } from "./program.ts";

// A reader that went away (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = await run(process.argv.slice(2), processStreams());
