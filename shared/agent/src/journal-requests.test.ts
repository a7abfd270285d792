import { describe, expect, it } from "vitest";
import { JournalRequests } from "./journal-requests.ts";

function build(fail = false) {
  const sent: string[] = [];
  const waiting: { readonly delayMs: number; readonly run: () => void }[] = [];
  const requests = new JournalRequests({
    pauseMs: 10,
    send(_partition, chainId) {
      sent.push(chainId);
      return fail ? Promise.reject(new Error("away")) : Promise.resolve();
    },
    timers: {
      after(delayMs, run) {
        const entry = { delayMs, run };
        waiting.push(entry);
        return () => void waiting.splice(waiting.indexOf(entry), 1);
      },
    },
  });
  return { requests, sent, waiting, fire: () => waiting.shift()?.run() };
}

describe("requests for a journal [agents:assignment-is-a-fact]", () => {
  it("are one per chain until it is answered", () => {
    const { requests, sent } = build();
    for (const chain of ["a", "a", "b", "a"]) requests.ask(0, chain, 1, "r");
    expect(sent).toEqual(["a", "b"]);
    requests.answered("a");
    requests.ask(0, "a", 1, "r");
    expect(sent).toEqual(["a", "b", "a"]);
  });

  it("are sent again after growing pauses, also after a failure, and given up in the end", () => {
    const { requests, sent, waiting, fire } = build(true);
    requests.ask(0, "a", 1, "r");
    const pauses: number[] = [];
    while (waiting.length > 0) {
      pauses.push(waiting[0]?.delayMs ?? 0);
      fire();
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160]);
    expect(sent).toHaveLength(5);
  });

  it("end with the process", () => {
    const { requests, waiting } = build();
    requests.ask(0, "a", 1, "r");
    requests.stop();
    expect(waiting).toEqual([]);
  });
});
