/** For `npm run histories`: how many histories each property is tried on. */
import fc from "fast-check";

fc.configureGlobal({ numRuns: Number(process.env["BUSBAR_HISTORIES"] ?? "100") });
