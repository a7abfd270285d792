/** Takes a guard out of a process of a test: BUSBAR_CHAOS_PATCHES, a JSON array of patches. */
import { type Patch, patchModules } from "./patch.ts";

patchModules(JSON.parse(process.env["BUSBAR_CHAOS_PATCHES"] ?? "[]") as readonly Patch[]);
