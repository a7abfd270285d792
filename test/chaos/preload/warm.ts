/** Keeps compiled code for the next process of the run: one that is killed would never write it. */
import { flushCompileCache } from "node:module";

const KEEP_AFTER_MS = 4000;
setTimeout(() => flushCompileCache(), KEEP_AFTER_MS).unref();
