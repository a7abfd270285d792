import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "./assert.ts";
import { BoundedQueue } from "./bounded-queue.ts";

describe("the bounded queue", () => {
  it("is a list with a bound, whatever is pushed, shifted and cleared [ownership:state-bounded]", () => {
    const action = fc.constantFrom("push", "push", "push", "shift", "shift", "clear");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(action, { maxLength: 200 }), (capacity, actions) => {
        const queue = new BoundedQueue<number>(capacity);
        let list: number[] = [];
        for (const [index, what] of actions.entries()) {
          if (what === "push") {
            expect(queue.push(index)).toBe(list.length < capacity);
            if (list.length < capacity) list.push(index);
          } else if (what === "shift") expect(queue.shift()).toBe(list.shift());
          else {
            queue.clear();
            list = [];
          }
          expect([queue.length, queue.isFull]).toEqual([list.length, list.length === capacity]);
        }
      }),
    );
  });

  it("gives its room back over many turns, in order", () => {
    const queue = new BoundedQueue<number>(3000);
    for (let index = 0; index < 2000; index += 1) queue.push(index);
    for (let index = 0; index < 10_000; index += 1) {
      expect(queue.shift()).toBe(index);
      expect(queue.push(index + 2000)).toBe(true);
    }
    expect(queue.length).toBe(2000);
  });

  it("has a positive bound", () => {
    expect(() => new BoundedQueue(0)).toThrow(AssertionError);
  });
});
