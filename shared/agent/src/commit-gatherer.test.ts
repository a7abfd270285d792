import { describe, expect, it } from "vitest";
import { createCommitGatherer } from "./commit-gatherer.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("createCommitGatherer", () => {
  it("commits of partitions share a request, one at a time, and fail together [agents:assignment-is-a-fact]", async () => {
    const sent: (readonly (readonly [number, bigint])[])[] = [];
    const held: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const gatherer = createCommitGatherer((positions) => {
      sent.push([...positions]);
      return new Promise((resolve, reject) => held.push({ resolve, reject }));
    });
    const first = Promise.all([gatherer.commit(0, 5n), gatherer.commit(1, 7n)]);
    await turn();
    const second = Promise.allSettled([gatherer.commit(0, 9n), gatherer.commit(0, 8n), gatherer.commit(2, 1n)]);
    await turn();
    expect(sent).toEqual([
      [
        [0, 5n],
        [1, 7n],
      ],
    ]);
    held[0]?.resolve();
    await first;
    await turn();
    expect(sent[1]).toEqual([
      [0, 9n],
      [2, 1n],
    ]);
    held[1]?.reject(new Error("away"));
    expect((await second).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    void gatherer.commit(2, 1n);
    await turn();
    expect(sent[2]).toEqual([[2, 1n]]);
  });
});
