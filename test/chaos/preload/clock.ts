/** A wall clock that jumps: at SIGUSR2 the file BUSBAR_CHAOS_CLOCK says by how many ms from now on. Monotonic time stays. */
import { readFileSync } from "node:fs";

const RealDate = Date;
let shiftMs = 0;

process.on("SIGUSR2", () => {
  shiftMs = Number(readFileSync(process.env["BUSBAR_CHAOS_CLOCK"] ?? "", "utf8"));
});

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[]) =>
    args.length === 0 ? new target(target.now() + shiftMs) : (Reflect.construct(target, args) as Date),
  apply: (target) => new target(target.now() + shiftMs).toString(),
  get: (target, name) =>
    name === "now"
      ? () => target.now() + shiftMs
      : (Reflect.get(target, name) as (typeof RealDate)[keyof typeof RealDate]),
});
