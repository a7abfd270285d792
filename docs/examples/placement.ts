/** Which records count: one claim, one valid record, and three that void themselves. */
import { claimHeaders, initialPlacement, place, stampHeaders } from "@busbar/events";

const value = new TextEncoder().encode("an event");
const prev = "0".repeat(64);
const mine = { offset: 0n, nonce: "mine" };
const stamped = (at: bigint) => ({ ...stampHeaders({ type: "TimerFired", at, claim: mine, prev, value }) });

const log = [
  claimHeaders({ owner: "gateway-1", nonce: "mine" }),
  stamped(1n),
  stamped(1n),
  claimHeaders({ owner: "gateway-2", nonce: "theirs" }),
  stamped(4n),
];

let state = initialPlacement();
for (const [offset, headers] of log.entries()) {
  const placed = place(state, { offset: BigInt(offset), headers });
  state = placed.state;
  process.stdout.write(`${offset}: ${placed.verdict} ${placed.reason}\n`);
}
