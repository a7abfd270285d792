#!/usr/bin/env node
/**
 * The busbar command. Plain JavaScript for Node 20 and newer; it finds the repository from its own place,
 * installs what is missing and runs the command on the repository's Node 24.
 */
import { join } from "node:path";
import { bootstrap, ROOT } from "../../../infra/bootstrap/bootstrap.mjs";

await bootstrap(join(ROOT, "services/cli/src/main.ts"), process.argv.slice(2));
