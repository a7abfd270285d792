import { describe, expect, it } from "vitest";
import { type CpuProfile, flameOf, flameSvg, partOf, selfByPart } from "./flame.ts";

const frame = (functionName: string, url = "") => ({ functionName, url });
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 5, 6] },
    { id: 2, callFrame: frame("turn", "file:///x/shared/runtime/src/loop.ts"), children: [3, 4] },
    { id: 3, callFrame: frame("encode", "file:///x/node_modules/avsc/lib/types.js") },
    { id: 4, callFrame: frame("<decide>", "file:///x/shared/policy/src/door/decide.ts") },
    { id: 5, callFrame: frame("(idle)") },
    { id: 6, callFrame: frame("(garbage collector)") },
  ],
  samples: [3, 5, 3, 4, 2, 6],
  timeDeltas: [9000, 5000, 1000, 2000, 500, 250],
};

describe("a CPU profile", () => {
  it("is the self time of its parts in its last milliseconds, without sleep", () => {
    const root = flameOf(PROFILE, 8);
    expect(root.totalUs).toBe(3750);
    expect(selfByPart(root)).toEqual([
      ["@busbar/policy", 2000],
      ["avsc", 1000],
      ["@busbar/runtime", 500],
      ["garbage collector", 250],
    ]);
  });

  it("is a graph in which the width of a call is its share", () => {
    const svg = flameSvg(flameOf(PROFILE, 8), "a & b");
    expect(svg).toContain("a &#38; b");
    expect(svg).toContain("turn · @busbar/runtime: 93.3 %");
    expect(svg).toContain("&#60;decide&#62; · @busbar/policy: 53.3 %");
  });

  it("names the part of a frame", () => {
    expect(partOf(frame("a", "file:///x/node_modules/@scope/pack/a.js"))).toBe("@scope/pack");
    expect(partOf(frame("a", "file:///x/services/gateway/src/main.ts"))).toBe("services/gateway");
    expect(partOf(frame("a", "node:internal/streams/x"))).toBe("node:streams");
    expect(partOf(frame("(program)"))).toBe("system calls and V8 itself");
    expect(partOf(frame("push"))).toBe("native functions");
  });
});
