import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createOutput, type OutputForm } from "./output.ts";
import { progressLine } from "./progress.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What standard error shows of work that lasts `ms`. */
function shown(form: OutputForm, errWidth: number | null, ms: number): string {
  let text = "";
  const streams = { out: () => undefined, err: (more: string) => void (text += more), width: null, hasColour: false };
  const progress = createOutput(form, { ...streams, errWidth }).progress("records", 100);
  for (let passed = 0; passed < ms; passed += 100) {
    progress.tick(passed / 100);
    vi.advanceTimersByTime(100);
  }
  progress.stop();
  vi.advanceTimersByTime(10_000);
  return text;
}

describe("progress", () => {
  it("is silent for a second, and then says how far it is, how fast, and how long it will last [cli:progress]", () => {
    expect(shown("table", null, 900)).toBe("");
    expect(shown("table", null, 3200)).toBe(
      "9 of 100 records, 9.0 a second, about 11 s left\n29 of 100 records, 9.7 a second, about 8 s left\n",
    );
    expect(progressLine("records", 5, null, 1000, "partition 2")).toBe("5 records, 5.0 a second; partition 2");
  });

  it("is one line on a terminal, cut at its edge and wiped at the end [cli:progress]", () => {
    const text = shown("table", 20, 1300);
    expect(text.startsWith("\r\u001b[K9 of 100 records, 9")).toBe(true);
    expect(text.endsWith("\r\u001b[K")).toBe(true);
    expect(text).not.toContain("\n");
    expect(shown("table", 20, 500)).toBe("");
  });

  it("is never there under json and jsonl [cli:progress]", () => {
    expect([shown("json", 80, 5000), shown("jsonl", null, 5000)]).toEqual(["", ""]);
  });
});
