import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it } from "vitest";
import { createNotices, type Notice, NOTICES_KEPT, type NoticesOptions } from "./notices.ts";
import { webhookNotices } from "./webhook.ts";

const notice = (count: number): Notice => ({
  kind: "approval-requested",
  event: `busbar.events/0/${count}`,
  chainId: "c",
  callId: `c:${count}`,
  agent: "a",
  tool: "t",
  rule: "approve",
  reason: "",
  argsHash: "",
  expiresAtMs: 0,
  next: "",
});

/** Timers that a test moves: everything that is due is called at once. */
function board(post: NoticesOptions["post"]) {
  const lines: string[] = [];
  const waits: number[] = [];
  const error = (fields: { readonly event: string }, text: string): void => void lines.push(`${fields.event} ${text}`);
  const logger = { ...SILENT_LOGGER, error } as unknown as NoticesOptions["logger"];
  const after = (delayMs: number, run: () => void): (() => void) => {
    waits.push(delayMs);
    // The time-out of an attempt is no wait between two.
    const timer = delayMs === 77 ? undefined : setTimeout(run, 0);
    return () => clearTimeout(timer);
  };
  const made = createNotices({ post, timers: { after }, logger, timeoutMs: 77, retriesMs: [10, 20] });
  return { made, lines, waits };
}
const settled = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 30));

describe("notices to people", () => {
  it("are tried so often and no more, then said to have failed [approvals:webhook]", async () => {
    let tries = 0;
    const { made, lines, waits } = board(() => Promise.reject(new Error(`down ${(tries += 1)}`)));
    made.tell(notice(1));
    await settled();
    expect([tries, waits.filter((ms) => ms !== 77)]).toEqual([3, [10, 20]]);
    expect(lines).toEqual(["busbar.events/0/1 nobody could be told: down 3"]);
  });

  it("wait in a bounded queue: the oldest is dropped, and said so [approvals:webhook]", async () => {
    let free = (): void => undefined;
    const sent: string[] = [];
    const { made, lines } = board(({ event }) => {
      sent.push(event);
      return sent.length === 1 ? new Promise((resolve) => (free = resolve)) : Promise.resolve();
    });
    for (let count = 0; count <= NOTICES_KEPT + 1; count += 1) made.tell(notice(count));
    expect(lines).toEqual(["busbar.events/0/1 too many notices wait: the oldest was dropped"]);
    free();
    await settled();
    expect([sent.length, sent[1]]).toEqual([NOTICES_KEPT + 1, "busbar.events/0/2"]);
  });

  it("end with their process [approvals:webhook]", async () => {
    const sent: string[] = [];
    const { made } = board(({ event }) => Promise.resolve(void sent.push(event)));
    made.stop();
    made.tell(notice(1));
    await settled();
    expect(sent).toEqual([]);
    let tries = 0;
    const down = board(() => Promise.reject(new Error(`down ${(tries += 1)}`)));
    down.made.tell(notice(1));
    await Promise.resolve();
    down.made.stop();
    await settled();
    expect([tries, down.lines]).toEqual([1, []]);
  });

  it("need an address that is one; it is not repeated, since it may hold a secret [approvals:webhook]", () => {
    const start = (url: string) => () => webhookNotices({ BUSBAR_WEBHOOK_URL: url }, SILENT_LOGGER);
    expect(start("ftp://host/hunter2")).toThrow(/no http:\/\/ or https:\/\/ address/);
    expect(start("hunter2")).not.toThrow(/hunter2/);
  });
});
